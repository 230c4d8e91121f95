"""Exact optimum of two items that share a fixed cost, unmet demand backlogged.

Each item is the store of `fixed_cost`, with costs, demand and lead time of its own. A period in
which anything is ordered costs K, and k_i besides for each item i that is. The two inventory
positions x are the state, and relative values v solve

    g + v(x) = min over y >= x of K [y != x] + sum over i of k_i [y_i > x_i] + G(y) + E v(y - D),

where G is the sum of the newsvendor costs of both positions against the demand of lead time and
period. Every sweep of value iteration bounds the average cost g of the best policy between these
positions (Odoni 1969). An item is not looked at above a level that costs more by itself than two
items do that are ordered apart, nor below one at which it is ordered whatever the other's stock;
where it is not, the positions are widened.

No (s, S) or can-order policy need be optimal (Ignall 1969, Optimal continuous review policies for
two product inventory systems with joint setup costs, Management Science 15(5)).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import (
    check_costs,
    check_fixed_cost,
    check_lead_time,
    checked_lost_sales_demand,
)
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.fixed_cost import costs_of_levels, fixed_cost_optimum

MOST_POSITIONS = 65_536  # of both items together; a sweep multiplies matrices of them
MOST_SWEEPS = 5_000
CLOSE = 1e-9  # share of the average cost
KEPT = 0.25  # of the old values, so that no step circles where demand is all but certain

Positions = Float64[np.ndarray, "first second"]


class TwoItemOptimum(NamedTuple):
    """The cheapest of all policies for two items.

    Attributes:
        cost: optimal long-run average cost per period of both items, fixed costs included.
        lowest: the inventory positions (units) that the first row and column of `order_up_to`
            belong to.
        order_up_to: inventory positions of both items after ordering, by their positions before
            it; the positions themselves where nothing is ordered.
    """

    cost: float
    lowest: Int[np.ndarray, "2"]
    order_up_to: Int[np.ndarray, "first second 2"]


class _Grid(NamedTuple):
    """Positions of both items and what happens there."""

    costs: Positions
    """G."""
    falls: Sequence[Float64[np.ndarray, "positions positions"]]
    """Of each item: from the position of a row to that of a column by one period's demand; what
    would fall below the lowest stays there, from where it is ordered at the same cost."""
    fixed: Float64[np.ndarray, "3"]
    """Of an order of the first item, the second, both."""


def two_item_optimum(
    probabilities: Sequence[Float64[np.ndarray, " support"]],
    lead_times: Sequence[int],
    holding_cost: Sequence[float],
    underage_cost: Sequence[float],
    joint_fixed_cost: float,
    fixed_costs: Sequence[float] = (0.0, 0.0),
) -> TwoItemOptimum:
    """Cheapest of all policies for whole-number demand, to about 1e-9 of its cost.

    Args:
        probabilities: of each item; entry d is the probability of a demand of d units in one
            period. Demands of the two items are independent.
        lead_times: periods, 0 or more, of each item; 0 means the order serves the same period's
            demand.
        holding_cost: of each item, per unit of stock left after demand and period.
        underage_cost: of each item, per unit of demand owed after demand and period.
        joint_fixed_cost: K, per period in which anything is ordered, 0 or more.
        fixed_costs: k, per order of each item, 0 or more.

    Raises:
        ValueError: other than two items, probabilities that do not add up to one or are all on
            demand 0, a cost per unit that is not positive, a negative fixed cost, or a lead time
            that is not a whole number of at least zero.
        RuntimeError: more positions than are looked at.
    """
    given = (probabilities, lead_times, holding_cost, underage_cost, fixed_costs)
    if {len(values) for values in given} != {2}:
        raise ValueError(f"arguments are of {[len(values) for values in given]} items; give two")
    check_fixed_cost(joint_fixed_cost)
    apart, demands, totals, costs = [], [], [], []
    for demand, lead_time, holding, underage, fixed in zip(*given, strict=True):
        check_costs(holding, underage)
        check_fixed_cost(fixed)
        check_lead_time(lead_time)
        demands.append(checked_lost_sales_demand(demand))
        totals.append(discrete_sum(demands[-1], lead_time + 1))
        costs.append((float(holding), float(underage)))
        system = (demands[-1], lead_time, holding, underage, joint_fixed_cost + fixed)
        apart.append(fixed_cost_optimum(*system))
    dearest = sum(policy.cost for policy in apart)
    highest = [
        _first_level_above(dearest, total, policy.order_up_to_level, cost)
        for total, policy, cost in zip(totals, apart, costs, strict=True)
    ]
    spans = [high - policy.reorder_level for high, policy in zip(highest, apart, strict=True)]
    lowest = [
        policy.reorder_level - span // 8 - 1 for policy, span in zip(apart, spans, strict=True)
    ]
    of_orders = joint_fixed_cost + np.array([*fixed_costs, sum(fixed_costs)], np.float64)
    while True:
        first, second = (
            costs_of_levels(total, low, high, cost)
            for total, low, high, cost in zip(totals, lowest, highest, costs, strict=True)
        )
        if first.size * second.size > MOST_POSITIONS:
            raise RuntimeError(
                f"two items have {first.size * second.size} positions that matter, more than "
                f"{MOST_POSITIONS}; give demand in larger units"
            )
        falls = [_falls(demands[0], first.size), _falls(demands[1], second.size)]
        cost, order_up_to = _solved(_Grid(first[:, None] + second, falls, of_orders))
        waits = [np.any(order_up_to[0, :, 0] == 0), np.any(order_up_to[:, 0, 1] == 0)]
        if not any(waits):
            return TwoItemOptimum(cost, np.asarray(lowest), order_up_to + lowest)
        lowest = [
            low - int(wait) * (span // 4 + 1)
            for low, wait, span in zip(lowest, waits, spans, strict=True)
        ]


def _first_level_above(
    cost: float, total: Float64[np.ndarray, " summed"], level: int, costs: tuple[float, float]
) -> int:
    """The first level from `level` on whose newsvendor cost is more than `cost`."""
    # A level's cost is at least what its mean stock costs to hold.
    most = max(level, int(np.arange(total.size) @ total + cost / costs[0])) + 2
    of_levels = costs_of_levels(total, level, most, costs)
    return level + int(np.argmax(of_levels > cost))


def _falls(
    demand: Float64[np.ndarray, " support"], positions: int
) -> Float64[np.ndarray, "positions positions"]:
    padded = np.zeros(positions + 1)
    padded[: min(demand.size, positions + 1)] = demand[: positions + 1]
    by = np.arange(positions)[:, None] - np.arange(positions)
    found = np.where(by >= 0, padded[by], 0.0)
    found[:, 0] = 1.0 - found[:, 1:].sum(axis=1)
    return found


def _solved(grid: _Grid) -> tuple[float, Int[np.ndarray, "first second 2"]]:
    """Average cost, and best positions after ordering, counted from the lowest."""
    values = np.zeros_like(grid.costs)
    for _ in range(MOST_SWEEPS):
        after = grid.costs + grid.falls[0] @ values @ grid.falls[1].T
        following = np.min(_choices(after, grid.fixed), axis=0)
        gains = following - values
        if np.ptp(gains) <= CLOSE * abs(gains.mean()):
            return float(gains.max() + gains.min()) / 2, _order_up_to(after, grid.fixed)
        values = KEPT * values + (1 - KEPT) * (following - following[0, 0])
    raise RuntimeError(f"values of two items do not settle in {MOST_SWEEPS} sweeps")


def _choices(after: Positions, fixed: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4 f s"]:
    """Least cost, by what is ordered: nothing, the first item, the second, both."""
    first, second = (_least_above(after, axis) for axis in (0, 1))
    both = _least_above(second, 0)
    return np.stack([after, fixed[0] + first, fixed[1] + second, fixed[2] + both])


def _least_above(values: Positions, axis: int) -> Positions:
    """The least value at this position or a higher one of an item."""
    return np.flip(np.minimum.accumulate(np.flip(values, axis), axis), axis)


def _order_up_to(
    after: Positions, fixed: Float64[np.ndarray, "3"]
) -> Int[np.ndarray, "first second 2"]:
    """The cheapest positions to have after ordering, counted from the lowest."""
    ordered = np.argmin(_choices(after, fixed), axis=0)
    found = np.moveaxis(np.indices(after.shape), 0, -1).copy()
    for row, column in zip(*np.nonzero(ordered), strict=True):
        rows = slice(row, None if ordered[row, column] in (1, 3) else row + 1)
        columns = slice(column, None if ordered[row, column] in (2, 3) else column + 1)
        reached = after[rows, columns]
        found[row, column] += np.unravel_index(np.argmin(reached), reached.shape)
    return found
