"""Demand at levels that stores share, and its finest likeness on a lattice that the work allows.

Both serve `neuroinv.optima.one_warehouse`, whose step 2 says why a lattice makes a lower bound.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.optimize import linprog
from scipy.special import ndtr

from neuroinv.optima.checks import PROBABILITY_SLACK

CELLS = 100  # of demand, on either side of its mean
STDS_COVERED = 9.0
QUADRATURE = 8

# Largest step count: finer lattices gain less than the tolerance of value iteration.
MOST_STEPS = 24
# Larger demand than this share of all is averaged: a wider lattice would be coarser.
SHARE_ON_LATTICE = 0.986
# Demand that varies little may need a finer lattice than the work allows, but none finer than this.
LARGEST_WORK = 1e10


class LevelDemand(NamedTuple):
    """Demand of one period, given the level of demand in the network.

    A level is any random variable that depends on the period's demands, such as whether their total
    is high; levels are listed from low to high. Points may be any discrete distribution, or means
    of a continuous one over cells, which step 2 of the argument permits. Where only the marginal
    distributions are known, list one level; the price is then constant.

    Attributes:
        chances: probability of each level.
        points: demand of each store (units), at least zero.
        probabilities: of the points given the level, adding up to one over the cells.
    """

    chances: Float64[np.ndarray, " levels"]
    points: Float64[np.ndarray, "levels stores cells"]
    probabilities: Float64[np.ndarray, "levels stores cells"]


class Lattice(NamedTuple):
    """Demand of one store in multiples of a step.

    Attributes:
        step: units.
        laws: probability of each multiple, given the level.
    """

    step: float
    laws: Float64[np.ndarray, "levels steps_and_one"]


def clipped_normal_levels(
    mean: Float64[np.ndarray, " stores"], covariance: Float64[np.ndarray, "stores stores"]
) -> LevelDemand:
    """Jointly normal demand clipped at zero, at two levels: is its total before clipping high?

    Args:
        mean: of each store's demand per period before clipping (units).
        covariance: of the demands of one period before clipping (units squared).

    Returns:
        Two levels, total demand below and above its mean; 201 cells per store.

    Raises:
        ValueError: a mean that is not positive, or a covariance that is not symmetric with positive
            variances and a positive variance of the total.
    """
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if mean.ndim != 1 or not np.all(np.isfinite(mean) & (mean > 0.0)):
        raise ValueError(f"mean is {mean}; give one positive mean demand per store")
    if covariance.shape != 2 * mean.shape or not np.allclose(covariance, covariance.T):
        raise ValueError(
            f"covariance has shape {covariance.shape} for {mean.size} stores; give a symmetric "
            "matrix with one row per store"
        )
    if not (np.all(np.diag(covariance) > 0.0) and covariance.sum() > 0.0):
        raise ValueError(
            f"covariance has variances {np.diag(covariance)} and {covariance.sum()} for the total; "
            "give positive ones"
        )
    std = np.sqrt(np.diag(covariance))
    with_total = np.clip(covariance.sum(axis=1) / (std * np.sqrt(covariance.sum())), -1.0, 1.0)
    stores = [_two_levels(*store) for store in zip(mean, std, with_total, strict=True)]
    points, probabilities = (np.stack(parts, axis=1) for parts in zip(*stores, strict=True))
    return LevelDemand(np.full(2, 0.5), points, probabilities)


def finest_lattice(
    demand: LevelDemand, store: int, lead_time: int, histories: int, work: float
) -> Lattice:
    """The finest lattice for a store that the work allows, or the first finer one that exists.

    `work` is the additions of one sweep over the store's states (`additions_of_sweep`). Raises
    ValueError where even the largest work affords no lattice.
    """
    points, probabilities = demand.points[:, store], demand.probabilities[:, store]
    means = np.sum(probabilities * points, axis=1)
    order = np.argsort(points, axis=None)
    below = np.cumsum((demand.chances[:, None] * probabilities).flat[order])
    at = min(int(np.searchsorted(below, SHARE_ON_LATTICE)), order.size - 1)
    largest = max(means.max(), points.flat[order[at]])
    if largest == 0.0:
        return Lattice(1.0, np.tile([1.0, 0.0], (len(points), 1)))
    counts = np.arange(1.0, 2 * MOST_STEPS)
    additions = additions_of_sweep(counts, lead_time, histories)
    affordable = min(max(int(np.sum(additions <= work)), 1), MOST_STEPS)
    # Demand that varies little has contractions on fine lattices only.
    for steps in range(affordable, int(np.sum(additions <= max(work, LARGEST_WORK))) + 1):
        step = largest / steps
        levels = zip(points / step, probabilities, strict=True)
        laws = [law for level in levels if (law := contraction(*level, steps)) is not None]
        if len(laws) == len(points):
            return Lattice(float(step), np.stack(laws))
    raise ValueError(
        f"demand of store {store}, with means {means} by level, needs too fine a lattice for its "
        f"lead time of {lead_time}; shorten the lead time, or list one level of demand"
    )


def additions_of_sweep(
    steps: Float64[np.ndarray, " counts"] | float, lead_time: int, histories: int
) -> Float64[np.ndarray, " counts"] | float:
    """Additions of one sweep over the states of a store whose demand is on so many steps: as many
    as `histories` of past levels, orders on their way and stock allow."""
    return histories * (steps + 1.0) ** lead_time * ((lead_time + 1.0) * steps + 1.0) ** 2


def contraction(
    points: Float64[np.ndarray, " cells"], probabilities: Float64[np.ndarray, " cells"], steps: int
) -> Float64[np.ndarray, " steps_and_one"] | None:
    """The distribution on 0, ..., steps of largest variance that the given one is a spread of.

    It is at most the given one in convex order: the same mean, and E(X - c)+ no larger for any c.
    That difference is piecewise linear, and concave between whole numbers with its kinks at the
    points, so comparing there suffices. None where there is no such distribution.
    """
    whole = np.arange(steps + 1.0)
    kinks = points[probabilities > 0.0]
    expected_excess = np.maximum(points - kinks[:, None], 0.0) @ probabilities
    solution = linprog(
        -(whole**2),
        A_ub=np.maximum(whole - kinks[:, None], 0.0),
        b_ub=expected_excess,
        A_eq=np.stack([np.ones(steps + 1), whole]),
        b_eq=[1.0, probabilities @ points],
        bounds=(0.0, None),
        method="highs",
    )
    if solution.x is None:
        return None
    chances = np.maximum(solution.x, 0.0)
    return chances / chances.sum()


def _two_levels(
    mean: float, std: float, with_total: float
) -> tuple[Float64[np.ndarray, "2 cells"], Float64[np.ndarray, "2 cells"]]:
    """Mean and probability of the cells of one store's clipped demand, given the total's level."""
    # In standard deviations; the mean is an edge, because one store alone changes level there.
    lowest = max(-mean / std, -STDS_COVERED)
    edges = np.concatenate(
        [np.linspace(lowest, 0.0, CELLS + 1), np.linspace(0.0, STDS_COVERED, CELLS + 1)[1:]]
    )
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    half = 0.5 * np.diff(edges)[:, None]
    at = edges[:-1, None] + half * (1.0 + nodes)
    density = half * weights * np.exp(-0.5 * at**2) / np.sqrt(2.0 * np.pi)
    slope = with_total / max(np.sqrt(1.0 - with_total**2), 1e-12)
    # Twice, because each level has probability one half.
    inside = 2.0 * density * ndtr(np.array([-1.0, 1.0])[:, None, None] * slope * at)
    probability = inside.sum(axis=2)
    excess = np.sum(inside * at, axis=2) / np.where(probability > 0.0, probability, 1.0)
    at_zero = np.maximum(1.0 - probability.sum(axis=1, keepdims=True), 0.0)
    points = np.concatenate([np.zeros((2, 1)), np.maximum(mean + std * excess, 0.0)], axis=1)
    return points, np.concatenate([at_zero, probability], axis=1)


def check_demand(demand: LevelDemand) -> None:
    """Raise ValueError where shapes disagree or numbers are out of range."""
    chances, points, probabilities = demand
    if (
        chances.ndim != 1
        or points.ndim != 3
        or points.shape != probabilities.shape
        or not points.size
    ):
        raise ValueError(
            f"demand has points of shape {points.shape} and probabilities of shape "
            f"{probabilities.shape}; give both the shape [levels, stores, cells]"
        )
    if len(chances) != len(points):
        raise ValueError(
            f"demand has {len(chances)} chances for {len(points)} levels of points; give one each"
        )
    if not (np.all(np.isfinite(points)) and points.min() >= 0.0):
        raise ValueError(f"demand.points has smallest entry {points.min()}; give none below zero")
    for field, values in (("chances", chances), ("probabilities", probabilities)):
        totals = values.sum(axis=-1)
        if not (values.min() >= 0.0 and np.all(np.abs(totals - 1.0) <= PROBABILITY_SLACK)):
            raise ValueError(
                f"demand.{field} has smallest entry {values.min()} and adds up to {totals}; give "
                "probabilities that add up to one"
            )
