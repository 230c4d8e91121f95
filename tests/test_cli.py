"""The commands as a user types them: what they print, and one sentence for every mistake."""

import subprocess
import sys

import pytest
from small_runs import SMALL, SMALL_NET
from test_experiment import sales_table


def neuroinv(*arguments: str, cwd=None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "neuroinv.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_list_names_what_there_is():
    printed = neuroinv("list").stdout
    for name in ("one_store_lost", "base_stock", "hdpo", "real_one_store"):
        assert name in printed


def test_help_documents_every_key():
    printed = neuroinv("train", "--help").stdout
    for key in ("learning_rate", "lead_time_bound", "underage_cost", "steps_between_dev"):
        assert key in printed


MISTAKES = {
    ("trian",): "did you mean 'train'?",
    ("train", "problem=one_stor_lost"): "problem is 'one_stor_lost'.*did you mean 'one_store_lost'",
    ("train", "problm=one_store_lost"): "problm is not a key of the config; did you mean 'problem'",
    ("train", "training.stepz=3"): r"training\.stepz is not a key.*did you mean 'steps'",
    ("train", "training.steps=abc"): r"training\.steps is 'abc'; it should be a valid integer",
    ("train", "problem.nodes.store.holding_cost=-1"): "must not be negative but is -1",
    ("train", "problem.edges.order.lead_time=9"): "over the bound problem.lead_time_bound=4",
    ("train", "+problem.nodes.island.kind=demand"): "no supply node can reach.*island",
    ("train", "problem.edges.order.source=store"): "from 'store' to itself",
    ("train", "problem=one_store_real"): r"problem\.demand\.path is missing",
    ("train", "experiment=real_one_store", "problem.demand.path=no.csv"): r"no\.csv",
    ("train", "policy=just_in_time", "problem=one_store_lost", "policy.hidden=[3]"): "hidden",
    ("evaluate", "nowhere"): "nowhere is no run directory",
    ("bench", "one_shop"): "'one_shop' is not a case",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_written(tmp_path, arguments):
    import re

    done = neuroinv(*arguments, cwd=tmp_path)
    sentences = done.stderr.strip().splitlines()
    assert done.returncode == 2
    assert len(sentences) == 1
    assert re.search(MISTAKES[arguments], sentences[0]), sentences[0]
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_runs_what_is_missing_and_survives_a_bad_job(tmp_path):
    sweep = ("train", "-m", *SMALL, *SMALL_NET, "training.steps=5")
    bad = neuroinv(*sweep, "problem.edges.order.lead_time=1,9,2", cwd=tmp_path)
    assert bad.returncode == 2
    assert "over the bound" in bad.stderr
    runs = tmp_path / "results" / "runs"
    assert len(list(runs.iterdir())) == 2
    before = {path: (path / "run.json").stat().st_mtime_ns for path in runs.iterdir()}
    more = neuroinv(*sweep, "problem.edges.order.lead_time=1,2,3", cwd=tmp_path)
    assert more.returncode == 0, more.stderr
    assert more.stdout.count("done before") == 2
    assert len(list(runs.iterdir())) == 3
    for path, written in before.items():
        assert (path / "run.json").stat().st_mtime_ns == written


def test_a_table_trains_from_the_command_line(tmp_path):
    path = sales_table(tmp_path)
    done = neuroinv(
        "train",
        *SMALL,
        "experiment=real_one_store",
        f"problem.demand.path={path}",
        "problem.demand.columns={location: location, quantity: quantity}",
        "problem.demand.test=[118,400]",
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "problem.demand.test" in done.stderr
    assert "400" in done.stderr


def test_importing_the_package_is_light_and_starts_no_device():
    light = "import sys, neuroinv; assert 'jax' not in sys.modules"
    whole = "import neuroinv.cli, neuroinv.experiment; from jax._src import xla_bridge"
    whole += "; assert not xla_bridge.backends_are_initialized()"
    for code in (light, whole):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
