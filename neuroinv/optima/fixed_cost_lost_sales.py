"""Policies and exact optimum of one store with a fixed cost per order, unmet demand lost.

The store is that of `lost_sales`, and pays a fixed cost besides in every period in which it orders.
The (s, S, q) policy orders min(S - position, q) when its inventory position, on-hand stock and
outstanding orders together, is s or less. The cap q keeps orders placed after high demand from
being large: part of the demand until they arrive will be lost, and need not be replaced.

An optimal policy never needs to lift the inventory position above some y. Of an order that does,
leave out the last unit and copy all later orders; at most one more sale is lost. Let D(n) be the
demand of n periods from the order on. While D(n) < y the unit is still on its way or in stock, so
leaving it out saves the holding cost of at least sum over n > lead_time of P(D(n) < y) periods on
average. Where that is more than a lost sale costs, y is too high, whatever the fixed cost.

Source: Bijvank, Bhulai and Huh (2015), Parametric replenishment policies for inventory systems with
lost sales and fixed order cost, European Journal of Operational Research 241(2).
"""

import math
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import (
    check_costs,
    check_fixed_cost,
    check_lead_time,
    checked_lost_sales_demand,
)
from neuroinv.optima.fixed_cost import fixed_cost_optimum, mean_visits
from neuroinv.optima.local_search import CLEARLY_LESS, Point, descend, remembering
from neuroinv.optima.lost_sales import AverageCostOptimum
from neuroinv.optima.lost_sales_evaluation import period_costs, policy_cost
from neuroinv.optima.lost_sales_tables import ARRAYS_HELD, leftover_probabilities, sweep
from neuroinv.optima.reachable_states import OrderFunction
from neuroinv.optima.value_iteration import check_memory, settle

# Within which a better pair of levels, or levels and cap, is looked for (units).
LEVELS_NEIGHBOURHOOD = 5
CAP_NEIGHBOURHOOD = 2


class CappedReorderPolicy(NamedTuple):
    """A policy that, once its position has fallen to one level, orders towards another.

    Attributes:
        reorder_level: s (units): order when the inventory position is s or less; -1 for never.
        order_up_to_level: S (units): order S - inventory position.
        cap: q, most units ordered in one period, or None for no cap.
        cost: long-run average cost per period, fixed costs included.
    """

    reorder_level: int
    order_up_to_level: int
    cap: int | None
    cost: float


def best_reorder_levels(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    fixed_cost: float,
) -> CappedReorderPolicy:
    """Cheapest (s, S) policy of a lost-sales store, its cost exact to 1e-9.

    Both levels are improved by single units, from those of the backlogged store, until no pair
    within five units in the reorder level and in the distance between levels is cheaper. That finds
    the best pair provided the cost has no second valley further away, which has not been proved;
    valleys a few units away do occur.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        fixed_cost: per order, 0 or more.

    Raises:
        ValueError: bad arguments, or a system with too many states for `policy_cost`.
    """
    demand = _checked_demand(probabilities, lead_time, holding_cost, underage_cost, fixed_cost)
    store = (demand, lead_time, holding_cost, underage_cost)

    def cost(point: Point) -> float:
        reorder, more = point
        order = reorder_order(reorder, reorder + 1 + more, None)
        return policy_cost(*store, order, fixed_cost=fixed_cost)

    backlogged = fixed_cost_optimum(*store, fixed_cost)
    reorder = max(backlogged.reorder_level, 0)
    start = (reorder, max(backlogged.order_up_to_level - reorder - 1, 0))
    (reorder, more), least = _settled(remembering(cost), start, LEVELS_NEIGHBOURHOOD)
    without = _cost_without_orders(demand, underage_cost)
    if without < least - CLEARLY_LESS:
        return CappedReorderPolicy(-1, 0, None, without)
    return CappedReorderPolicy(reorder, reorder + 1 + more, None, least)


