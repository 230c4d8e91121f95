"""Probabilities of whole-number demand, cut where the remaining tail is negligible."""

import math

import numpy as np
from jaxtyping import Float64
from scipy import stats

NEGLIGIBLE_TAIL = 1e-14


def poisson_pmf(mean: float) -> Float64[np.ndarray, " support"]:
    """Poisson probabilities of demand 0, 1, 2, ... (units per period).

    The vector ends where less than 1e-14 of probability remains and is scaled to add up to one.
    Raises ValueError unless mean is positive and finite.
    """
    _check_mean(mean)
    return _cut(stats.poisson(mean))


def geometric_pmf(mean: float) -> Float64[np.ndarray, " support"]:
    """Geometric probabilities of demand 0, 1, 2, ... (units per period) with the given mean.

    Demand d has probability (1 - a) a^d with a = mean / (1 + mean), as in Zipkin (2008). The vector
    ends where less than 1e-14 of probability remains and is scaled to add up to one.
    Raises ValueError unless mean is positive and finite.
    """
    _check_mean(mean)
    return _cut(stats.nbinom(1, 1.0 / (1.0 + mean)))


def negative_binomial_pmf(mean: float, variance: float) -> Float64[np.ndarray, " support"]:
    """Negative binomial probabilities of demand 0, 1, 2, ... (units per period).

    Mean in units, variance in units squared. The vector ends where less than 1e-14 of probability
    remains and is scaled to add up to one.
    Raises ValueError unless mean is positive and finite and variance exceeds it.
    """
    _check_mean(mean)
    if not (math.isfinite(variance) and variance > mean):
        raise ValueError(
            f"variance is {variance} with mean {mean}; give a finite variance above the mean, "
            "or use poisson_pmf when they are equal"
        )
    return _cut(stats.nbinom(mean**2 / (variance - mean), mean / variance))


def _check_mean(mean: float) -> None:
    if not (math.isfinite(mean) and mean > 0.0):
        raise ValueError(f"mean is {mean}; give a positive finite mean demand per period")


def _cut(demand: stats.rv_discrete) -> Float64[np.ndarray, " support"]:
    largest = int(demand.isf(NEGLIGIBLE_TAIL)) + 1
    probabilities = np.asarray(demand.pmf(np.arange(largest + 1)), dtype=np.float64)
    return np.asarray(probabilities / probabilities.sum(), dtype=np.float64)
