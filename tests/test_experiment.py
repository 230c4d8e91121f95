"""Whole runs: what they leave, that they are not repeated, and that a kill changes nothing."""

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from small_runs import SMALL, SMALL_NET, small_config

from neuroinv.algorithms.hdpo import hdpo
from neuroinv.analysis.table import read_table
from neuroinv.build import build
from neuroinv.config import digest, parse, to_mapping
from neuroinv.experiment import evaluate, train
from neuroinv.kept_runs import load, state_like
from neuroinv.rollout import greedy, total
from neuroinv.scoring import costs_on_test
from neuroinv.training import checkpoint
from neuroinv.training.evaluation import BLOCK
from neuroinv.training.records import lost_seeds, open_run, read_facts, read_metrics, run_path
from neuroinv.types import InputError

QUICK = "problem.edges.order.lead_time=1"  # its exact optimum takes no time
EXAMPLE = (QUICK, "training.steps=100", "training.seeds=2", "seed=7")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The config of a run that has ended, and what it ended with; nobody changes its directory."""
    config = small_config(tmp_path_factory.mktemp("example"), *EXAMPLE)
    return config, train(config)


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """A run on three locations in a row that has ended; nobody changes its directory."""
    folder = tmp_path_factory.mktemp("serial")
    return train(small_config(folder, "problem=serial_3", "policy.hidden=[4]"))


def test_a_run_directory_proves_itself(example):
    config, finished = example
    facts = read_facts(finished.path)
    assert facts["status"] == "complete"
    assert facts["digest"] == digest(config) == finished.path.name.split("-")[-1]
    assert facts["seeds"] == [7, 8]
    assert facts["updates"] == 100
    for name in ("versions", "device", "git_commit", "compile_seconds", "train_seconds"):
        assert name in facts
    assert facts["peak_memory_mib"] > 10
    metrics = read_metrics(finished.path)
    assert [record["step"] for record in metrics] == list(range(5, 101, 5))
    assert all(len(record["dev_cost"]) == 2 for record in metrics)
    for name in ("config.yaml", "table.json", "curves.svg", "curves.png"):
        assert (finished.path / name).stat().st_size > 0
    names = [row.name for row in finished.table.rows]
    assert names == ["optimum", "best base-stock", "best capped base-stock", "mlp"]
    assert finished.table == read_table(finished.path)


def test_the_table_says_how_far_its_paths_may_be_off(example):
    _, finished = example
    experiment, variables = load(finished.path)
    errors = []
    for seed in range(2):
        one = jax.tree.map(lambda leaf, seed=seed: leaf[seed], variables)
        costs = total(costs_on_test(experiment, greedy(experiment.policy, one), False))
        errors.append(np.std(costs) / np.sqrt(len(costs)))
    assert finished.table.rows[-1].standard_error == pytest.approx(np.mean(errors), rel=1e-4)
    assert finished.table.rows[0].standard_error is None
    assert finished.table.rows[1].standard_error > 0


def test_what_a_cost_is_made_of_sums_to_it(example):
    _, finished = example
    simulated = [row for row in finished.table.rows if row.tested]
    assert len(simulated) == 3
    for row in simulated:
        assert sum(row.parts.values()) == pytest.approx(row.tested.estimate, rel=1e-5)
        assert row.parts["holding"] > 0
        assert row.parts["underage"] > 0


def test_the_table_compares_path_by_path(example):
    """On the same paths, the difference to a good policy is known far better than either cost."""
    *known, learned = example[1].table.rows
    assert learned.paired is None
    simulated = [row for row in known if row.tested is not None]
    assert simulated
    for row in simulated:
        np.testing.assert_allclose(
            row.paired.estimate, learned.tested.estimate - row.tested.estimate, rtol=1e-6
        )
        assert row.paired.low < row.paired.estimate < row.paired.high
    # Two standard errors to either side, were the paths not the same.
    best = min(simulated, key=lambda row: row.tested.estimate)
    assert best.paired.high - best.paired.low < 2 * 1.96 * learned.standard_error


def test_a_complete_run_is_not_run_again(example):
    config, first = example
    written = (first.path / "run.json").stat().st_mtime_ns
    again = train(config)
    assert again.repeated
    assert again.table == first.table
    assert (first.path / "run.json").stat().st_mtime_ns == written


def test_how_it_is_shown_and_kept_does_not_change_the_digest(tmp_path):
    config = small_config(tmp_path)
    other = small_config(tmp_path / "elsewhere", "logger=console")
    assert digest(config) == digest(other)
    assert digest(config) != digest(dataclasses.replace(config, seed=1))


def test_a_run_stopped_while_it_was_scored_is_scored_without_training_again(example, tmp_path):
    config, whole = example
    config = dataclasses.replace(config, results=str(tmp_path))
    path = shutil.copytree(whole.path, run_path(config))
    (path / "table.json").unlink()
    before = read_facts(path) | {"status": "running", "git_commit": "another"}
    (path / "run.json").write_text(json.dumps(before))
    stages = []
    finished = train(config, lambda event: stages.append(event.stage))
    assert not {"compiling", "training"} & set(stages)
    assert finished.table == whole.table
    facts = read_facts(path)
    assert (facts["status"], facts["launches"], facts["updates"]) == ("complete", 2, 100)
    assert facts["compile_seconds"] == read_facts(whole.path)["compile_seconds"]
    assert facts["earlier_commits"] == ["another"]
    assert read_metrics(path) == read_metrics(whole.path)


def test_a_run_of_another_version_is_not_read_with_todays_defaults(example, tmp_path):
    path = shutil.copytree(example[1].path, tmp_path / "old")
    kept = yaml.safe_load((path / "config.yaml").read_text())
    del kept["policy"]["orders"]
    (path / "config.yaml").write_text(yaml.safe_dump(kept))
    with pytest.raises(InputError, match=r"has no policy\.orders in its config\.yaml"):
        evaluate(path)


def test_a_start_that_does_not_fit_is_one_sentence(tmp_path, example):
    with pytest.raises(InputError, match="start_from is nowhere, which is no complete run"):
        train(small_config(tmp_path, QUICK, "training.start_from=nowhere"))
    start = f"training.start_from={example[1].path}"
    with pytest.raises(InputError, match="whose variables belong to another policy or number of"):
        train(small_config(tmp_path, QUICK, start))
    assert not list(tmp_path.glob("*"))


def test_a_start_counts_until_something_is_better(tmp_path, example):
    config, finished = example
    too_fast = dataclasses.replace(config.algorithm, learning_rate=1e4)
    training = dataclasses.replace(config.training, start_from=str(finished.path))
    further = dataclasses.replace(
        config, results=str(tmp_path), algorithm=too_fast, training=training
    )
    assert train(further).table.rows[-1] == finished.table.rows[-1]


@pytest.mark.parametrize("folder", ["taken", "taken/runs", "/dev/null"])
def test_a_results_folder_that_cannot_be_is_one_sentence(tmp_path, folder):
    (tmp_path / "taken").write_text("a file")
    config = small_config(tmp_path / folder, QUICK)
    with pytest.raises(InputError, match=r"results is .*, where no run can be kept") as refusal:
        train(config)
    assert str(refusal.value).endswith("; name a folder that can be written")
    assert config.results in str(refusal.value)


def test_a_failed_run_says_so_and_is_taken_up_again(tmp_path):
    config = small_config(tmp_path, QUICK, "policy=base_stock", net=False)
    with pytest.raises(RuntimeError), open_run(config):
        raise RuntimeError("the disk is full")
    facts = read_facts(run_path(config))
    assert facts["status"] == "failed"
    assert "the disk is full" in facts["error"]
    assert read_facts(train(config).path)["launches"] == 2


def test_two_processes_do_not_share_a_run(tmp_path):
    config = small_config(tmp_path)
    with open_run(config), pytest.raises(InputError, match="another process"), open_run(config):
        pass


def launch(results: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "neuroinv.cli", "train", *SMALL, *SMALL_NET, *EXAMPLE]
    command += [f"results={results}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_killed_at_any_moment_the_same_command_ends_the_same_to_the_bit(example, tmp_path):
    config, undisturbed = example
    path = run_path(dataclasses.replace(config, results=str(tmp_path)))
    kills = 0
    for lines in (1, 10):  # metrics written when the kill comes: early, then in a resumed run
        process = launch(tmp_path)
        while process.poll() is None and len(read_metrics(path)) < lines:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills == 2
    last = launch(tmp_path)
    assert last.wait() == 0, last.stderr.read()
    like = state_like(build(config))
    states = [
        checkpoint.restore(checkpoint.latest(where / "checkpoints"), like)
        for where in (path, undisturbed.path)
    ]
    for a, b in zip(*(jax.tree.leaves(state.best_variables) for state in states), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (path / "table.json").read_bytes() == (undisturbed.path / "table.json").read_bytes()
    without_time = [
        [{k: v for k, v in record.items() if k != "seconds"} for record in read_metrics(where)]
        for where in (path, undisturbed.path)
    ]
    assert without_time[0] == without_time[1]
    assert read_facts(path)["launches"] == 3


def test_a_net_that_orders_nothing_any_more_stops_and_a_listener_hears_of_it(tmp_path):
    """One step too long, and no order depends on any variable."""
    dead = ("algorithm.learning_rate=3", "policy.orders=quantity", "training.steps=500")
    told = []
    finished = train(small_config(tmp_path, QUICK, *dead), told.append)
    last = [event for event in told if event.stage == "training"][-1]
    assert last.metrics["lost"] == 1.0
    assert last.step < 500
    assert read_facts(finished.path)["without_gradient"] == [0]
    told.clear()
    train(small_config(tmp_path, QUICK, "policy=base_stock", net=False), told.append)
    assert all("lost" not in event.metrics for event in told)


def test_seeds_that_diverge_late_keep_what_they_had_learned(tmp_path, monkeypatch):
    """The variables of one become no numbers, those of the other so large that its dev cost does, a
    segment later."""

    def diverging(*given):
        algorithm = hdpo(*given)

        def update(state, batch):
            following, metrics = algorithm.update(state, batch)
            seed = jax.random.key_data(state.key)[-1] - config.seed
            bad, value = following.step > 7 + 5 * seed, jnp.where(seed == 0, jnp.nan, 3e38)
            variables = jax.tree.map(lambda leaf: jnp.where(bad, value, leaf), following.variables)
            return following._replace(variables=variables), metrics

        return algorithm._replace(update=update)

    level = ("problem=one_store_backlogged", "policy=base_stock", "training.seeds=2")
    config = small_config(tmp_path, *level, net=False)
    monkeypatch.setattr("neuroinv.build.hdpo", diverging)
    told = []
    finished = train(config, told.append)
    facts = read_facts(finished.path)
    assert facts["diverged"] == [0, 1]
    assert lost_seeds(facts) == [
        "2 of 2 seeds stopped because variables or dev cost were no longer finite"
    ]
    assert [event.metrics.get("lost") for event in told if event.step] == [None, None, 1.0]
    assert np.isfinite(finished.table.rows[-1].tested.estimate)
    *_, before, last = read_metrics(finished.path)
    assert last["best_dev_cost"] == before["best_dev_cost"]


def test_evaluate_repeats_the_table_and_takes_overrides(example):
    _, finished = example
    assert evaluate(finished.path) == finished.table

    def more_periods(mapping: dict) -> dict:
        mapping["training"]["test"]["periods"] = 60
        return mapping

    longer = evaluate(finished.path, more_periods)
    assert longer.rows[-1].tested != finished.table.rows[-1].tested
    assert read_table(finished.path) == finished.table


def test_evaluate_keeps_the_order_of_nodes_and_edges(serial):
    """A perceptron's inputs and outputs follow it, and it is not that of the alphabet."""
    assert evaluate(serial.path) == serial.table


