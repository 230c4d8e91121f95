"""Discontinuous costs of a continuous action, as a choice of a cell and a smooth action within it.

Something that jumps at breakpoints of an action (a fixed cost, a unit price, a lead time) is smooth
between them. Several such features of one axis are merged: between two neighbouring breakpoints of
any of them lies a **cell** in which all are constant. A policy then chooses a cell (discrete: the
score function) and an action within it (continuous: the pathwise gradient), and both gradients are
exact where the derivative of the whole is not even defined (arXiv 2605.14297, section on
discontinuous actions).

A new discontinuous cost, say a truck that costs 40, takes 25 units and needs fuel for 2 a unit,
with 10 % off it from the 20th unit on, is a few lines:

    cells = merge({
        "fixed": Steps((0, 0, 25), (0.0, 40.0)),      # nothing at 0; a truck for anything above
        "discount": Steps((0, 20, 25), (0.0, 0.1)),
    })
    quantity = within(cells.lower, cells.upper, outputs)          # one candidate per cell
    cost = cells.values["fixed"] + 2.0 * (1 - cells.values["discount"]) * quantity
    chosen = jnp.sum(weights * cost)                              # weights: one for the chosen cell

A breakpoint given twice makes a cell of that point alone. A cell holds its lower end and not its
upper one, but for the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64

from neuroinv.types import InputError

SMOOTH = 4.0  # logits that a smooth weight rises by over one temperature


class Steps(NamedTuple):
    """Something constant between breakpoints of an action."""

    breakpoints: tuple[float, ...]
    """From the least action to the most (which may be infinite), not decreasing."""
    values: tuple[float, ...]
    """One for each interval between two breakpoints."""


class Cells(NamedTuple):
    """Intervals of an action in which every feature is constant."""

    lower: Float64[np.ndarray, " cells"]
    upper: Float64[np.ndarray, " cells"]
    values: dict[str, Float64[np.ndarray, " cells"]]
    """Each feature's value in every cell."""


def merge(features: Mapping[str, Steps], field: str = "features") -> Cells:
    """The cells of several features of one action.

    Raises InputError, which names `field`, for no features, a number of values that does not match
    the intervals, breakpoints that decrease or are not numbers, a regime no action can reach
    (a breakpoint given three times, or an infinite one in the middle), and features that start or
    end at different actions.
    """
    if not features:
        raise InputError(f"{field} is empty; give at least one feature with its breakpoints")
    for name, (breakpoints, values) in features.items():
        _check(breakpoints, values, f"{field}.{name}")
    ends = {name: (steps.breakpoints[0], steps.breakpoints[-1]) for name, steps in features.items()}
    for name, own in ends.items():
        first = next(iter(ends))
        if own != ends[first]:
            raise InputError(
                f"{field}.{name} covers actions from {own[0]:g} to {own[1]:g} but {first} those "
                f"from {ends[first][0]:g} to {ends[first][1]:g}; give both the same ends"
            )
    counts = [steps.breakpoints for steps in features.values()]
    merged = [
        point
        for point in sorted({p for breakpoints in counts for p in breakpoints})
        for _ in range(max(breakpoints.count(point) for breakpoints in counts))
    ]
    lower, upper = np.asarray(merged[:-1], np.float64), np.asarray(merged[1:], np.float64)
    return Cells(
        lower, upper, {name: _values_in(steps, lower, upper) for name, steps in features.items()}
    )


def _check(breakpoints: tuple[float, ...], values: tuple[float, ...], field: str) -> None:
    if len(breakpoints) < 2:
        raise InputError(
            f"{field}.breakpoints are {list(breakpoints)}, which bound no interval; give the least "
            "action, the most, and those between at which the value jumps"
        )
    if len(values) != len(breakpoints) - 1:
        raise InputError(
            f"{field} has {len(values)} values for {len(breakpoints) - 1} intervals between its "
            "breakpoints; give one value for each"
        )
    if np.any(np.isnan(breakpoints)) or np.any(np.diff(breakpoints) < 0):
        raise InputError(
            f"{field}.breakpoints are {list(breakpoints)}, which are not in increasing order; "
            "sort them"
        )
    if not np.all(np.isfinite(breakpoints[:-1])):
        raise InputError(
            f"{field}.breakpoints are {list(breakpoints)}, but only the last may be infinite; "
            "give a number"
        )
    for point in breakpoints:
        if breakpoints.count(point) > 2:
            raise InputError(
                f"{field}.breakpoints name {point:g} more than twice, so no action can reach the "
                "regime between; name it twice for a regime of that action alone"
            )


