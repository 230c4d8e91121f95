"""Best base-stock and capped base-stock policies of a lost-sales store."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import check_costs, check_lead_time, checked_lost_sales_demand
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.local_search import descend, remembering
from neuroinv.optima.lost_sales_evaluation import policy_cost
from neuroinv.optima.newsvendor import discrete_quantile

NEIGHBOURHOOD = 2


class StockLevelPolicy(NamedTuple):
    """A base-stock policy, possibly with a cap on each order.

    Attributes:
        level: base-stock level S (units): order max(S - inventory position, 0).
        cap: most units ordered in one period, or None for no cap.
        cost: long-run average cost per period.
    """

    level: int
    cap: int | None
    cost: float


def best_base_stock(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> StockLevelPolicy:
    """Cheapest whole base-stock level of a lost-sales store, its cost exact to 1e-9.

    The average cost is convex in the level (Janakiraman and Roundy 2004, Lost-sales problems with
    stochastic lead times: convexity results for base-stock policies, Operations Research 52(5)), so
    the level no neighbour improves on is the best of all.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.

    Raises:
        ValueError: bad arguments, or a system with too many states for `policy_cost`.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    demand = checked_lost_sales_demand(probabilities)

    def cost(point: tuple[int, ...]) -> float:
        order = stock_level_order(point[0], None)
        return policy_cost(demand, lead_time, holding_cost, underage_cost, order)

    start = (_first_guess(demand, lead_time, holding_cost, underage_cost),)
    (level,), least = descend(remembering(cost), start, [(1,), (-1,)])
    return StockLevelPolicy(level=level, cap=None, cost=least)


def best_capped_base_stock(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> StockLevelPolicy:
    """Cheapest capped base-stock policy, order min(max(S - position, 0), cap); exact to 1e-9.

    The level and the cap are improved in turn by single units until no pair within two units in
    both is cheaper. That finds the best pair provided the cost has no second valley more than two
    units away, which has not been proved but holds in every case tabulated by the tests.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.

    Raises:
        ValueError: bad arguments, or a system with too many states for `policy_cost`.

    Source: Xin (2021), Understanding the performance of capped base-stock policies in lost-sales
    inventory models, Operations Research 69(1).
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    demand = checked_lost_sales_demand(probabilities)

    def cost(point: tuple[int, ...]) -> float:
        level, cap = point
        if cap > level:
            # A cap above the level caps nothing; the pair with cap = level stands for it.
            return math.inf
        order = stock_level_order(level, cap)
        return policy_cost(demand, lead_time, holding_cost, underage_cost, order)

    remembered = remembering(cost)
    mean = float(np.arange(demand.size) @ demand)
    level = _first_guess(demand, lead_time, holding_cost, underage_cost)
    point: tuple[int, ...] = (level, min(math.ceil(mean) + 1, level))
    single: list[tuple[int, ...]] = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)]
    reach = range(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1)
    box: list[tuple[int, ...]] = [(i, j) for i in reach for j in reach if (i, j) != (0, 0)]
    while True:
        point, _ = descend(remembered, point, single)
        settled, least = descend(remembered, point, box)
        if settled == point:
            return StockLevelPolicy(level=point[0], cap=point[1], cost=least)
        point = settled


def stock_level_order(
    level: int, cap: int | None
) -> Callable[[Int[np.ndarray, "states dimension"]], Int[np.ndarray, " states"]]:
    """The policy that orders up to `level` in inventory position, at most `cap` units a period.

    The returned function takes states as `policy_cost` gives them, one row of on-hand and
    outstanding orders each, and returns whole units.
    """

    def order(states: Int[np.ndarray, "states dimension"]) -> Int[np.ndarray, " states"]:
        return np.asarray(np.clip(level - states.sum(axis=1), 0, cap))

    return order


def _first_guess(
    demand: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> int:
    """Between the backlogged optimum and the one that pays for holding over the lead time too."""
    total = discrete_sum(demand, lead_time + 1)
    high = discrete_quantile(total, underage_cost / (underage_cost + holding_cost))
    low = discrete_quantile(total, underage_cost / (underage_cost + (lead_time + 1) * holding_cost))
    return max((low + high + 1) // 2, 0)