def test_variables_of_another_graph_are_refused_though_their_shapes_fit(serial, tmp_path):
    """Three locations in a row, and a warehouse with two stores: each has three edges."""
    stores = ("problem=one_warehouse_lost", "problem.nodes.store.count=2")
    asked = small_config(tmp_path, *stores, "policy.hidden=[4]", "problem.lead_time_bound=4")
    said = (
        r"trained on the 3 locations and 3 edges of serial_3, which policy=mlp knows by their place"
        r", and is asked about the 3 locations and 3 edges of one_warehouse_lost; .*policy=gnn"
    )
    with pytest.raises(InputError, match=said):
        evaluate(serial.path, lambda run: run | {"problem": to_mapping(asked)["problem"]})
    start = dataclasses.replace(asked.training, start_from=str(serial.path))
    with pytest.raises(InputError, match=said):
        train(dataclasses.replace(asked, training=start))


@pytest.mark.parametrize("key", ["orders", "observes"])
def test_variables_are_not_read_in_another_way_though_their_shapes_fit(serial, tmp_path, key):
    asked = {"orders": "quantity", "observes": ["costs", "inventory"]}[key]
    kept = {"orders": "up_to", "observes": ["inventory"]}[key]

    def otherwise(mapping: dict) -> dict:
        return mapping | {"policy": mapping["policy"] | {key: asked}}

    said = re.escape(f"with policy.{key}={kept} and is asked with policy.{key}={asked}")
    with pytest.raises(InputError, match=said.replace("'", "")):
        evaluate(serial.path, otherwise)
    given = ("problem=serial_3", "policy.hidden=[4]", f"training.start_from={serial.path}")
    shown = str(asked).replace("'", "")
    with pytest.raises(InputError, match=said.replace("'", "")):
        train(small_config(tmp_path, *given, f"policy.{key}={shown}"))