def _values_in(steps: Steps, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The value that holds in each cell: of the own interval that contains it."""
    found = []
    intervals = list(zip(steps.breakpoints[:-1], steps.breakpoints[1:], steps.values, strict=True))
    for low, high in zip(lower, upper, strict=True):
        inside = [value for a, b, value in intervals if a <= low and high <= b and a < b]
        alone = [value for a, b, value in intervals if a == b == low == high]
        # A point that is a regime of its own goes first; else it belongs to what lies above it.
        found.append(alone[0] if alone else inside[-1])
    return np.asarray(found, np.float64)


def cell_weights(
    lower: Float[Array, "*axes cells"],
    upper: Float[Array, "*axes cells"],
    action: Float[Array, "*axes"],
) -> Float[Array, "*axes cells"]:
    """One for the cell that an action lies in, zero for the others.

    An action between two cells that leave a gap, or beyond the last, belongs to the one below it.
    """
    alone = lower == upper
    after_point = jnp.concatenate([jnp.zeros_like(alone[..., :1]), alone[..., :-1]], axis=-1)
    after_point &= lower == jnp.concatenate([lower[..., :1], upper[..., :-1]], axis=-1)
    reached = jnp.where(after_point, action[..., None] > lower, action[..., None] >= lower)
    index = jnp.maximum(jnp.sum(reached, axis=-1) - 1, 0)
    return jax.nn.one_hot(index, lower.shape[-1], dtype=action.dtype)


def smooth_weights(
    lower: Float[Array, "*axes cells"],
    upper: Float[Array, "*axes cells"],
    action: Float[Array, "*axes"],
    temperature: Float[Array, "*axes"] | float,
) -> Float[Array, "*axes cells"]:
    """Weights of all cells that change smoothly with the action: those of `cell_weights` as the
    temperature, in units of the action, goes to zero. A cell of one point reaches two temperatures
    beyond it."""
    temperature = jnp.asarray(temperature)[..., None]
    within_reach = jnp.isfinite(lower)
    following = jnp.concatenate([lower[..., 1:], jnp.full_like(lower[..., :1], jnp.inf)], axis=-1)
    ends = following + jnp.where(lower == upper, 2 * temperature, 0.0)
    last = jnp.isinf(following)
    distance = jnp.where(last, 0.0, action[..., None] - jnp.where(last, 0.0, ends))
    beyond = jnp.where(last, 0.0, jax.nn.sigmoid(SMOOTH * distance / temperature))
    before = jnp.concatenate([jnp.ones_like(beyond[..., :1]), beyond[..., :-1]], axis=-1)
    weights = jnp.where(within_reach, jnp.maximum(before - beyond, 0.0), 0.0)
    return weights / jnp.sum(weights, axis=-1, keepdims=True)


def within(
    lower: Float[Array, "*axes cells"],
    upper: Float[Array, "*axes cells"],
    outputs: Float[Array, "*axes cells"],
    scale: Float[Array, "*axes 1"] | float = 1.0,
) -> Float[Array, "*axes cells"]:
    """An action in every cell, from unbounded outputs: a sigmoid between two ends, and above the
    lower end of a cell without an upper one a softplus in units of `scale`."""
    bounded = jnp.isfinite(upper)
    width = jnp.where(bounded, upper - lower, 0.0)
    return lower + jnp.where(
        bounded, width * jax.nn.sigmoid(outputs), scale * jax.nn.softplus(outputs)
    )
