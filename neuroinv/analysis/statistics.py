"""Statistics over seeds: interquartile mean and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

Values = Float64[np.ndarray, " values"]
RESAMPLES = 10_000


class Interval(NamedTuple):
    """A point estimate and the ends of its interval."""

    estimate: float
    low: float
    high: float


def interquartile_mean(values: Values) -> float:
    """Mean of the middle half of the values; a quarter is cut at either end, in parts if need be.

    Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
    precipice".
    """
    ordered, cut = np.sort(values), len(values) / 4
    ranks = np.arange(len(values))
    inside = np.clip(np.minimum(ranks + 1, len(values) - cut) - np.maximum(ranks, cut), 0, 1)
    return float(np.sum(inside * ordered) / np.sum(inside))


def mean(values: Values) -> float:
    """Arithmetic mean."""
    return float(np.mean(values))


def bootstrap(
    values: Values, statistic: Callable[[Values], float] = mean, level: float = 0.95
) -> Interval:
    """The statistic with its percentile-bootstrap interval; same values, same interval.

    One value has an interval of no width: there is nothing to resample.
    """
    generator = np.random.default_rng(0)
    drawn = generator.choice(values, (RESAMPLES, len(values)))
    low, high = np.quantile(
        np.apply_along_axis(statistic, 1, drawn), [0.5 - level / 2, 0.5 + level / 2]
    )
    return Interval(statistic(values), float(low), float(high))