def best_capped_reorder_levels(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    fixed_cost: float,
) -> CappedReorderPolicy:
    """Cheapest (s, S, q) policy of a lost-sales store, its cost exact to 1e-9.

    Beginning from the levels of `best_reorder_levels` with the best cap for them, levels and cap
    are improved by single units until none within two units in all three is cheaper, so it costs
    no more than that policy. It is the best of all provided the cost has no second valley further
    away, which has not been proved. The cap is from S - s to S, which leaves out no policy.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        fixed_cost: per order, 0 or more.

    Raises:
        ValueError: bad arguments, or a system with too many states for `policy_cost`.
    """
    demand = _checked_demand(probabilities, lead_time, holding_cost, underage_cost, fixed_cost)
    store = (demand, lead_time, holding_cost, underage_cost)
    uncapped = best_reorder_levels(*store, fixed_cost)
    if uncapped.reorder_level < 0:
        return uncapped._replace(cap=0)

    def cost(point: Point) -> float:
        reorder, more, above = point
        if above > reorder:
            # A cap above S caps nothing; the policy with cap = S stands for it. A cap below
            # S - s, on the other hand, makes a lower S the same.
            return math.inf
        order = reorder_order(reorder, reorder + 1 + more, more + 1 + above)
        return policy_cost(*store, order, fixed_cost=fixed_cost)

    remembered = remembering(cost)
    reorder, more = uncapped.reorder_level, uncapped.order_up_to_level - uncapped.reorder_level - 1
    caps: list[Point] = [(reorder, more, above) for above in range(reorder + 1)]
    start = min(caps, key=remembered)
    (reorder, more, above), least = _settled(remembered, start, CAP_NEIGHBOURHOOD)
    return CappedReorderPolicy(reorder, reorder + 1 + more, more + 1 + above, least)


def reorder_order(reorder_level: int, order_up_to_level: int, cap: int | None) -> OrderFunction:
    """The policy that orders up to a level, at most `cap` units, at another level or below it.

    The returned function takes states as `policy_cost` gives them, one row of on-hand and
    outstanding orders each, and returns whole units.
    """

    def order(states: Int[np.ndarray, "states dimension"]) -> Int[np.ndarray, " states"]:
        position = states.sum(axis=1)
        missing = np.clip(order_up_to_level - position, 0, cap)
        return np.where(position <= reorder_level, missing, 0)

    return order


def fixed_cost_lost_sales_optimum(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    fixed_cost: float,
    tolerance: float = 1e-9,
) -> AverageCostOptimum:
    """Cheapest of all policies of a lost-sales store, by relative value iteration.

    Orders and on-hand stock are limited to the highest position worth ordering up to. Should the
    orders found lift the position above it all the same, the limit is raised and the search
    repeated. Iteration stops when the bounds on the average cost are within the tolerance.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        fixed_cost: per order, 0 or more.
        tolerance: largest distance allowed between the two bounds (cost per period), or what
            rounding leaves of large costs.

    Returns:
        The optimum, its table of orders and the bounds.

    Raises:
        ValueError: bad arguments, or a table too large for 2 GiB of memory.
        RuntimeError: the tolerance was not reached in 20,000 sweeps.
    """
    demand = _checked_demand(probabilities, lead_time, holding_cost, underage_cost, fixed_cost)
    if not tolerance > 0.0:
        raise ValueError(f"tolerance is {tolerance}; give a positive cost per period such as 1e-9")
    limit = highest_position(demand, lead_time, holding_cost, underage_cost)
    while True:
        check_memory(
            max(lead_time, 2) * math.log2(limit + 1),
            ARRAYS_HELD,
            f"lead_time {lead_time} with on-hand and orders up to {limit}",
            "best_capped_reorder_levels",
        )
        charges = period_costs(demand, limit, holding_cost, underage_cost)
        optimum = _relative_value_iteration(demand, lead_time, charges, fixed_cost, tolerance)
        before = np.indices(optimum.orders.shape).sum(axis=0)
        if int((before + optimum.orders)[before <= limit].max()) <= limit:
            return optimum
        limit += math.ceil(limit / 4)


