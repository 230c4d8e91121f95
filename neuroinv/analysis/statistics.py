"""Statistics over seeds: interquartile mean and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

Values = Float64[np.ndarray, " values"]
Samples = Float64[np.ndarray, "... values"]
Statistic = Callable[[Samples], Float64[np.ndarray, "..."]]
RESAMPLES = 10_000


class Interval(NamedTuple):
    """A point estimate and the ends of its interval."""

    estimate: float
    low: float
    high: float


def mean(values: Samples) -> Float64[np.ndarray, ...]:
    """Arithmetic mean over the last axis."""
    return np.mean(values, axis=-1)


def interquartile_mean(values: Samples) -> Float64[np.ndarray, ...]:
    """Mean of the middle half over the last axis; a quarter is cut at either end, in parts if need
    be.

    Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
    precipice".
    """
    count = values.shape[-1]
    ordered, cut, ranks = np.sort(values, axis=-1), count / 4, np.arange(count)
    inside = np.clip(np.minimum(ranks + 1, count - cut) - np.maximum(ranks, cut), 0, 1)
    return ordered @ inside / np.sum(inside)


def bootstrap(values: Values, statistic: Statistic = mean, level: float = 0.95) -> Interval:
    """The statistic with its percentile-bootstrap interval; same values, same interval.

    One value has an interval of no width: there is nothing to resample.
    """
    generator = np.random.default_rng(0)
    drawn = generator.choice(values, (RESAMPLES, len(values)))
    low, high = np.quantile(statistic(drawn), [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(statistic(values)), float(low), float(high))
