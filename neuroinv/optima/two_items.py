"""Exact optimum of two items that share a fixed cost, unmet demand backlogged.

Each item is the store of `fixed_cost`, with costs, demand and lead time of its own. A period in
which anything is ordered costs K, and k_i besides for each item i that is. The two inventory
positions x are the state. Nothing is ordered in a period that follows one without any demand, so
only periods after some demand are looked at; one comes every 1 / (1 - P(D = 0)) = T periods, and
relative values v solve

    T g + v(x) = min over y >= x of K [y != x] + sum over i of k_i [y_i > x_i]
                                    + T G(y) + E[v(y - D) | D != 0],

where G is the sum of the newsvendor costs of both positions against the demand of lead time and
period. Every sweep of value iteration bounds the average cost g of the best policy between the
positions that are looked at (Odoni 1969, On finding the maximal gain for Markov decision processes,
Operations Research 17(5)). These are widened until no order ends at the highest of an item, and at
the lowest it is ordered whatever the other's stock: what lies below is then worth the same.

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
from neuroinv.optima.fixed_cost import ReorderPolicy, costs_of_levels, fixed_cost_optimum
from neuroinv.optima.lost_sales_tables import leftover_probabilities

MOST_POSITIONS = 300  # of one item; a sweep multiplies matrices of so many rows
MOST_SWEEPS = 5_000
CLOSE = 1e-7  # share of the average cost
KEPT = 0.25  # of the old values, so that no step circles where cycles are all of one length

Positions = Float64[np.ndarray, "first second"]


class TwoItemOptimum(NamedTuple):
    """The cheapest of all policies for two items.

    Attributes:
        cost: optimal long-run average cost per period of both items, fixed costs included.
        lowest: the inventory positions (units) that the first row and column of `order_up_to`
            belong to; below them orders reach up to the same positions.
        order_up_to: inventory positions of both items after ordering, by their positions before
            it; the positions themselves where nothing is ordered.
    """

    cost: float
    lowest: Int[np.ndarray, "2"]
    order_up_to: Int[np.ndarray, "first second 2"]


class _Item(NamedTuple):
    """Demand per period and with the lead time's, costs per unit, and the best orders of its own,
    if all fixed costs were its."""

    demand: Float64[np.ndarray, " support"]
    total: Float64[np.ndarray, " summed"]
    costs: tuple[float, float]
    alone: ReorderPolicy


class _Grid(NamedTuple):
    """Positions of both items and what happens there."""

    costs: Positions
    """T G."""
    falls: tuple[Float64[np.ndarray, "first first"], Float64[np.ndarray, "second second"]]
    """Of each item: from the position of a row to that of a column by one period's demand; what
    would fall below the lowest stays there."""
    no_demand: float
    """P(D = 0)."""
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
    """Cheapest of all policies for whole-number demand, to about 1e-7 of its cost.

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
        RuntimeError: an item with more positions than are looked at, or values that do not settle,
            as where demand is all but certain and cycles are long.
    """
    given = {
        "probabilities": probabilities,
        "lead_times": lead_times,
        "holding_cost": holding_cost,
        "underage_cost": underage_cost,
        "fixed_costs": fixed_costs,
    }
    for field, values in given.items():
        if len(values) != 2:
            raise ValueError(f"{field} is of {len(values)} items; give one of each of two items")
    check_fixed_cost(joint_fixed_cost)
    systems = zip(probabilities, lead_times, holding_cost, underage_cost, fixed_costs, strict=True)
    items = [_checked_item(*system, joint_fixed_cost) for system in systems]
    of_orders = joint_fixed_cost + np.array([*fixed_costs, sum(fixed_costs)], np.float64)
    dearest = sum(item.alone.cost for item in items)
    # A level that costs more by itself than both items ordered apart is where none should end.
    highest = [_first_level_above(dearest, item) for item in items]
    spans = [high - item.alone.reorder_level for high, item in zip(highest, items, strict=True)]
    lowest = [
        item.alone.reorder_level - span // 8 - 1 for item, span in zip(items, spans, strict=True)
    ]
    while True:
        cost, order_up_to = _solved(_grid(items, lowest, highest, of_orders))
        waits = [np.any(order_up_to[0, :, 0] == 0), np.any(order_up_to[:, 0, 1] == 0)]
        last = np.array(order_up_to.shape[:2]) - 1
        ends = [
            np.any(order_up_to[:-1, :, 0] == last[0]),
            np.any(order_up_to[:, :-1, 1] == last[1]),
        ]
        if not any(waits) and not any(ends):
            return TwoItemOptimum(cost, np.array(lowest), order_up_to + lowest)
        for item, span in enumerate(spans):
            lowest[item] -= int(waits[item]) * (span // 4 + 1)
            highest[item] += int(ends[item]) * (span // 4 + 1)


def _checked_item(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    fixed_cost: float,
    joint_fixed_cost: float,
) -> _Item:
    check_costs(holding_cost, underage_cost)
    check_fixed_cost(fixed_cost)
    check_lead_time(lead_time)
    demand = checked_lost_sales_demand(probabilities)
    costs = (float(holding_cost), float(underage_cost))
    alone = fixed_cost_optimum(demand, lead_time, *costs, joint_fixed_cost + fixed_cost)
    return _Item(demand, discrete_sum(demand, lead_time + 1), costs, alone)


def _first_level_above(cost: float, item: _Item) -> int:
    """The first level, from the item's own on, whose newsvendor cost is more than `cost`."""
    level = item.alone.order_up_to_level
    # A level's cost is at least what its mean stock costs to hold.
    mean = float(np.arange(item.total.size) @ item.total)
    most = max(level, int(mean + cost / item.costs[0])) + 2
    return level + int(np.argmax(costs_of_levels(item.total, level, most, item.costs) > cost))


def _grid(
    items: list[_Item],
    lowest: list[int],
    highest: list[int],
    fixed: Float64[np.ndarray, "3"],
) -> _Grid:
    most = max(high - low + 1 for low, high in zip(lowest, highest, strict=True))
    if most > MOST_POSITIONS:
        raise RuntimeError(
            f"an item has {most} positions that matter, more than {MOST_POSITIONS}; give demand in "
            "larger units"
        )
    first, second = (
        costs_of_levels(item.total, low, high, item.costs)
        for item, low, high in zip(items, lowest, highest, strict=True)
    )
    no_demand = float(items[0].demand[0] * items[1].demand[0])
    falls = (
        leftover_probabilities(items[0].demand, first.size - 1),
        leftover_probabilities(items[1].demand, second.size - 1),
    )
    return _Grid((first[:, None] + second) / (1.0 - no_demand), falls, no_demand, fixed)


def _solved(grid: _Grid) -> tuple[float, Int[np.ndarray, "first second 2"]]:
    """Average cost, and best positions after ordering, counted from the lowest."""
    values = np.zeros_like(grid.costs)
    some_demand = 1.0 - grid.no_demand
    for _ in range(MOST_SWEEPS):
        fallen = grid.falls[0] @ values @ grid.falls[1].T
        after = grid.costs + (fallen - grid.no_demand * values) / some_demand
        following = np.min(_choices(after, grid.fixed), axis=0)
        gains = following - values
        if np.ptp(gains) <= CLOSE * abs(gains.mean()):
            cost = some_demand * float(gains.max() + gains.min()) / 2
            return cost, _order_up_to(after, grid.fixed)
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