def highest_position(
    demand: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> int:
    """No order of an optimal policy needs to lift the inventory position (units) above this.

    Demand is as `checked_lost_sales_demand` returns it.
    """
    mean = float(np.arange(demand.size) @ demand)
    # Total demand reaches y no sooner than after y / mean periods on average.
    highest = math.ceil(mean * (underage_cost / holding_cost + lead_time + 1)) + 1
    charged = np.cumsum(mean_visits(demand, highest))
    # Stock on its way is not charged.
    total = np.ones(1)
    for _ in range(lead_time + 1):
        below = np.cumsum(total)
        charged -= np.pad(below, (0, highest - below.size), constant_values=1.0)
        total = np.convolve(total, demand)[:highest]
    return int(np.count_nonzero(holding_cost * charged <= underage_cost))


def _checked_demand(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    fixed_cost: float,
) -> Float64[np.ndarray, " support"]:
    check_costs(holding_cost, underage_cost)
    check_fixed_cost(fixed_cost)
    check_lead_time(lead_time)
    return checked_lost_sales_demand(probabilities)


def _cost_without_orders(demand: Float64[np.ndarray, " support"], underage_cost: float) -> float:
    return underage_cost * float(np.arange(demand.size) @ demand)


def _settled(cost: Callable[[Point], float], start: Point, reach: int) -> tuple[Point, float]:
    """Improve by single units until no point within reach is better, and that point's cost."""
    single = [move for move in product((-1, 0, 1), repeat=len(start)) if any(move)]
    box = [move for move in product(range(-reach, reach + 1), repeat=len(start)) if any(move)]
    point = start
    while True:
        point, _ = descend(cost, point, single)
        settled, least = descend(cost, point, box)
        if settled == point:
            return point, least
        point = settled


def _relative_value_iteration(
    demand: Float64[np.ndarray, " support"],
    lead_time: int,
    charges: Float64[np.ndarray, " stock"],
    fixed_cost: float,
    tolerance: float,
) -> AverageCostOptimum:
    leftover = leftover_probabilities(demand, charges.size - 1)
    values = np.zeros((charges.size,) * max(lead_time, 1))
    orders = np.empty(values.shape, dtype=np.int64)
    one_period = _immediate if lead_time == 0 else _outstanding
    values, lower, upper = settle(
        lambda values: one_period(values, leftover, charges, fixed_cost, None), values, tolerance
    )
    one_period(values, leftover, charges, fixed_cost, orders)
    return AverageCostOptimum(0.5 * (lower + upper), orders, lower, upper)


def _immediate(
    values: Float64[np.ndarray, " stock"],
    leftover: Float64[np.ndarray, "stock stock"],
    charges: Float64[np.ndarray, " stock"],
    fixed_cost: float,
    orders: Int[np.ndarray, " stock"] | None,
) -> Float64[np.ndarray, " stock"]:
    """Least expected cost from each on-hand stock on, where an order arrives at once."""
    stocked = charges + leftover @ values
    ordering = fixed_cost + np.minimum.accumulate(stocked[::-1])[::-1]
    if orders is not None:
        up_to = [row + int(np.argmin(stocked[row:])) for row in range(stocked.size)]
        orders[:] = np.where(ordering < stocked, np.array(up_to) - np.arange(stocked.size), 0)
    return np.minimum(stocked, ordering)


def _outstanding(
    values: Float64[np.ndarray, "..."],
    leftover: Float64[np.ndarray, "stock stock"],
    charges: Float64[np.ndarray, " stock"],
    fixed_cost: float,
    orders: Int[np.ndarray, "..."] | None,
) -> Float64[np.ndarray, "..."]:
    """Least expected cost from each state on, where an order arrives in a later period."""
    stocks = charges.size
    ordering = np.empty_like(values)
    sweep(values, leftover, stocks - 1, ordering, orders)
    ordering += fixed_cost
    if values.ndim == 1:
        idle = leftover @ values
    else:
        arrived = np.minimum(np.add.outer(np.arange(stocks), np.arange(stocks)), stocks - 1)
        idle = np.tensordot(leftover, values[..., 0][arrived], axes=1)
    if orders is not None:
        # An order of nothing is among those compared, and costs no less with the fixed cost.
        orders[ordering >= idle] = 0
    best = np.minimum(idle, ordering)
    best += charges.reshape((-1,) + (1,) * (values.ndim - 1))
    return best
