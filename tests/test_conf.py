"""Every config that ships composes and learns, and `conf/` says what each is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import sales_file
from small_runs import small_config

from neuroinv.build import build, dev_scenarios
from neuroinv.composition import GROUPS, choices, conf_folder
from neuroinv.config import Config
from neuroinv.experiment import evaluate, train
from neuroinv.optima import one_warehouse
from neuroinv.references import fixed_costs, joint_orders
from neuroinv.references.joint_orders import LONG_PATHS
from neuroinv.training.records import read_metrics
from neuroinv.types import InputError

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


# One of each kind is trained, here or by an experiment; the others differ from it in numbers, and
# are built and simulated.
TRAINED = (
    "transshipment",
    "one_warehouse_lost",
    "many_warehouses_10_2",
    "real_many_warehouses_21_3_cost_on_orders",
)
REGULATORS = ("switched_lqr", "switched_lqr_two_states")

# Of nets that say nothing here one hidden layer compiles sooner than the shipped two or three.
NARROW_NET = "policy.hidden=[8]"
NARROW = {
    "hpo": ["algorithm.value_hidden=[8]"],
    "ppo": ["algorithm.value_hidden=[8]"],
    "reinforce": ["algorithm.value_hidden=[8]"],
    "learned_critic": ["algorithm.critic_hidden=[8]", "algorithm.warm_up=0"],
}

EPISODES = tuple(
    f"training.{split}={{scenarios: 8, periods: 10, burn_in: 0}}"
    for split in ("train", "dev", "test")
)


@pytest.fixture(autouse=True)
def quick_search(monkeypatch):
    """References that are searched for are not what is tested here."""
    monkeypatch.setattr(fixed_costs, "LONG_PATHS", LONG_PATHS._replace(scenarios=2))
    monkeypatch.setattr(one_warehouse, "THRESHOLDS", one_warehouse.THRESHOLDS[:1])
    monkeypatch.setattr(one_warehouse, "SWINGS", one_warehouse.SWINGS[:1])
    monkeypatch.setattr(joint_orders, "_search", lambda cost_of, starts, step: starts[0])


def config_of(tmp_path, *overrides: str) -> Config:
    if any("real" in one for one in overrides):
        places = 21 if any("warehouse" in one for one in overrides) else 2
        path = sales_file(tmp_path, items=8, places=places, weeks=150)
        overrides = (*overrides, *ON_A_TABLE, f"problem.demand.path={path}")
    if any("switched_lqr" in one for one in overrides):
        overrides = (*overrides, *EPISODES)
    return small_config(tmp_path / "runs", *overrides, *TWO_UPDATES, net=False)


def runs_two_updates(tmp_path, *overrides: str) -> None:
    """A whole run: the loop, the test and everything it is compared with."""
    finished = train(config_of(tmp_path, *overrides))
    assert [record["step"] for record in read_metrics(finished.path)] == [1, 2]


def learns_and_decides(tmp_path, *overrides: str) -> None:
    """One update and one greedy decision, without the run around them, which is much quicker."""
    experiment = build(config_of(tmp_path, *overrides))
    problem, algorithm = experiment.problem, experiment.algorithm
    scenarios = jax.tree.map(lambda leaf: leaf[:6], dev_scenarios(experiment))
    before = jax.jit(algorithm.init)(jax.random.key(0))
    after, metrics = jax.jit(algorithm.update)(before, scenarios)
    assert all(np.isfinite(value) for value in metrics.values())

    changed = jax.tree.map(
        lambda old, new: np.any(np.asarray(old) != np.asarray(new)),
        before.variables,
        after.variables,
    )
    nets = changed.get("params", {})
    towers = [nets[name] for name in ("regime", "action") if name in nets]
    assert all(any(jax.tree.leaves(tower)) for tower in towers or [changed])

    @jax.jit
    def decide(variables, params, state):
        return algorithm.act(variables)(problem.observe(params, state))

    first = jax.tree.map(lambda leaf: leaf[0], scenarios[:2])
    assert np.isfinite(decide(after.variables, *first)).all()


@pytest.mark.parametrize("problem", TRAINED)
def test_each_kind_of_problem_trains(tmp_path, problem):
    runs_two_updates(tmp_path, f"problem={problem}", NARROW_NET)


def test_the_regulator_of_two_states_trains(tmp_path):
    given = ("problem=switched_lqr_two_states", "policy=hybrid", "algorithm=hpo")
    runs_two_updates(tmp_path, *given, NARROW_NET, *NARROW["hpo"])


OTHERS = [name for name in choices("problem") if name not in (*TRAINED, *REGULATORS)]


@pytest.mark.parametrize("problem", OTHERS)
def test_every_other_problem_is_built_and_simulated(tmp_path, problem):
    experiment = build(config_of(tmp_path, f"problem={problem}", "policy=mlp"))
    assert experiment.config.problem.name == problem
    params, state, noise = jax.tree.map(lambda leaf: leaf[0], dev_scenarios(experiment))
    orders = jnp.ones(len(experiment.instance.network.edges))
    first = jax.tree.map(lambda leaf: leaf[0], noise)
    _, outcome = jax.jit(experiment.problem.step)(params, state, orders, first)
    assert all(np.isfinite(cost) for cost in outcome.costs)


FORECASTING = (
    "quantile_newsvendor",
    "returns_newsvendor",
    "fixed_quantile",
    "transformed_newsvendor",
)
ON_NETWORKS = [name for name in choices("policy") if name not in (*FORECASTING, "just_in_time")]


@pytest.mark.parametrize("policy", ON_NETWORKS)
def test_every_policy_learns_on_a_network(tmp_path, policy):
    problem = "transshipment" if policy == "water_filling" else "one_warehouse_lost"
    if policy in ("hybrid", "economic_reorder"):
        problem = "joint_replenishment_2"
    other = {"economic_reorder": ["algorithm=cross_entropy"], "hybrid": ["algorithm=hpo"]}
    learns_and_decides(tmp_path, f"problem={problem}", f"policy={policy}", *other.get(policy, []))


@pytest.mark.parametrize("policy", FORECASTING)
def test_every_policy_that_forecasts_runs_on_real_sales(tmp_path, policy):
    """One that has nothing to train is measured after one update and no more. Its forecasts
    are not read as those for other lead times, though shapes would fit."""
    given = ("problem=one_store_real", f"policy={policy}", "policy.forecaster.steps=3")
    given += ("policy.forecaster.hidden=[8]",)
    finished = train(config_of(tmp_path, *given))
    trained = policy in ("fixed_quantile", "transformed_newsvendor")
    assert [record["step"] for record in read_metrics(finished.path)] == (
        [1, 2] if trained else [1]
    )

    def sooner(kept: dict) -> dict:
        kept["policy"]["forecaster"]["lead_times"] = [1, 2, 3]
        kept["problem"]["edges"]["order"]["lead_time"] = 2
        return kept

    with pytest.raises(InputError, match=r"for the lead times \[4, 5, 6\] and .* is \[1, 2, 3\];"):
        evaluate(finished.path, sooner)


@pytest.mark.parametrize("algorithm", choices("algorithm"))
def test_every_algorithm_learns_on_a_network(tmp_path, algorithm):
    problem = "fixed_cost_store" if algorithm == "relaxed" else "one_warehouse_lost"
    given = (f"problem={problem}", f"algorithm={algorithm}", NARROW_NET)
    learns_and_decides(tmp_path, *given, *NARROW.get(algorithm, []))


@pytest.mark.parametrize(
    "algorithm", [("hpo", "algorithm.epochs=2"), ("ppo",), ("reinforce",), ("learned_critic",)]
)
def test_algorithms_that_draw_regimes_learn_where_there_are_some(tmp_path, algorithm):
    kind, *more = algorithm
    given = ("problem=minimum_order_store", "policy=hybrid", f"algorithm={kind}")
    learns_and_decides(tmp_path, *given, NARROW_NET, *NARROW[kind], *more)


def test_a_graph_network_learns_where_orders_have_regimes(tmp_path):
    given = ("problem=size_lead_time_store", "policy=gnn", "policy.choice=per_edge")
    learns_and_decides(tmp_path, *given, "algorithm=hpo")


# Leaves 26 decisions untrained.
LONGER = {"joint_replenishment": ["training.train.periods=30"]}


@pytest.mark.parametrize("experiment", choices("experiment"))
def test_every_experiment_runs(tmp_path, experiment):
    runs_two_updates(tmp_path, f"experiment={experiment}", *LONGER.get(experiment, []))


def test_softmax_allocation_learns(tmp_path):
    learns_and_decides(tmp_path, "problem=one_warehouse_lost", "policy.allocation=softmax")


@pytest.mark.parametrize("problem", ["transshipment", "one_warehouse_lost"])
def test_balanced_allocation_learns(tmp_path, problem):
    given = (f"problem={problem}", "policy=gnn", "policy.allocation=balanced")
    learns_and_decides(tmp_path, *given)


def test_every_choice_says_what_it_is():
    for group in GROUPS:
        for name, line in choices(group).items():
            assert len(line) > 10, (group, name)
    assert (conf_folder() / "train.yaml").exists()
