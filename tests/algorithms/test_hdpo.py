"""HDPO: it finds what theory knows, and its weights do what they say."""

import jax
import jax.numpy as jnp
import pytest
from small_runs import small_config

from neuroinv.build import build
from neuroinv.experiment import train
from neuroinv.rollout import draw
from neuroinv.types import InputError

BACKLOGGED = (
    "problem=one_store_backlogged",
    "policy=base_stock",
    "training.train={scenarios: 2048, periods: 50, burn_in: 10}",
    "training.dev={scenarios: 512, periods: 60, burn_in: 20}",
    "training.batch=256",
    "training.steps=400",
    "training.steps_between_dev=50",
)


@pytest.mark.parametrize(("lead_time", "underage_cost"), [(1, 4), (4, 39)])
def test_a_base_stock_level_is_fitted_to_the_newsvendor_optimum(tmp_path, lead_time, underage_cost):
    config = small_config(
        tmp_path,
        *BACKLOGGED,
        f"problem.edges.order.lead_time={lead_time}",
        f"problem.nodes.store.underage_cost={underage_cost}",
        net=False,
    )
    table = train(config).table
    optimum, fitted = table.rows
    assert table.gap(fitted) < 0.0005
    assert fitted.exact >= optimum.exact


@pytest.mark.parametrize("policy", ["hybrid", "gnn"])
def test_a_choice_that_no_derivative_reaches_is_refused(tmp_path, policy):
    given = ("problem=fixed_cost_store", f"policy={policy}")
    with pytest.raises(InputError, match=r"is hdpo, but no derivative .*; use algorithm=hpo"):
        build(small_config(tmp_path, *given, net=False))


def test_a_network_beats_the_best_base_stock_policy_under_lost_sales(tmp_path):
    config = small_config(
        tmp_path,
        "problem.edges.order.lead_time=2",
        "training.train={scenarios: 4096, periods: 40, burn_in: 0}",
        "training.dev={scenarios: 512, periods: 60, burn_in: 20}",
        "training.batch=128",
        "training.steps=400",
        "training.steps_between_dev=50",
        "policy.hidden=[32,32]",
        net=False,
    )
    table = train(config).table
    optimum, base_stock, capped, learned = table.rows
    assert optimum.exact <= learned.exact < capped.exact < base_stock.exact
    assert table.gap(learned) < 0.005


def test_scenarios_without_customers_have_no_weight(tmp_path):
    """Weighted by inverse scale, one in which nobody is there leaves the others as they were."""
    config = small_config(
        tmp_path,
        "problem=one_store_backlogged",
        "policy=base_stock",
        "algorithm.weighting=inverse_scale",
        "algorithm.clip_norm=1e9",
        net=False,
    )
    built = build(config)
    batch = jax.tree.map(
        lambda leaf: leaf[:4], draw(built.problem, built.train.params, jax.random.key(0), 20)
    )
    present = batch.params.present.at[0].set(0.0)
    absent = batch._replace(params=batch.params._replace(present=present))
    others = jax.tree.map(lambda leaf: leaf[1:], batch)
    state = built.algorithm.init(jax.random.key(0))
    of_absent = built.algorithm.update(state, absent)[1]["gradient_norm"]
    of_others = built.algorithm.update(state, others)[1]["gradient_norm"]
    assert float(of_absent) == pytest.approx(float(of_others), rel=1e-4)


@pytest.mark.parametrize(("weighting", "share"), [("equal", 50.5), ("inverse_scale", 200 / 101)])
def test_a_scenario_a_hundred_times_as_large(tmp_path, weighting, share):
    """With equal weights it owns the gradient; weighted by inverse scale both count alike."""
    config = small_config(
        tmp_path,
        "problem=one_store_backlogged",
        "policy=base_stock",
        f"algorithm.weighting={weighting}",
        "algorithm.clip_norm=1e9",
        net=False,
    )
    built = build(config)
    drawn = draw(built.problem, built.train.params, jax.random.key(0), 20)
    one = jax.tree.map(lambda leaf: leaf[:1], drawn)
    large = one._replace(
        params=one.params._replace(
            demand=one.params.demand._replace(mean=100 * one.params.demand.mean)
        ),
        state=jax.tree.map(lambda leaf: 100 * leaf, one.state),
        noise=jax.tree.map(lambda leaf: 100 * leaf, one.noise),
    )
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), one, large)
    state = built.algorithm.init(jax.random.key(0))
    alone = built.algorithm.update(state, one)[1]["gradient_norm"]
    together = built.algorithm.update(state, both)[1]["gradient_norm"]
    assert float(together / alone) == pytest.approx(share, rel=1e-4)
