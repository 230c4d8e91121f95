"""Exact (s, S) policies of one store with a fixed cost per order, unmet demand backlogged.

Each period the store observes its stock, orders, meets demand and pays the holding cost on stock
left or the underage cost on demand still owed, besides a fixed cost whenever it orders. An order
placed in period t serves demand from period t + lead_time on, so a period that leaves the inventory
position at y after ordering costs, lead_time periods later, the newsvendor cost G(y) of y against
the demand of lead_time + 1 periods.

Between two orders the position falls from S to s or below, and visits S - j for m(j) periods on
average, where m(j) = [j = 0] + sum over d of P(D = d) m(j - d). A demand of 0 leaves the position
where it is, so m(0) = 1 / (1 - P(D = 0)). The average cost is that of a cycle per period of it:

    c(s, S) = (K + sum over j < S - s of m(j) G(S - j)) / sum over j < S - s of m(j).

Source: Zheng and Federgruen (1991), Finding optimal (s, S) policies is about as simple as
evaluating a single policy, Operations Research 39(4).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from neuroinv.optima.checks import (
    check_costs,
    check_fixed_cost,
    check_lead_time,
    checked_lost_sales_demand,
)
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.lost_sales_evaluation import period_costs
from neuroinv.optima.newsvendor import discrete_quantile

FIRST_SPAN = 64
# Costs equal but for rounding differ by less than this share.
ROUNDING = 1e-12


class ReorderPolicy(NamedTuple):
    """A policy that, once its inventory position has fallen to one level, orders up to another.

    Attributes:
        reorder_level: s (units): order when the inventory position, before demand, is s or less.
        order_up_to_level: S (units): the inventory position after ordering.
        cost: long-run average cost per period, fixed costs included.
    """

    reorder_level: int
    order_up_to_level: int
    cost: float


LevelCosts = Callable[[int, int], Float64[np.ndarray, " levels"]]
"""G of all levels from the first to the second, which falls up to some level and grows from it."""


def fixed_cost_optimum(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    fixed_cost: float,
) -> ReorderPolicy:
    """Cheapest of all policies for whole-number demand and its average cost, exact.

    Some (s, S) policy is cheapest of all policies. Without a fixed cost it is that of the smallest
    optimal base-stock level, ordered up to from one unit below.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.
        fixed_cost: per order, 0 or more.

    Raises:
        ValueError: probabilities that do not add up to one or are all on demand 0, a cost per unit
            that is not positive, a negative fixed cost, or a lead time that is not a whole number
            of at least zero.
    """
    check_costs(holding_cost, underage_cost)
    check_fixed_cost(fixed_cost)
    check_lead_time(lead_time)
    demand = checked_lost_sales_demand(probabilities)
    total = discrete_sum(demand, lead_time + 1)
    base_stock = discrete_quantile(total, underage_cost / (underage_cost + holding_cost))
    costs = (holding_cost, underage_cost)
    return cheapest_reorder_policy(
        demand,
        lambda lowest, highest: costs_of_levels(total, lowest, highest, costs),
        base_stock,
        fixed_cost,
    )


def cheapest_reorder_policy(
    demand: Float64[np.ndarray, " support"],
    level_costs: LevelCosts,
    base_stock: int,
    fixed_cost: float,
) -> ReorderPolicy:
    """The cheapest (s, S) policy, and its average cost, where a period that leaves the position at
    a level costs that level's G.

    Args:
        demand: of one period, as `checked_lost_sales_demand` returns it.
        level_costs: G.
        base_stock: the smallest level at which G is least (units).
        fixed_cost: per order, 0 or more.
    """
    reorder, least = _first_reorder_level(demand, level_costs, base_stock, fixed_cost)
    span = FIRST_SPAN
    while level_costs(base_stock + span, base_stock + span)[0] <= least:
        span *= 2
    lowest = reorder
    costs = level_costs(lowest, base_stock + span)
    visits = mean_visits(demand, costs.size)

    def average(reorder: int, up_to: int) -> float:
        falling = costs[reorder + 1 - lowest : up_to + 1 - lowest]
        return _average_cost(visits, falling, fixed_cost)

    up_to = base_stock
    for level in range(base_stock + 1, base_stock + span + 1):
        # It never pays to order up to a level that costs more by itself than some policy does.
        if costs[level - lowest] > least:
            break
        if average(reorder, level) < least * (1.0 - ROUNDING):
            up_to, least = level, average(reorder, level)
            while reorder + 1 < base_stock and least <= costs[reorder + 1 - lowest]:
                reorder += 1
                least = average(reorder, up_to)
    return ReorderPolicy(reorder, up_to, least)


def reorder_policy_cost(
    reorder_level: int,
    order_up_to_level: int,
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    fixed_cost: float,
) -> float:
    """Average cost per period of any (s, S) policy under whole-number demand, exact.

    Args:
        reorder_level: s (whole units, may be negative).
        order_up_to_level: S (whole units), above s.
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.
        fixed_cost: per order, 0 or more.

    Raises:
        ValueError: as `fixed_cost_optimum`, or levels that are not whole or not in order.
    """
    check_costs(holding_cost, underage_cost)
    check_fixed_cost(fixed_cost)
    check_lead_time(lead_time)
    _check_levels(reorder_level, order_up_to_level)
    demand = checked_lost_sales_demand(probabilities)
    total = discrete_sum(demand, lead_time + 1)
    costs = (holding_cost, underage_cost)
    level_costs = costs_of_levels(total, reorder_level + 1, order_up_to_level, costs)
    return _average_cost(mean_visits(demand, level_costs.size), level_costs, fixed_cost)


def mean_visits(
    demand: Float64[np.ndarray, " support"], depth: int
) -> Float64[np.ndarray, " depth"]:
    """Mean number of periods in which total demand before them is 0, 1, ..., depth - 1 units.

    Demand is as `checked_lost_sales_demand` returns it.
    """
    # A period of no demand repeats a visit, which only multiplies all visits.
    moving = demand[1:] / (1.0 - demand[0])
    visits = np.zeros(depth)
    visits[:1] = 1.0 / (1.0 - demand[0])
    for units in range(1, depth):
        reach = min(units, moving.size)
        visits[units] = moving[:reach] @ visits[units - reach : units][::-1]
    return visits


def _check_levels(reorder_level: int, order_up_to_level: int) -> None:
    levels = (("reorder_level", reorder_level), ("order_up_to_level", order_up_to_level))
    for field, value in levels:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError(f"{field} is {value!r}; give a whole number of units")
    if order_up_to_level <= reorder_level:
        raise ValueError(
            f"order_up_to_level is {order_up_to_level}; give one above reorder_level = "
            f"{reorder_level}"
        )


def _first_reorder_level(
    demand: Float64[np.ndarray, " support"],
    level_costs: LevelCosts,
    base_stock: int,
    fixed_cost: float,
) -> tuple[int, float]:
    """The best reorder level for ordering up to the base-stock level, and its average cost."""
    span = FIRST_SPAN
    while True:
        falling = level_costs(base_stock - span, base_stock)[::-1]
        visits = mean_visits(demand, span)
        averages = (fixed_cost + np.cumsum(visits * falling[:-1])) / np.cumsum(visits)
        # The average falls as long as the next level down costs less.
        settled = averages <= falling[1:]
        if settled.any():
            below = int(np.argmax(settled))
            return base_stock - 1 - below, float(averages[below])
        span *= 2


def costs_of_levels(
    total: Float64[np.ndarray, " summed"], lowest: int, highest: int, costs: tuple[float, float]
) -> Float64[np.ndarray, " levels"]:
    """G of the levels from lowest to highest, for the demand of lead time and period in total."""
    levels = np.arange(lowest, highest + 1)
    from_zero = period_costs(total, max(highest, 0), *costs)
    return np.asarray(from_zero[np.maximum(levels, 0)] - costs[1] * np.minimum(levels, 0))


def _average_cost(
    visits: Float64[np.ndarray, " depth"],
    level_costs: Float64[np.ndarray, " levels"],
    fixed_cost: float,
) -> float:
    """c(s, S), where costs are of the levels from s + 1 to S."""
    visited = visits[: level_costs.size]
    return float((fixed_cost + visited @ level_costs[::-1]) / visited.sum())
