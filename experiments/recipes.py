"""Ladders from the recipe of arXiv 2605.14297 to ours: what both problems have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Overrides = Mapping[str, Any]

PAPER = {
    "policy.hidden": "[512,512]",
    "algorithm.value_hidden": "[512,512]",
    "training.train.scenarios": 1024,
    "algorithm.scales": "reference",
    "algorithm.entropy": 0.5,
    "algorithm.trace": 0.96,
    "algorithm.epochs": 5,
    "algorithm.learning_rate": 0.001,
    "algorithm.final_learning_rate": 1.0,
    "algorithm.clip_norm": 5.0,
}
"""HPO as published, as far as its public code is the same for every problem."""
CHANGES = {
    "8192 scenarios": {"training.train.scenarios": 8192},
    "one use of a batch": {"algorithm.epochs": 1},
    "consistent units": {"algorithm.scales": "consistent", "algorithm.entropy": 0.02},
    "learning rate that falls": {
        "algorithm.learning_rate": 0.003,
        "algorithm.final_learning_rate": 0.01,
        "algorithm.clip_norm": 1.0,
    },
    "later costs in full": {"algorithm.discount": 1.0, "algorithm.trace": 0.95},
}


def overrides_up_to(change: str, paper: Overrides, changes: Mapping[str, Overrides]) -> list[str]:
    """Overrides of the paper's recipe with all changes up to this one."""
    chosen = dict(paper)
    for name in list(changes)[: list(changes).index(change) + 1]:
        chosen |= changes[name]
    return as_overrides(chosen)


def as_overrides(chosen: Overrides) -> list[str]:
    """KEY=VALUE of every entry."""
    return [f"{key}={value}" for key, value in chosen.items()]
