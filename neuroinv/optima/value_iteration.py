"""Relative value iteration for average costs, and the memory that its tables may take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

Values = Float64[np.ndarray, "..."]

MOST_SWEEPS = 20_000
# A step that keeps a tenth of the old values cannot circle for ever when demand makes the
# system periodic, and leaves the average cost as it is.
KEPT = 0.1
ROUNDING = 8 * np.finfo(float).eps  # of values, in their difference of two sweeps
LARGEST_MEMORY = 2.0 * 2**30


class Settled(NamedTuple):
    """Where value iteration ended.

    Attributes:
        values: of all states, up to a constant; the best actions under them are optimal.
        lower: no policy costs less a period than this.
        upper: the policy of these best actions costs no more than this.
    """

    values: Values
    lower: float
    upper: float


def settle(
    improve: Callable[[Values], Values],
    values: Values,
    tolerance: float,
    most_sweeps: int = MOST_SWEEPS,
) -> Settled:
    """Improve values, in place, until the bounds on the average cost are within the tolerance.

    Or until they are as close as the rounding of large values lets them come.

    `improve` gives the least expected cost of a period and the values that follow it.

    Raises:
        RuntimeError: the bounds are still further apart after `most_sweeps` sweeps.
    """
    lower = upper = math.nan
    for _ in range(most_sweeps):
        change = improve(values) - values
        lower, upper = float(np.min(change)), float(np.max(change))
        if upper - lower < max(tolerance, ROUNDING * float(np.max(np.abs(values)))):
            return Settled(values, lower, upper)
        change *= 1.0 - KEPT
        values += change
        # Relative values: only differences matter, and growing numbers would lose digits.
        values -= values.flat[0]
    raise RuntimeError(
        f"average-cost bounds still {upper - lower} apart after {most_sweeps} sweeps; "
        f"raise tolerance above {tolerance}"
    )


def check_memory(log2_entries: float, arrays_held: int, what: str, instead: str) -> None:
    """Raise ValueError where so many tables of so many entries would need more than 2 GiB.

    Logarithms, because a long lead time would overflow the number of entries.
    """
    needed = log2_entries + math.log2(8 * arrays_held)
    if needed > math.log2(LARGEST_MEMORY):
        raise ValueError(
            f"{what} needs 2^{needed - 30.0:.1f} GiB, above {LARGEST_MEMORY / 2**30:.0f} GiB; "
            f"shorten the lead time, count demand in larger units, or use {instead} instead"
        )
