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

import math
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


class _Cycle(NamedTuple):
    """What the average costs of policies between two levels are made of.

    Attributes:
        lowest: the first level (units).
        level_costs: G(y), per level from the first on.
        visits: m(j), periods that a cycle spends j units below its order-up-to level.
        fixed_cost: per order.
    """

    lowest: int
    level_costs: Float64[np.ndarray, " levels"]
    visits: Float64[np.ndarray, " levels"]
    fixed_cost: float


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
    reorder, least = _first_reorder_level(demand, total, base_stock, costs, fixed_cost)
    # It never pays to order up to a level that costs more by itself than some policy does, and G
    # is at least the holding cost of mean stock.
    mean = float(np.arange(total.size) @ total)
    highest = max(math.ceil(mean + least / holding_cost), base_stock)
    level_costs = costs_of_levels(total, reorder, highest, costs)
    cycle = _Cycle(reorder, level_costs, mean_visits(demand, level_costs.size), fixed_cost)
    up_to = base_stock
    for level in range(base_stock + 1, highest + 1):
        if _level_cost(cycle, level) > least:
            break
        if _average_cost(cycle, reorder, level) < least * (1.0 - ROUNDING):
            up_to, least = level, _average_cost(cycle, reorder, level)
            while reorder + 1 < base_stock and least <= _level_cost(cycle, reorder + 1):
                reorder += 1
                least = _average_cost(cycle, reorder, up_to)
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
    level_costs = costs_of_levels(total, reorder_level, order_up_to_level, costs)
    visits = mean_visits(demand, level_costs.size)
    cycle = _Cycle(reorder_level, level_costs, visits, fixed_cost)
    return _average_cost(cycle, reorder_level, order_up_to_level)


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
    total: Float64[np.ndarray, " summed"],
    base_stock: int,
    costs: tuple[float, float],
    fixed_cost: float,
) -> tuple[int, float]:
    """The best reorder level for ordering up to the base-stock level, and its average cost."""
    span = FIRST_SPAN
    while True:
        falling = costs_of_levels(total, base_stock - span, base_stock, costs)[::-1]
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


def _level_cost(cycle: _Cycle, level: int) -> float:
    return float(cycle.level_costs[level - cycle.lowest])


def _average_cost(cycle: _Cycle, reorder: int, up_to: int) -> float:
    visits = cycle.visits[: up_to - reorder]
    falling = cycle.level_costs[reorder + 1 - cycle.lowest : up_to + 1 - cycle.lowest][::-1]
    return float((cycle.fixed_cost + visits @ falling) / visits.sum())
