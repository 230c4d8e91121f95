"""Means, over seeds or paths, and their intervals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.special import stdtrit

Values = Float64[np.ndarray, " values"]
COVERED = 0.95


class Interval(NamedTuple):
    """A point estimate and the ends of its interval."""

    estimate: float
    low: float
    high: float


def mean_interval(values: Values) -> Interval:
    """The mean with its 95 % interval by Student's t, which holds what it says from two values on
    where they are normal. One value has an interval of no width: it says nothing of another."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, mean, mean)
    quantile = float(stdtrit(len(values) - 1, (1 + COVERED) / 2))
    reach = quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - reach, mean + reach)
