"""Runs small enough for tests, composed as the command line composes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neuroinv.composition import compose
from neuroinv.config import Config, parse

SMALL = [
    "training.train={scenarios: 64, periods: 20, burn_in: 0}",
    "training.dev={scenarios: 32, periods: 20, burn_in: 5}",
    "training.test={scenarios: 32, periods: 40, burn_in: 10}",
    "training.steps=20",
    "training.steps_between_dev=5",
    "training.batch=32",
    "training.checkpoint_seconds=0",
    "logger=quiet",
]
SMALL_NET = ["policy.hidden=[8,8]"]


def small_config(results: Path, *overrides: str, net: bool = True) -> Config:
    """A small run under `results`; `net` narrows the default network policy."""
    return parse(small_mapping(results, *overrides, net=net))


def small_mapping(results: Path, *overrides: str, net: bool = True) -> dict[str, Any]:
    """The mapping that `small_config` parses."""
    given = [*SMALL, *(SMALL_NET if net else []), f"results={results}", *overrides]
    return compose(given)
