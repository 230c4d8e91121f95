"""Exact average-cost optimum of one store whose unmet demand is lost.

Each period the store observes its on-hand stock and outstanding orders, orders, meets demand and
pays the holding cost on stock left or the underage cost on demand lost. With lead time L >= 1 the
state is (on-hand, next order to arrive, ..., latest order), L numbers, and an order placed in
period t serves demand from period t + L on. With L = 0 the state is on-hand alone and the order
arrives before the same period's demand.

Sources: Zipkin (2008), Old and new methods for lost-sales inventory systems, Operations Research
56(5); Zipkin (2008), On the structure of lost-sales inventory models, Operations Research 56(4).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import check_costs, check_lead_time, checked_lost_sales_demand
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.lost_sales_evaluation import period_costs, policy_cost
from neuroinv.optima.lost_sales_tables import check_limits, leftover_probabilities, sweep
from neuroinv.optima.newsvendor import discrete_quantile
from neuroinv.optima.stock_levels import StockLevelPolicy, best_base_stock, best_capped_base_stock
from neuroinv.optima.value_iteration import settle

__all__ = [
    "AverageCostOptimum",
    "StockLevelPolicy",
    "best_base_stock",
    "best_capped_base_stock",
    "lost_sales_optimum",
    "policy_cost",
    "table_order",
]


class AverageCostOptimum(NamedTuple):
    """The cheapest of all policies, with an order for every state.

    Attributes:
        cost: optimal long-run average cost per period, the middle of the two bounds.
        orders: optimal order (units) at state [on-hand, next arrival, ..., latest order]; one axis
            when lead_time is 0 or 1, lead_time axes otherwise. It covers every state reached from
            the empty system; `table_order` reads it.
        lower: no policy costs less than this.
        upper: following orders costs no more than this.
    """

    cost: float
    orders: Int[np.ndarray, "..."]
    lower: float
    upper: float


def lost_sales_optimum(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    tolerance: float = 1e-9,
) -> AverageCostOptimum:
    """Cheapest policy of a lost-sales store and its average cost, by relative value iteration.

    The search covers every order and position an optimal policy can use: an order never needs to
    exceed the newsvendor level of one period's demand, nor the inventory position after ordering
    the newsvendor level of lead_time + 1 periods' demand (Zipkin 2008). One unit more than each is
    allowed; should the optimal orders use it all the same, the limits are raised and the search
    repeated. Iteration stops when the bounds on the average cost are within the tolerance.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        tolerance: largest distance allowed between the two bounds (cost per period), or what
            rounding leaves of large costs.

    Returns:
        The optimum, its table of orders and the bounds.

    Raises:
        ValueError: bad arguments, or a table too large for 2 GiB of memory.
        RuntimeError: the tolerance was not reached in 20,000 sweeps.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    if not tolerance > 0.0:
        raise ValueError(f"tolerance is {tolerance}; give a positive cost per period such as 1e-9")
    demand = checked_lost_sales_demand(probabilities)
    fractile = underage_cost / (underage_cost + holding_cost)
    order_limit = discrete_quantile(demand, fractile) + 1
    stock_limit = discrete_quantile(discrete_sum(demand, lead_time + 1), fractile) + 1
    if lead_time == 0:
        return _newsvendor(demand, order_limit - 1, holding_cost, underage_cost)
    while True:
        check_limits(stock_limit, order_limit, lead_time)
        optimum = _relative_value_iteration(
            demand, lead_time, (holding_cost, underage_cost), (stock_limit, order_limit), tolerance
        )
        orders_too_tight = int(optimum.orders.max()) >= order_limit
        stock_too_tight = _highest_position(optimum.orders) > stock_limit
        if not (orders_too_tight or stock_too_tight):
            return optimum
        order_limit += math.ceil(order_limit / 4) if orders_too_tight else 0
        stock_limit += math.ceil(stock_limit / 4) if stock_too_tight else 0


def table_order(
    orders: Int[np.ndarray, "..."],
) -> Callable[[Int[np.ndarray, "states dimension"]], Int[np.ndarray, " states"]]:
    """The policy that reads its orders (units) from a table, as `policy_cost` takes it.

    The returned function maps states, one row of on-hand and outstanding orders each, to the
    table's entry; it raises IndexError for a state outside the table.
    """

    def order(states: Int[np.ndarray, "states dimension"]) -> Int[np.ndarray, " states"]:
        return np.asarray(orders[tuple(np.asarray(states).T)])

    return order


def _newsvendor(
    demand: Float64[np.ndarray, " support"], level: int, holding_cost: float, underage_cost: float
) -> AverageCostOptimum:
    cost = float(period_costs(demand, level, holding_cost, underage_cost)[level])
    return AverageCostOptimum(cost, level - np.arange(level + 1), cost, cost)


def _highest_position(orders: Int[np.ndarray, "..."]) -> int:
    """Highest position after ordering, over states whose own position is inside the table."""
    before = np.indices(orders.shape).sum(axis=0)
    inside = before < orders.shape[0]
    return int((before + orders)[inside].max())


def _relative_value_iteration(
    demand: Float64[np.ndarray, " support"],
    lead_time: int,
    costs: tuple[float, float],
    limits: tuple[int, int],
    tolerance: float,
) -> AverageCostOptimum:
    stock_limit, order_limit = limits
    leftover = leftover_probabilities(demand, stock_limit)
    charges = period_costs(demand, stock_limit, *costs)
    charges = charges.reshape((-1,) + (1,) * (lead_time - 1))
    shape = (stock_limit + 1,) + (order_limit + 1,) * (lead_time - 1)
    improved, orders = np.empty(shape), np.empty(shape, dtype=np.int64)

    def improve(values: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
        sweep(values, leftover, order_limit, improved, None)
        np.add(improved, charges, out=improved)
        return improved

    values, lower, upper = settle(improve, np.zeros(shape), tolerance)
    sweep(values, leftover, order_limit, improved, orders)
    return AverageCostOptimum(0.5 * (lower + upper), orders, lower, upper)
