"""Exact cost of ordering the same quantity every period.

A store that orders q units each period and loses unmet demand has W' = max(W + q - D, 0) units left
after demand. It never gets through its stock on average when q reaches mean demand, so only smaller
orders have an average cost; the lead time does not matter. The same walk is the stock above target
of a dual-sourcing store with a constant regular order.

Source: Goldberg, Katz-Rogozhnikov, Lu, Sharma and Squillante (2016), Asymptotic optimality of
constant-order policies for lost sales inventory models with large lead times, Mathematics of
Operations Research 41(3).
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.linalg import solve_banded

from neuroinv.optima.checks import check_costs, checked_lost_sales_demand

NEGLIGIBLE_TAIL = 1e-14
ROUNDING = 1e-9
SHORTEST_WALK = 64
LARGEST_SYSTEM = 2**23


class ConstantOrder(NamedTuple):
    """A policy that orders the same every period.

    Attributes:
        order: units ordered every period.
        cost: long-run average cost per period.
    """

    order: int
    cost: float


def best_constant_order(
    probabilities: Float64[np.ndarray, " support"], holding_cost: float, underage_cost: float
) -> ConstantOrder:
    """Cheapest whole constant order of a lost-sales store with any lead time, its cost exact.

    The average cost is convex in the order, because stock left is a maximum of linear functions of
    it, so the search ends at the first order that is no better than the one before.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.

    Raises:
        ValueError: bad arguments, or a best order so close to mean demand that stock is too spread.
    """
    check_costs(holding_cost, underage_cost)
    demand = checked_lost_sales_demand(probabilities)
    mean = float(np.arange(demand.size) @ demand)
    best = ConstantOrder(order=0, cost=underage_cost * mean)
    for order in whole_orders_below_mean(demand)[1:]:
        left, whole = _longest_walk(demand, order)
        holding = holding_cost * float(np.arange(left.size) @ left)
        # What is ordered is sold in the end, so the rest of demand is lost.
        cost = holding + underage_cost * (mean - order)
        # A walk that was cut off holds less stock than the whole one, so costs less.
        if cost >= best.cost:
            break
        if not whole:
            raise _too_spread(order, left.size)
        best = ConstantOrder(order, cost)
    return best


def whole_orders_below_mean(demand: Float64[np.ndarray, " support"]) -> range:
    """All orders, 0 included, that a store can place every period without filling up."""
    return range(math.ceil(float(np.arange(demand.size) @ demand) - ROUNDING))


def stock_left(
    probabilities: Float64[np.ndarray, " support"], order: int
) -> Float64[np.ndarray, " stock"]:
    """Long-run probabilities of 0, 1, 2, ... units left after demand under a constant order.

    The vector ends where less than 1e-14 of probability remains.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        order: units received every period, before demand.

    Raises:
        ValueError: bad arguments, an order that is not below mean demand, or one so close to it
            that stock spreads over too many values.
    """
    demand = checked_lost_sales_demand(probabilities)
    allowed = whole_orders_below_mean(demand)
    if order not in allowed:
        raise ValueError(
            f"order is {order}; give whole units from 0 to {allowed[-1]}, below mean demand, or "
            "stock grows without end"
        )
    left, whole = _longest_walk(demand, order)
    if not whole:
        raise _too_spread(order, left.size)
    return left


def _too_spread(order: int, reached: int) -> ValueError:
    return ValueError(
        f"order is {order}, so close to mean demand that stock reaches {reached} units; "
        "order less, or count demand in larger units"
    )


def _longest_walk(
    demand: Float64[np.ndarray, " support"], order: int
) -> tuple[Float64[np.ndarray, " stock"], bool]:
    """The walk, and whether it is whole or was cut off where the system would be too large."""
    largest = max(SHORTEST_WALK, 2 * order)
    while True:
        left = _stock_left_up_to(demand, order, largest)
        enough = np.flatnonzero(np.cumsum(left[::-1])[::-1] > NEGLIGIBLE_TAIL)[-1] + 1
        if enough <= largest // 2:
            return np.asarray(left[:enough] / left[:enough].sum()), True
        if 2 * largest * demand.size > LARGEST_SYSTEM:
            return left, False
        largest *= 2


def _stock_left_up_to(
    demand: Float64[np.ndarray, " support"], order: int, largest: int
) -> Float64[np.ndarray, " stock"]:
    """The walk that starts anew from nothing when it would pass `largest`, which tells whether it
    often would. Path by path it holds no more than the one that goes on."""
    # Balance of state j > 0: pi_j = sum over d of pi_(j - order + d) P(D = d), with pi_0 = 1. Every
    # diagonal of this system is constant.
    diagonals = np.repeat(-demand[::-1, None], largest, axis=1)
    above = demand.size - 1 - order
    diagonals[above] += 1.0
    from_empty = np.zeros(largest)
    from_empty[:order] = demand[:order][::-1]
    relative = np.append(1.0, solve_banded((order, above), diagonals, from_empty))
    relative = np.maximum(relative, 0.0)
    return np.asarray(relative / relative.sum())
