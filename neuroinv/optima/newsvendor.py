"""Exact base-stock levels and costs of one store whose unmet demand is backlogged.

Each period the store observes its stock, orders, meets demand and pays the holding cost on stock
left or the underage cost on demand still owed. An order placed in period t serves demand from
period t + lead_time on, so stock after the demand of period t + lead_time is the level less the
demand of lead_time + 1 periods, and the store is a newsvendor facing that total.

Source: Zipkin (2000), Foundations of Inventory Management.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr, ndtri

from neuroinv.optima.checks import check_costs, check_lead_time, check_level, check_normal
from neuroinv.optima.demand_sums import clipped_normal_sum, discrete_sum

# Level ties are decided by sums that carry rounding errors of about this size.
ROUNDING = 1e-12


class BaseStockOptimum(NamedTuple):
    """The best base-stock policy.

    Attributes:
        level: base-stock level (units): order up to it in inventory position, before demand.
        cost: its long-run average cost per period.
    """

    level: float
    cost: float


def backlogged_optimum_discrete(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> BaseStockOptimum:
    """Best base-stock level and its cost for whole-number demand, exact.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.

    Returns:
        The smallest optimal whole level, and the average cost per period.

    Raises:
        ValueError: probabilities that do not add up to one, a cost that is not positive, or a lead
            time that is not a whole number of at least zero.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    total = discrete_sum(probabilities, lead_time + 1)
    level = discrete_quantile(total, underage_cost / (underage_cost + holding_cost))
    points = np.arange(total.size, dtype=np.float64)
    cost = _expected_cost(float(level), points, total, holding_cost, underage_cost)
    return BaseStockOptimum(level=float(level), cost=cost)


def backlogged_cost_discrete(
    level: float,
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> float:
    """Average cost per period of any base-stock level under whole-number demand, exact.

    Args:
        level: base-stock level (units), whole or not.
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.

    Raises:
        ValueError: as `backlogged_optimum_discrete`, or a level that is not finite.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    check_level(level)
    total = discrete_sum(probabilities, lead_time + 1)
    points = np.arange(total.size, dtype=np.float64)
    return _expected_cost(level, points, total, holding_cost, underage_cost)


def backlogged_optimum_normal(
    mean: float,
    std: float,
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    clipped: bool,
) -> BaseStockOptimum:
    """Best base-stock level and its cost for normal demand.

    Demand that is not clipped may be negative, and then takes orders back: stock beyond the level
    is taken to be none, so this is a lower bound, and exact as far as demand is seldom negative.

    Args:
        mean: of one period's demand before clipping (units).
        std: of one period's demand before clipping (units).
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.
        clipped: whether demand is max(Normal, 0) rather than Normal, which may be negative.

    Returns:
        Level and average cost per period: the closed form when not clipped; when clipped, from the
        lattice of `clipped_normal_sum`, to about 1e-6 of a standard deviation in both.

    Raises:
        ValueError: a cost or std that is not positive, a mean that is not finite (or below -9 std
            when clipped), or a lead time that is not a whole number of at least zero.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    check_normal(mean, std)
    fractile = underage_cost / (underage_cost + holding_cost)
    periods = lead_time + 1
    if clipped:
        lattice = clipped_normal_sum(mean, std, periods)
        # A lattice point stands for the half cells on its two sides.
        edges = lattice.offset + lattice.step * (np.arange(lattice.probabilities.size) + 0.5)
        cumulative = np.cumsum(lattice.probabilities)
        level = max(float(np.interp(fractile, cumulative, edges)), lattice.offset)
        if cumulative[0] >= fractile:
            level = lattice.offset
    else:
        level = mean * periods + float(ndtri(fractile)) * std * math.sqrt(periods)
    cost = backlogged_cost_normal(level, mean, std, lead_time, holding_cost, underage_cost, clipped)
    return BaseStockOptimum(level=level, cost=cost)


def backlogged_cost_normal(
    level: float,
    mean: float,
    std: float,
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    clipped: bool,
) -> float:
    """Average cost per period of any base-stock level under normal demand.

    Demand that is not clipped may be negative, and then takes orders back: stock beyond the level
    is taken to be none, so this is a lower bound, and exact as far as demand is seldom negative.

    Args:
        level: base-stock level (units).
        mean: of one period's demand before clipping (units).
        std: of one period's demand before clipping (units).
        lead_time: periods, 0 or more.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.
        clipped: whether demand is max(Normal, 0) rather than Normal, which may be negative.

    Raises:
        ValueError: as `backlogged_optimum_normal`, or a level that is not finite.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    check_level(level)
    check_normal(mean, std)
    periods = lead_time + 1
    if clipped:
        lattice = clipped_normal_sum(mean, std, periods)
        points = lattice.offset + lattice.step * np.arange(lattice.probabilities.size)
        return _expected_cost(level, points, lattice.probabilities, holding_cost, underage_cost)
    spread = std * math.sqrt(periods)
    z = (level - mean * periods) / spread
    density = math.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    left = spread * (density + z * float(ndtr(z)))
    owed = spread * (density - z * float(ndtr(-z)))
    return holding_cost * left + underage_cost * owed


def discrete_quantile(probabilities: Float64[np.ndarray, " support"], fractile: float) -> int:
    """Smallest whole number whose cumulative probability reaches the fractile (up to rounding)."""
    reached = np.cumsum(probabilities) >= fractile - ROUNDING
    return int(np.argmax(reached)) if reached.any() else probabilities.size - 1


def _expected_cost(
    level: float,
    points: Float64[np.ndarray, " points"],
    probabilities: Float64[np.ndarray, " points"],
    holding_cost: float,
    underage_cost: float,
) -> float:
    left = level - points
    charges = np.where(left > 0.0, holding_cost * left, -underage_cost * left)
    return float(charges @ probabilities)
