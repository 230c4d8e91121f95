"""Statistics over seeds: means and their bootstrap intervals."""

from __future__ import annotations

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


def bootstrap(values: Values) -> Interval:
    """The mean with its 95 % percentile-bootstrap interval; same values, same interval.

    One value has an interval of no width: there is nothing to resample.
    """
    drawn = np.random.default_rng(0).choice(values, (RESAMPLES, len(values)))
    low, high = np.quantile(np.mean(drawn, axis=1), [0.025, 0.975])
    return Interval(float(np.mean(values)), float(low), float(high))
