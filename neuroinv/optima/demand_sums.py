"""Distributions of the demand of several periods added up."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy import fft
from scipy.special import ndtr

from neuroinv.optima.checks import check_normal, checked_probabilities

STEPS_PER_STD = 4000
STDS_COVERED = 9.0


class Lattice(NamedTuple):
    """A distribution on the equally spaced points offset, offset + step, offset + 2 step, ...

    Attributes:
        offset: the smallest point (units).
        step: the distance between points (units).
        probabilities: one per point, adding up to one.
    """

    offset: float
    step: float
    probabilities: Float64[np.ndarray, " points"]


def check_periods(periods: int) -> None:
    """Raise ValueError unless periods is a whole number of at least one."""
    if isinstance(periods, bool) or not isinstance(periods, (int, np.integer)) or periods < 1:
        raise ValueError(f"periods is {periods!r}; give a whole number of periods, 1 or more")


def discrete_sum(
    probabilities: Float64[np.ndarray, " support"], periods: int
) -> Float64[np.ndarray, " summed"]:
    """Probabilities of the total demand of independent periods on 0, 1, 2, ... (units).

    The result has periods * (support - 1) + 1 entries. Raises ValueError when the probabilities do
    not add up to one or periods is not a positive whole number.
    """
    check_periods(periods)
    one_period = checked_probabilities(probabilities)
    total = one_period
    # Direct convolution keeps small tail probabilities accurate, which a Fourier transform loses.
    for _ in range(int(periods) - 1):
        total = np.convolve(total, one_period)
    return total


@lru_cache(maxsize=16)
def clipped_normal_sum(mean: float, std: float, periods: int) -> Lattice:
    """Distribution of the sum of `periods` independent demands max(Normal(mean, std^2), 0).

    Mean and std are in units per period. One demand is put on a lattice of std / 4000 so that every
    cell keeps its probability and its mean, including the atom at zero; the sum is its Fourier
    convolution power. Means are exact to rounding; the variance of the sum is too large by
    at most periods * (std / 4000)^2 / 4. Probability beyond nine standard deviations (1e-19) goes
    to the outermost points. The result is cached and its probabilities are read-only.

    Raises ValueError unless mean is finite, std positive, periods a positive whole number, and
    positive demand at all likely (mean above -9 std).
    """
    check_normal(mean, std)
    check_periods(periods)
    if mean + STDS_COVERED * std <= 0.0:
        raise ValueError(
            f"mean is {mean} with std {std}, so clipped demand is always 0; give a mean above "
            f"{-STDS_COVERED} std"
        )
    step = std / STEPS_PER_STD
    offset = max(mean - STDS_COVERED * std, 0.0)
    cells = int(np.ceil((mean + STDS_COVERED * std - offset) / step))
    one_period = _one_clipped_normal(mean, std, offset, step, cells)
    points = int(periods) * cells + 1
    length = fft.next_fast_len(points, real=True)
    total = fft.irfft(fft.rfft(one_period, length) ** int(periods), length)[:points]
    total = np.maximum(total, 0.0)
    total /= total.sum()
    total.flags.writeable = False
    return Lattice(offset=periods * offset, step=step, probabilities=total)


def _one_clipped_normal(
    mean: float, std: float, offset: float, step: float, cells: int
) -> Float64[np.ndarray, " points"]:
    edges = (offset + step * np.arange(cells + 1) - mean) / std
    below = ndtr(edges)
    density = np.exp(-0.5 * edges**2) / np.sqrt(2.0 * np.pi)
    # Upper-tail differences: 1 - tiny would round where the distribution function is close to one.
    above = ndtr(-edges)
    inside = np.where(edges[:-1] < 0.0, np.diff(below), -np.diff(above))
    # Splitting a cell between its two edges in the ratio that keeps its mean makes the error
    # second order in the step, where rounding to the nearest point would be first order.
    excess = std * (-np.diff(density) - edges[:-1] * inside)
    to_the_right = np.clip(excess / step, 0.0, inside)
    probabilities = np.zeros(cells + 1)
    probabilities[1:] += to_the_right
    probabilities[:-1] += inside - to_the_right
    probabilities[0] += below[0]
    probabilities[-1] += above[-1]
    return probabilities
