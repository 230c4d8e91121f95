"""What every experiment here does: train named cells, resumably, and write one table with where and
when it was made."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import polars as pl

from neuroinv.composition import compose
from neuroinv.config import Config, parse
from neuroinv.experiment import Finished, train
from neuroinv.training.records import git_state, read_facts

RESULTS = Path(__file__).parent.parent / "results"
QUICK = "--quick" in sys.argv
"""Whether to do with less: an experiment then takes minutes on two cores, on no easier cells."""
GIVEN = [argument for argument in sys.argv[1:] if argument != "--quick"]
"""Overrides for all cells."""


def option(name: str, default: Iterable[Any]) -> list[Any]:
    """The values of `--name=a,b` on the command line, or the default."""
    given = [argument for argument in GIVEN if argument.startswith(f"--{name}=")]
    for argument in given:
        GIVEN.remove(argument)
    return given[-1].partition("=")[2].split(",") if given else list(default)


def composed(overrides: Iterable[str]) -> Config:
    """The config of a cell: these overrides, then those of the command line."""
    given = [*overrides, *GIVEN]
    return parse(compose([*given, f"results={RESULTS / 'runs'}", "logger=quiet"]))


def run_cell(overrides: Iterable[str]) -> Finished:
    """Train one cell as the command line would with these overrides; done before, it is read."""
    finished = train(composed(overrides))
    print(f"  {finished.path.name}: {' '.join(overrides)}", flush=True)
    return finished


def seconds_of(finished: Finished) -> float:
    """Seconds that a cell trained for, compilation apart."""
    return round((read_facts(finished.path) or {})["train_seconds"], 1)


def write_table(name: str, cells: Iterable[Any], row_of: Callable[[Any], dict[str, Any]]) -> None:
    """Compute a row per cell, writing what there is to `results/NAME.csv` after each, with its
    origin in `results/NAME.json`; then print the table. Quick sizes are named NAME_quick."""
    path = RESULTS / (f"{name}_quick" if QUICK else name)
    origin = {
        "command": " ".join(["python", f"experiments/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "device": jax.devices()[0].device_kind,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "commit": git_state()[0],
    }
    path.with_suffix(".json").write_text(json.dumps(origin, indent=2) + "\n")
    rows: list[dict[str, Any]] = []
    for cell in cells:
        rows.append(row_of(cell))
        pl.DataFrame(rows, infer_schema_length=None).write_csv(
            path.with_suffix(".csv"), float_precision=5
        )
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=4):
        print(pl.DataFrame(rows, infer_schema_length=None))
