"""The commands as a user types them: what they print, and one sentence for every mistake."""

import os
import re
import subprocess
import sys
import venv
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from small_runs import SMALL, SMALL_NET
from test_sales_runs import sales_table

from neuroinv.cli import main
from neuroinv.composition import override
from neuroinv.kept_runs import load
from neuroinv.types import InputError

ROOT = Path(__file__).parent.parent


def neuroinv(*arguments: str, cwd, env=None) -> subprocess.CompletedProcess:
    """The command in a process of its own, as a shell starts it."""
    command = [sys.executable, "-m", "neuroinv.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, env=env)


@pytest.fixture
def here(monkeypatch, tmp_path, capfd):
    """The command in this process, which has imported all it needs; works in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")  # the command sets it

    def run(*arguments: str) -> subprocess.CompletedProcess:
        monkeypatch.setattr(sys, "argv", ["neuroinv", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


def test_list_names_what_there_is(here):
    printed = here("list").stdout
    for name in ("one_store_lost", "base_stock", "hdpo", "real_one_store"):
        assert name in printed
    # Names and what they mean are apart, however long a name is.
    assert re.search(r"^  many_warehouses_10_2_cost_on_orders {2,}Two warehouses", printed, re.M)


def test_help_documents_every_key(here):
    printed = here("train", "--help").stdout
    for key in ("learning_rate", "lead_time_bound", "underage_cost", "steps_between_dev"):
        assert key in printed


def test_a_run_says_what_its_gradient_does_not_see_and_that_it_is_lost(here):
    given = ("policy.orders=quantity", "algorithm.learning_rate=1000", "training.steps=500")
    printed = here("train", "problem=fixed_cost_store", *SMALL, *given)
    assert printed.returncode == 0, printed.stderr
    assert "hdpo has no derivative; policy=hybrid algorithm=hpo learns when" in printed.stdout
    assert "1 of 1 seeds stopped because no gradient was left; lower algorithm" in printed.stdout
    assert "500 updates" not in printed.stdout
    untrained = here("train", "problem=fixed_cost_store", "policy=just_in_time", *SMALL)
    assert untrained.returncode == 0, untrained.stderr
    assert "no derivative" not in untrained.stdout


MISTAKES = {
    ("trian",): "did you mean 'train'?",
    ("train", "problem=one_stor_lost"): "problem is 'one_stor_lost'.*did you mean 'one_store_lost'",
    ("train", "problm=one_store_lost"): "problm is not a key of the config; did you mean 'problem'",
    ("train", "training.stepz=3"): r"training\.stepz is not a key.*did you mean 'steps'",
    ("train", "training.steps=abc"): r"training\.steps is 'abc'; it should be a valid integer",
    ("train", "problem.nodes.store.holding_cost=-1"): "must not be negative but is -1",
    ("train", "problem.edges.order.lead_time=9"): "over the bound problem.lead_time_bound=4",
    (
        "train",
        "+problem.nodes.island={kind: demand, underage_cost: 9}",
    ): "no supply node can reach.*island",
    ("train", "~problem.nodes.store.underage_cost"): r"store: underage_cost is missing; give what",
    ("train", "steps=500"): r"steps is not a key .*did you mean training\.steps\?",
    ("train", "policy.width=4"): r"policy\.width is not a key .* choose from activation",
    ("train", "policy=MLP"): "policy is 'MLP', .* did you mean 'mlp'",
    ("train", "problem=mine"): r"see neuroinv list, or put problem/mine\.yaml into a folder",
    ("train", "problem=null"): "a group is given null; name one of the choices",
    ("train", "hydra/launcher=slrum"): "hydra/launcher/slrum is not installed; remove it",
    ("train", "problem.demand.path=~/sales.csv"): r"path=~/sales\.csv' cannot be read; quote",
    ("train", "+problem.edges.order.procurement_cost=${more}"): "'more' not found; write the value",
    ("train", "policy.hidden=32"): r"policy\.hidden is 32; give a list, such as \[32\]",
    ("train", "comparisons=[base_stock]"): "is 'base_stock'; give keys with values",
    ("train", "policy.observes=[]"): r"policy\.observes is empty; give at least one value",
    ("train", "algorithm=relaxed"): "algorithm.kind relaxed weighs regimes .*; use algorithm hdpo",
    ("train", "comparisons=[{kind: water_filling}]"): r"comparisons\.0: policy\.kind water_filling",
    (
        "train",
        "policy=base_stock",
        "comparisons=[{kind: base_stock, initial_cover: 1.0}]",
    ): r"comparisons\.0 is base_stock with all that another policy .*; change something",
    (
        "train",
        "experiment=joint_replenishment",
        "algorithm.epochs=2",
        "algorithm.minibatches=1000000",
    ): "minibatches is 1000000 but a batch has 4736 decisions; lower it",
    (
        "train",
        "experiment=joint_replenishment",
        "algorithm.baseline=batch_mean",
        "algorithm.trace=0.5",
    ): "trace is 0.5, which trusts a learned value, but baseline is batch_mean; leave it out",
    ("train", "problem.edges.order.source=store"): "from 'store' to itself",
    ("train", "problem=one_store_real"): r"problem\.demand\.path is missing",
    ("train", "experiment=real_one_store", "problem.demand.path=no.csv"): r"no\.csv",
    ("train", "policy=just_in_time", "problem=one_store_lost", "policy.hidden=[3]"): "hidden",
    ("train", "algorithm=reinforce", "policy=base_stock"): "Deterministic, which has none; use po",
    ("train", "algorithm=reinforce", "training.batch=1"): "batch is 1 but .*; raise it to 2 or m",
    ("train", "policy.observes=[past_demand]"): "of which this problem shows nothing; add inv",
    (
        "train",
        "problem=one_warehouse_lost",
        "problem.demand.mean=[1,2,3]",
    ): r"is a range in this .* with '~problem\.demand\.mean' '\+problem\.demand\.mean=\[1,2,3\]'",
    (
        "train",
        "problem=serial_3",
        "problem.demand={distribution: poisson, mean: 5}",
    ): r"std is not a key of problem\.demand where that is poisson; .* ~problem\.demand\.std",
    ("train", "results=/dev/null"): "results is /dev/null, where no run can be kept .*; name a",
    ("train", "algorithm=hpo", "algorithm.discount=0"): r"discount is 0; .* greater than 0",
    (
        "train",
        "algorithm=ppo",
        "algorithm.discount=1.1",
    ): r"discount is 1\.1; .* less than",
    (
        "train",
        "experiment=joint_replenishment",
        "algorithm=ppo",
        "algorithm.first_decisions=100",
    ): "first_decisions is 100 and .*leaves none of 100 periods to train; lower one",
    ("train", "+problem.kind=inventroy"): r"problem\.kind is 'inventroy'; .* switched_lqr",
    ("train", "problem=one_store_lost", "policy=hybrid"): "no cost of this problem jumps",
    ("train", "problem=fixed_cost_store", "problem.edges.order.fixed_cost=-1"): "but is -1; give 0",
    (
        "train",
        "problem=step_fixed_cost_store",
        "problem.edges.order.order_sizes.fixed_cost.values=[30,50]",
    ): r"order_sizes\.fixed_cost: 2 breakpoints divide sizes into 3 regimes but there are 2 values",
    (
        "train",
        "problem=one_warehouse_lost",
        "+problem.nodes.store.present=0",
    ): "present is 0 for all of them, so nobody ever wants anything; leave",
    (
        "train",
        "experiment=switched_lqr",
        "problem=switched_lqr_two_states",
        "+problem.modes=5",
    ): "modes is 5, but instance is two_states, whose matrices are given; leave modes out",
    (
        "train",
        "experiment=switched_lqr",
        "policy.choice=per_edge",
    ): "choice is per_edge, which is about orders, but the problem is a switched_lqr; leave",
    (
        "train",
        "problem=fixed_cost_store",
        "policy=hybrid",
        "algorithm=hpo",
        "policy.regulator=[]",
    ): r"regulator is \[\], which is about a switched_lqr, but the problem is an inventory",
    (
        "train",
        "experiment=switched_lqr",
        "problem.instability=60",
    ): "instability is 60 .* so a state .* its cost overflows within .*; lower the bound",
    ("train", "problem=switched_lqr", "policy=hybrid"): "episode of a switched_lqr has one length",
    (
        "train",
        "experiment=switched_lqr",
        "policy=mlp",
    ): "'mlp', which decides in inventory",
    ("train", "experiment=switched_lqr", "problem.low=0", "problem.high=0"): "no control in mode 0",
    (
        "train",
        "experiment=switched_lqr",
        "algorithm=learned_critic",
        "training.steps=50",
        "training.steps_between_dev=50",
    ): "warm_up is 50, in which the policy waits, and training.steps is 50, so it would never be",
    (
        "train",
        "problem=one_store_lost",
        "+problem.nodes.store.present={low: 0, high: 1}",
        "problem.seed=1",
    ): "present is 0 for every demand node of every train scenario, as drawn with problem.seed=1",
    (
        "train",
        "experiment=real_one_store",
        "policy=quantile_newsvendor",
        "policy.forecaster.lead_times=[4,5,5]",
        "problem.demand.path=nowhere",
    ): "lead_times has 5 more than once; name each once",
    (
        "train",
        "+problem.initial_inventory=[0,1,2]",
    ): r"initial_inventory is \[0, 1, 2\]; give 2 values",
    ("train", "policy.hidden="): r"policy\.hidden is empty; give a list, such as \[1\]",
    (
        "train",
        "policy=just_in_time",
        "training.start_from=nowhere",
    ): "start_from is nowhere, but policy.kind just_in_time learns nothing; leave it out",
    ("list", "--config-dir", "nowhere"): "'nowhere' is no folder",
    (
        "train",
        "-m",
        "policy=base_stock",
        "training.steps=1,2",
        "hydra.sweep.dir=/dev/null/sweeps",
    ): r"hydra\.sweep\.dir: '/dev/null.*' cannot be made .*; start from a folder that can be",
    ("evaluate", "nowhere"): "nowhere is no run directory",
    ("bench", "one_shop"): "'one_shop' is not a case",
}


def assert_one_sentence(done: subprocess.CompletedProcess, expected: str) -> None:
    assert done.returncode == 2
    (sentence,) = done.stderr.strip().splitlines()
    assert re.search(expected, sentence), sentence


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_written(here, tmp_path, arguments):
    assert_one_sentence(here(*arguments), MISTAKES[arguments])
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_of_a_new_process_is_one_sentence_and_nothing_is_written(tmp_path):
    table = sales_table(tmp_path)
    done = neuroinv(
        "train",
        *SMALL,
        "experiment=real_one_store",
        f"problem.demand.path={table}",
        "problem.demand.columns={location: location, quantity: quantity}",
        "problem.demand.test=[118,400]",
        cwd=tmp_path,
    )
    assert_one_sentence(done, r"problem\.demand\.test.*400")
    assert list(tmp_path.iterdir()) == [table]


def test_a_sweep_runs_what_is_missing_and_survives_a_bad_job(here, tmp_path):
    sweep = ("train", "-m", *SMALL, "policy=base_stock", "training.steps=5")
    bad = neuroinv(*sweep, "problem.edges.order.lead_time=9,1", cwd=tmp_path)
    assert bad.returncode == 2
    assert "over the bound" in bad.stderr
    runs = tmp_path / "results" / "runs"
    (run,) = runs.iterdir()
    written = (run / "run.json").stat().st_mtime_ns
    more = here(*sweep, "problem.edges.order.lead_time=1,2")
    assert more.returncode == 0, more.stderr
    assert more.stdout.count("done before") == 1
    assert "no derivative" not in more.stdout
    assert "no gradient" not in more.stdout
    assert len(list(runs.iterdir())) == 2
    assert (run / "run.json").stat().st_mtime_ns == written


def test_the_second_job_of_a_sweep_compiles_no_program_again(tmp_path):
    """Lead times are data, and the programs lie in the user's cache."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    env |= {"XDG_CACHE_HOME": str(tmp_path), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    env |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    sweep = ("train", "-m", *SMALL, "training.steps=5", "policy=base_stock")
    sweep += ("problem=one_store_backlogged", "problem.edges.order.lead_time=1,2")
    done = neuroinv(*sweep, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 2
    kept = [path.name.split("-")[0] for path in (tmp_path / "neuroinv").iterdir()]
    for program in ("jit_initialise", "jit_segment", "jit_of_all"):
        assert kept.count(program) == 1


def test_a_graph_network_of_a_warehouse_is_scored_on_a_serial_system_and_trained_further(
    here, tmp_path
):
    """Further in steps so small that its variables are those it was given, and so is its cost."""
    net = ("policy=gnn", "policy.width=4", "policy.hidden=[4]")
    stores = ("problem=one_warehouse_lost", "problem.nodes.store.count=2", "training.steps=10")
    trained = here("train", *SMALL, *net, *stores, "algorithm.learning_rate=0.02")
    assert trained.returncode == 0, trained.stderr
    (run,) = (tmp_path / "results" / "runs").iterdir()
    scored = here("evaluate", str(run), "problem=serial_3", "problem.nodes.store.underage_cost=4")
    assert scored.returncode == 0, scored.stderr
    assert re.search(r"serial_3 .*optimum .*gnn .* \+[0-9.]+%", scored.stdout, re.DOTALL)
    assert "Warning" not in scored.stderr
    more_stores = here("evaluate", str(run), "problem.nodes.store.count=4")
    assert more_stores.returncode == 0, more_stores.stderr
    assert re.search(r"one_warehouse_lost .*gnn ", more_stores.stdout, re.DOTALL)
    there = ("problem=serial_3", "training.steps=5", "algorithm.learning_rate=1e-9")
    further = here("train", *SMALL, *net, *there, f"training.start_from={run}")
    assert further.returncode == 0, further.stderr
    (other,) = set(run.parent.iterdir()) - {run}
    said = r"no locations that may keep stock .*training\.start_from=/"
    with pytest.raises(InputError, match=said):
        load(other, lambda config: override(config, ["problem=one_warehouse_lost"]))
    given, kept = (load(path)[1] for path in (run, other))
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-6), kept, given)
    as_it_was, afterwards = (
        float(re.search(r"\n *gnn +([0-9.]+)", printed.stdout).group(1))
        for printed in (here("evaluate", str(run), "problem=serial_3"), further)
    )
    assert afterwards == pytest.approx(as_it_was, rel=1e-4)
    assert_one_sentence(here("evaluate", str(run), "problem=serial_33"), "did you mean 'serial_3'")


def test_importing_the_package_is_light_and_starts_no_device():
    light = "import sys, neuroinv; assert 'jax' not in sys.modules"
    whole = "import neuroinv.cli, neuroinv.experiment; from jax._src import xla_bridge"
    whole += "; assert not xla_bridge.backends_are_initialized()"
    for code in (light, whole):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_wheel_trains_two_updates_in_an_empty_environment(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    # The wheel carries conf/. The environment needs no pip of its own, and compiles only the
    # modules that it imports.
    venv.create(tmp_path / "empty", with_pip=False)
    scripts = tmp_path / "empty" / "bin"
    install = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet"]
    install += ["--no-compile", "--constraint", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    two_updates = ["training.steps=2", "training.steps_between_dev=1"]
    two_updates += ["problem.edges.order.lead_time=1"]  # its exact optimum takes no time
    done = subprocess.run(
        [scripts / "neuroinv", "train", *SMALL, *SMALL_NET, *two_updates],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": "", "VIRTUAL_ENV": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 updates for each of 1 seeds" in done.stdout
    (run,) = (elsewhere / "results" / "runs").iterdir()
    assert (run / "table.json").exists()
