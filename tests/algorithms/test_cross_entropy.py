"""The cross-entropy method: it finds what theory and gradients find, and nothing undefined."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import example, first, one_store, sales_file
from small_runs import small_config

from neuroinv.algorithms.cross_entropy import cross_entropy
from neuroinv.build import build
from neuroinv.config import CrossEntropyConfig
from neuroinv.decisions import Deterministic
from neuroinv.experiment import train
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.types import InputError, Policy


def test_a_base_stock_level_is_found_without_a_gradient(tmp_path):
    config = small_config(
        tmp_path,
        "problem=one_store_backlogged",
        "policy=base_stock",
        "algorithm=cross_entropy",
        "training.train={scenarios: 1024, periods: 50, burn_in: 10}",
        "training.dev={scenarios: 512, periods: 60, burn_in: 20}",
        "training.batch=256",
        "training.steps=30",
        net=False,
    )
    table = train(config).table
    optimum, found = table.rows
    assert optimum.exact <= found.exact
    assert table.gap(found) < 0.001


def test_levels_of_a_series_are_as_good_as_those_of_gradients(tmp_path):
    """Four levels at once; both costs are exact."""
    shared = (
        "problem=serial_system",
        "policy=echelon_stock",
        "training.train={scenarios: 1024, periods: 80, burn_in: 20}",
        "training.dev={scenarios: 512, periods: 80, burn_in: 30}",
        "training.batch=128",
        "training.steps_between_dev=10",
    )
    search = ("algorithm=cross_entropy", "training.steps=40")
    gradient = ("training.steps=150", "algorithm.learning_rate=0.05")
    searched, learned = (
        train(small_config(tmp_path, *shared, *how, net=False)).table for how in (search, gradient)
    )
    assert searched.gap(searched.rows[-1]) < 0.01
    assert searched.rows[-1].exact == pytest.approx(learned.rows[-1].exact, rel=0.01)


def test_levels_of_a_warehouse_and_its_stores_cost_what_those_of_gradients_do(tmp_path):
    """Demand is lost, so theory names no levels; both are scored on the same paths."""
    shared = (
        "problem=one_warehouse_lost",
        "problem.nodes.store.count=2",
        "policy=base_stock",
        "training.train={scenarios: 512, periods: 60, burn_in: 20}",
        "training.dev={scenarios: 256, periods: 60, burn_in: 20}",
        "training.test={scenarios: 512, periods: 200, burn_in: 50}",
        "training.steps_between_dev=10",
    )
    search = ("algorithm=cross_entropy", "training.batch=128", "training.steps=40")
    gradient = ("algorithm.learning_rate=0.05", "training.batch=128", "training.steps=150")
    searched, learned = (
        train(small_config(tmp_path, *shared, *how, net=False)).table.rows[-1].tested.estimate
        for how in (search, gradient)
    )
    assert searched == pytest.approx(learned, rel=0.005)


def test_a_forecaster_is_not_searched(tmp_path):
    path = sales_file(tmp_path, items=40, weeks=150)
    given = (
        "experiment=real_one_store",
        "policy=fixed_quantile",
        "algorithm=cross_entropy",
        "comparisons=[]",
        f"problem.demand.path={path}",
        "problem.demand.columns={location: location, quantity: quantity}",
        "problem.demand.test=[90,150]",
    )
    with pytest.raises(InputError, match="cross_entropy would search the forecaster of fixed_quan"):
        build(small_config(tmp_path, *given, net=False))


def test_candidates_whose_cost_is_undefined_are_passed_over():
    network = one_store(2)
    scenarios = example(network, 10, 16)
    problem = inventory_problem(network)

    def apply(variables, observation):
        del observation
        return Deterministic(jnp.sqrt(variables["order"])[None])

    policy = Policy(lambda key, seen: {"order": jnp.float32(0.1)}, apply)
    config = CrossEntropyConfig("cross_entropy", initial_std=1.0)
    algorithm = cross_entropy(problem, policy, first(scenarios), config, 0)
    state = algorithm.init(jax.random.key(0))
    for _ in range(3):
        state, metrics = jax.jit(algorithm.update)(state, scenarios)
        assert np.isfinite(metrics["train_cost"])
        assert state.variables["order"] > 0
