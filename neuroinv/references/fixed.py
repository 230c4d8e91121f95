"""Parameters of problems whose costs, lead times and demand are the same in all scenarios."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from neuroinv.config import Range
from neuroinv.problems.inventory.dynamics import Parameters
from neuroinv.problems.inventory.instance import Instance, draw_parameters


def fixed_parameters(instance: Instance) -> Parameters | None:
    """The parameters of every scenario, as NumPy arrays; None where scenarios differ."""
    config = instance.config
    groups = [*config.nodes.values(), *config.edges.values(), config.demand]
    values: list[Any] = [value for group in groups for value in vars(group).values()]
    if any(isinstance(value, Range) and value.vary != "location" for value in values):
        return None
    drawn = draw_parameters(instance, "test", 1)
    return jax.tree.map(lambda leaf: np.asarray(leaf[0]), drawn)


def all_equal(values: np.ndarray) -> bool:
    """Whether an array holds one value only."""
    return bool((values == values.flat[0]).all())
