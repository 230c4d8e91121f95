"""Every config that ships composes and runs two updates, and `conf/` says what each is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import sales_file
from small_runs import small_config

from neuroinv.build import build, dev_scenarios
from neuroinv.composition import GROUPS, choices, conf_folder
from neuroinv.config import Config
from neuroinv.experiment import train
from neuroinv.training.records import read_metrics

TWO_UPDATES = (
    "training.steps=2",
    "training.steps_between_dev=1",
    "training.seeds=1",
    "training.batch=6",
)
ON_A_TABLE = (
    "problem.demand.columns={location: location, quantity: quantity}",
    "problem.demand.train=[0,60]",
    "problem.demand.dev=[50,110]",
    "problem.demand.test=[100,150]",
    "training.train={scenarios: null, periods: null, burn_in: 8}",
    "training.dev={scenarios: null, periods: null, burn_in: 8}",
    "training.test={scenarios: null, periods: null, burn_in: 8}",
)


# One of each kind is trained; the others differ from it in numbers, and are built and simulated.
TRAINED = (
    "one_store_lost",
    "one_store_real",
    "serial_3",
    "transshipment",
    "one_warehouse_lost",
    "many_warehouses_10_2",
    "real_many_warehouses_21_3_cost_on_orders",
)


def config_of(tmp_path, *overrides: str) -> Config:
    if any("real" in one for one in overrides):
        places = 21 if any("warehouse" in one for one in overrides) else 2
        path = sales_file(tmp_path, items=8, places=places, weeks=150)
        overrides = (*overrides, *ON_A_TABLE, f"problem.demand.path={path}")
    return small_config(tmp_path / "runs", *overrides, *TWO_UPDATES, net=False)


def runs_two_updates(tmp_path, *overrides: str) -> None:
    finished = train(config_of(tmp_path, *overrides))
    assert [record["step"] for record in read_metrics(finished.path)] == [1, 2]


@pytest.mark.parametrize("problem", TRAINED)
def test_each_kind_of_problem_trains(tmp_path, problem):
    runs_two_updates(tmp_path, f"problem={problem}")


@pytest.mark.parametrize("problem", [name for name in choices("problem") if name not in TRAINED])
def test_every_other_problem_is_built_and_simulated(tmp_path, problem):
    experiment = build(config_of(tmp_path, f"problem={problem}", "policy=mlp"))
    assert experiment.config.problem.name == problem
    params, state = jax.tree.map(lambda leaf: leaf[0], dev_scenarios(experiment)[:2])
    orders = jnp.ones(len(experiment.instance.network.edges))
    noise = jax.tree.map(lambda leaf: leaf[0, 0], dev_scenarios(experiment).noise)
    _, outcome = experiment.problem.step(params, state, orders, noise)
    assert all(np.isfinite(cost) for cost in outcome.costs)


FORECASTING = (
    "quantile_newsvendor",
    "returns_newsvendor",
    "fixed_quantile",
    "transformed_newsvendor",
)
ON_NETWORKS = [name for name in choices("policy") if name not in (*FORECASTING, "just_in_time")]


@pytest.mark.parametrize("policy", ON_NETWORKS)
def test_every_policy_runs_on_a_network(tmp_path, policy):
    problem = "transshipment" if policy == "water_filling" else "one_warehouse_lost"
    runs_two_updates(tmp_path, f"problem={problem}", f"policy={policy}")


@pytest.mark.parametrize("policy", FORECASTING)
def test_every_policy_that_forecasts_runs_on_real_sales(tmp_path, policy):
    """One that has nothing to train is measured after its first segment and no more."""
    given = ("problem=one_store_real", f"policy={policy}", "policy.forecaster.steps=3")
    finished = train(config_of(tmp_path, *given))
    trained = policy in ("fixed_quantile", "transformed_newsvendor")
    assert [record["step"] for record in read_metrics(finished.path)] == (
        [1, 2] if trained else [1]
    )


@pytest.mark.parametrize("algorithm", choices("algorithm"))
def test_every_algorithm_runs_on_a_network(tmp_path, algorithm):
    runs_two_updates(tmp_path, "problem=one_warehouse_lost", f"algorithm={algorithm}")


@pytest.mark.parametrize("experiment", choices("experiment"))
def test_every_experiment_runs(tmp_path, experiment):
    runs_two_updates(tmp_path, f"experiment={experiment}")


def test_softmax_allocation_runs(tmp_path):
    runs_two_updates(tmp_path, "problem=one_warehouse_lost", "policy.allocation=softmax")


def test_every_choice_says_what_it_is():
    for group in GROUPS:
        for name, line in choices(group).items():
            assert len(line) > 10, (group, name)
    assert (conf_folder() / "train.yaml").exists()
