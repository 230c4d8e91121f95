"""Every config that ships composes and runs two updates, and `conf/` says what each is."""

import pytest
from small_runs import small_config
from test_experiment import sales_table

from neuroinv.composition import GROUPS, choices, conf_folder
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


def runs_two_updates(tmp_path, *overrides: str) -> None:
    if any("real" in one for one in overrides):
        overrides = (*overrides, *ON_A_TABLE, f"problem.demand.path={sales_table(tmp_path)}")
    finished = train(small_config(tmp_path / "runs", *overrides, *TWO_UPDATES, net=False))
    assert [record["step"] for record in read_metrics(finished.path)] == [1, 2]


@pytest.mark.parametrize("problem", choices("problem"))
def test_every_problem_runs(tmp_path, problem):
    runs_two_updates(tmp_path, f"problem={problem}")


@pytest.mark.parametrize("policy", [name for name in choices("policy") if name != "just_in_time"])
def test_every_policy_runs_on_a_network(tmp_path, policy):
    runs_two_updates(tmp_path, "problem=one_warehouse_lost", f"policy={policy}")


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