def test_kinds_of_nodes_that_a_policy_was_not_trained_on_are_named(tmp_path):
    given = (QUICK, "policy=symmetry_aware", "training.steps=5")
    finished = train(small_config(tmp_path, *given, net=False))
    asked = small_config(tmp_path, "problem=one_warehouse_lost")
    said = "one_store_lost, .* demand, supply, and is asked about one_warehouse_lost, .* stocking"
    with pytest.raises(InputError, match=said):
        evaluate(finished.path, lambda run: run | {"problem": to_mapping(asked)["problem"]})


def test_a_checkpoint_of_another_structure_is_one_sentence(example):
    _, finished = example

    def wider(mapping: dict) -> dict:
        mapping["policy"]["hidden"] = [8, 9]
        return mapping

    said = r"with policy\.hidden=\[8, 8\] and is asked with policy\.hidden=\[8, 9\], .*leave it"
    with pytest.raises(InputError, match=said):
        evaluate(finished.path, wider)


def test_evaluating_what_is_no_run_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no run directory"):
        evaluate(tmp_path)


def test_a_hindsight_policy_is_scored_without_training(tmp_path):
    several_blocks = f"training.test.periods={2 * BLOCK + 50}"
    empty = "problem.initial_inventory=[0,0]"
    config = small_config(tmp_path, QUICK, "policy=just_in_time", empty, several_blocks, net=False)
    finished = train(config)
    learned = finished.table.rows[-1]
    assert learned.name == "just_in_time"
    # Were it told one block at a time, it would miss demand at the end of each.
    assert learned.tested.estimate == 0
    assert finished.table.rows[1].tested.estimate > 0
    assert not (finished.path / "checkpoints").exists()


def test_the_config_that_is_kept_is_the_config_that_ran(example):
    config, finished = example
    kept = parse(yaml.safe_load((finished.path / "config.yaml").read_text()))
    assert kept == config
    assert json.loads((finished.path / "run.json").read_text())["digest"] == digest(kept)


def test_tensorboard_events_are_written_where_asked_for(tmp_path, monkeypatch):
    finished = train(small_config(tmp_path / "with", *EXAMPLE, "logger=tensorboard"))
    assert list((finished.path / "tensorboard").glob("events*"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"tensorboardX is not installed"):
        train(small_config(tmp_path / "without", QUICK, "logger=tensorboard"))
