"""What every experiment here does: train named cells, resumably, and write one table with where and
when it was made."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
from figures import Figure, draw
from jaxtyping import PyTree

from neuroinv.analysis.table import Row
from neuroinv.build import Experiment
from neuroinv.composition import compose
from neuroinv.config import Config, parse
from neuroinv.experiment import Event, Finished, train
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.problems.inventory.instance import Instance
from neuroinv.rollout import Act, greedy, total
from neuroinv.scoring import costs_on_test
from neuroinv.training.records import git_state, read_facts, read_metrics, write_atomically
from neuroinv.types import Policy

RESULTS = Path(__file__).resolve().parent.parent / "results"
QUICK = "--quick" in sys.argv
"""Whether to do with less: fewer cells and updates, in minutes on two cores."""
ONLY_DRAW = "--draw" in sys.argv
"""Whether to draw the figure of the table as it is, and run nothing."""
GIVEN = [argument for argument in sys.argv[1:] if argument not in ("--quick", "--draw")]
"""Overrides for all cells."""


def option(name: str, default: Iterable[Any], known: Iterable[str] | None = None) -> list[Any]:
    """The values of `--name=a,b` on the command line, or the default. Where all that may be named
    is `known`, another name ends the program in one sentence."""
    given = [argument for argument in GIVEN if argument.startswith(f"--{name}=")]
    for argument in given:
        GIVEN.remove(argument)
    if not given:
        return list(default)
    values = given[-1].partition("=")[2].split(",")
    listed = values if known is None else list(known)
    for value in values:
        if value not in listed:
            sys.exit(f"--{name} names '{value}', which is unknown; choose from {', '.join(listed)}")
    return values


def composed(overrides: Iterable[str]) -> Config:
    """The config of a cell: these overrides, then those of the command line."""
    given = [*overrides, *GIVEN]
    return parse(compose([*given, f"results={RESULTS / 'runs'}", "logger=quiet"]))


def run_cell(overrides: Iterable[str]) -> Finished:
    """Train one cell as the command line would with these overrides; done before, it is read."""
    finished = train(composed(overrides), _tell_if_lost)
    print(f"  {finished.path.name}: {' '.join(overrides)}", flush=True)
    return finished


def shared_batch(stores: int) -> int:
    """Scenarios per update for a net whose weights all stores share: the gradient of one scenario
    is already an average over its stores, and its cost grows with them."""
    return min(128, max(16, 640 // stores))


def _tell_if_lost(event: Event) -> None:
    if "lost" in event.metrics:
        print(
            f"  no seed learns after update {event.step}: lower algorithm.learning_rate", flush=True
        )


def profits_on_test(experiment: Experiment, variables: PyTree) -> tuple[np.ndarray, np.ndarray]:
    """Profit per test period of the policies of a run's seeds [seeds, series], and of one that
    knows the future [series]."""
    assert isinstance(experiment.policy, Policy)
    assert isinstance(experiment.instance, Instance)
    hindsight = greedy(just_in_time(experiment.instance.network), {})
    acts = [
        greedy(experiment.policy, jax.tree.map(lambda leaf, i=seed: leaf[i], variables))
        for seed in range(experiment.config.training.seeds)
    ]

    def profits(act: Act, looks_ahead: bool) -> np.ndarray:
        return -np.asarray(total(costs_on_test(experiment, act, looks_ahead)), np.float64)

    return np.stack([profits(act, False) for act in acts]), profits(hindsight, True)


def percent_over(reference: Row, column: str) -> dict[str, float]:
    """What a run's policy costs above a reference on the same test paths, in percent, and the ends
    of its 95 % interval over these paths, in columns named after `column`."""
    assert reference.paired is not None
    assert reference.tested is not None
    return {
        f"{column}{part}": 100 * difference / reference.tested.estimate
        for part, difference in zip(("", "_low", "_high"), reference.paired, strict=True)
    }


def seconds_of(run: Path) -> float:
    """Seconds that a run trained for, compilation apart."""
    return round((read_facts(run) or {})["train_seconds"], 1)


def dev_costs_of(run: Path) -> np.ndarray:
    """Dev cost of the best variables of each seed of a run."""
    return np.asarray(read_metrics(run)[-1]["best_dev_cost"], np.float64)


def origin(run: Path | None = None) -> dict[str, Any]:
    """When, on what and from which commit a run was made; without one, this very program."""
    if run is None:
        facts = {"device": jax.devices()[0].device_kind, "git_commit": git_state()[0]}
        facts["ended"] = datetime.date.today().isoformat()
    else:
        facts = read_facts(run) or {}
    commit = (facts["git_commit"] or "")[:7] or None
    return {"device": facts["device"], "date": facts["ended"][:10], "commit": commit}


def write_table(
    name: str,
    keys: Sequence[str],
    cells: Iterable[Any],
    row_of: Callable[[Any], dict[str, Any]],
    figure: Figure,
    **more: Figure,
) -> None:
    """Compute a row per cell, add it to those in `results/NAME.csv` at once, print the table, and
    draw `results/NAME.svg` of it, and `results/NAME_KEY.svg` of each figure more.

    A row takes the place of the one with the same values in the columns `keys`, by which the table
    is sorted. `results/NAME.json` says what wrote it last. Quick sizes are named NAME_quick.
    """
    path = RESULTS / (f"{name}_quick" if QUICK else name)
    for cell in () if ONLY_DRAW else cells:
        table = _merged(path.with_suffix(".csv"), keys, row_of(cell))
        write_atomically(path.with_suffix(".csv"), table.write_csv(float_precision=5))
        write_atomically(path.with_suffix(".json"), json.dumps(_writer(), indent=2) + "\n")
    if not path.with_suffix(".csv").exists():
        sys.exit(
            f"there is no {path.with_suffix('.csv')} to draw; leave --draw out and run it first"
        )
    table = _read(path.with_suffix(".csv"))
    draw(table, figure, path.with_suffix(".svg"))
    for key, another in more.items():
        draw(table, another, path.with_name(f"{path.name}_{key}.svg"))
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=4):
        print(table)


def _merged(file: Path, keys: Sequence[str], row: dict[str, Any]) -> pl.DataFrame:
    """The table of a file with one row more, or another; its columns are those of that row."""
    rows = {}
    for one in [*(_read(file).to_dicts() if file.exists() else []), row]:
        rows[tuple(one.get(key) for key in keys)] = {column: one.get(column) for column in row}
    return pl.DataFrame(list(rows.values()), infer_schema_length=None).sort(keys)


def _read(file: Path) -> pl.DataFrame:
    # A commit may look like a number.
    overrides = {"commit": pl.String, "date": pl.String}
    return pl.read_csv(file, infer_schema_length=None, schema_overrides=overrides)


def _without_folder(argument: str) -> str:
    """An override that names a file of this machine, with the name of the file alone."""
    key, equals, value = argument.partition("=")
    return f"{key}{equals}{Path(value).name}" if "/" in value else argument


def _writer() -> dict[str, Any]:
    return {
        "command": " ".join(
            ["python", f"experiments/{Path(sys.argv[0]).name}", *map(_without_folder, sys.argv[1:])]
        ),
        "date": datetime.date.today().isoformat(),
        "device": jax.devices()[0].device_kind,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "commit": git_state()[0],
    }
