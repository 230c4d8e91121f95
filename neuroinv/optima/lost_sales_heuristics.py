"""Classical ordering policies of a lost-sales store, for `policy_cost` to evaluate.

Every function here returns an order function over whole-number states: one row of on-hand, next
order to arrive, ..., latest order (lead_time numbers, or on-hand alone when lead_time is 0), as in
`lost_sales`. With lead time L, an order placed now is on hand L periods later.

Source: Zipkin (2008), Old and new methods for lost-sales inventory systems, Operations Research
56(5), whose tables 3 and 4 the tests reproduce.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import check_costs, check_lead_time, checked_lost_sales_demand
from neuroinv.optima.demand_sums import check_periods, discrete_sum
from neuroinv.optima.lost_sales import table_order
from neuroinv.optima.lost_sales_evaluation import period_costs
from neuroinv.optima.lost_sales_tables import check_limits, leftover_probabilities, sweep
from neuroinv.optima.newsvendor import discrete_quantile
from neuroinv.optima.reachable_states import OrderFunction
from neuroinv.optima.stock_levels import stock_level_order

STATES_AT_ONCE = 20_000


def myopic_policy(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    periods: int = 1,
) -> OrderFunction:
    """The order that is best for the period it arrives in, or for that one and a few more.

    With periods=1, myopic, an order minimises the expected cost of the period it arrives in. With
    periods=2, myopic-2, it minimises that cost and the next period's, whose order will be myopic;
    and so on. Orders are read from a table that covers every state reached from the empty system.

    An optimal order of a finite horizon exceeds neither the newsvendor level of one period's demand
    nor, in inventory position, that of lead_time + 1 periods' (Morton 1971, The near-myopic nature
    of the lagged-proportional-cost inventory problem with lost sales, Operations Research 19(7)).

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        periods: how many periods of arrival count, 1 or more.

    Raises:
        ValueError: bad arguments, or a table too large for 2 GiB of memory.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    check_periods(periods)
    demand = checked_lost_sales_demand(probabilities)
    limits = _newsvendor_levels(demand, lead_time, holding_cost, underage_cost)
    if lead_time == 0:
        return stock_level_order(limits[0], None)
    order_limit = limits[-1]
    # Room for one order more keeps stock that the table would cut off out of every comparison.
    stock_limit = limits[0] + order_limit
    check_limits(stock_limit, order_limit, lead_time)
    leftover = leftover_probabilities(demand, stock_limit)
    charges = period_costs(demand, stock_limit, holding_cost, underage_cost)
    on_arrival = _cost_when_the_latest_order_arrives(charges, leftover, order_limit, lead_time)
    ahead = on_arrival
    least = np.empty_like(ahead)
    orders = np.empty(ahead.shape, dtype=np.int64)
    for _ in range(periods):
        sweep(ahead, leftover, order_limit, least, orders)
        ahead = on_arrival + least
    return table_order(orders)


def dual_balancing_policy(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    holding_of: Literal["order", "stock"],
) -> OrderFunction:
    """The order that balances the cost of holding it against the demand lost when it arrives.

    Balanced are the expected cost of demand lost in the period the order arrives in, which falls
    with the order, and the expected cost of holding stock until it is sold if nothing else were
    ordered, which rises. The whole number with the smaller of the two maxima is ordered (the
    smaller number on ties), where Levi et al. randomise between two.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        holding_of: "order" charges for the units just ordered, sold after all those before them,
            as in Levi, Janakiraman and Nagarajan (2008), A 2-approximation algorithm for stochastic
            inventory control models with lost sales, Mathematics of Operations Research 33(2);
            "stock" charges for all units on hand once the order has arrived, which gives the
            figures of Zipkin's tables.

    Raises:
        ValueError: bad arguments.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    if holding_of not in ("order", "stock"):
        raise ValueError(f"holding_of is {holding_of!r}; give 'order' or 'stock'")
    demand = checked_lost_sales_demand(probabilities)
    rundown = _rundown_costs(demand, holding_cost, demand.size)
    lost = period_costs(demand, demand.size, 0.0, underage_cost)
    # Holding costs are convex in stock, so an order that costs more to hold than it leaves to lose
    # does so on any stock if it does on none; demand.size always does, as it loses nothing.
    most = int(np.argmax(rundown >= lost))

    def order(states: Int[np.ndarray, "states dimension"]) -> Int[np.ndarray, " states"]:
        highest = int(states.sum(axis=1).max())
        leftover = leftover_probabilities(demand, highest)
        reached = np.arange(highest + 1)[:, None] + np.arange(most + 1)
        held = _rundown_costs(demand, holding_cost, highest + most)
        holding = held[reached]
        if holding_of == "order":
            holding = holding - held[: highest + 1, None]
        losing = period_costs(demand, highest + most, 0.0, underage_cost)[reached]
        orders = np.empty(states.shape[0], dtype=np.int64)
        for first in range(0, states.shape[0], STATES_AT_ONCE):
            chunk = slice(first, first + STATES_AT_ONCE)
            chances = _stock_on_arrival(states[chunk], leftover, lead_time)
            larger = np.maximum(chances @ holding, chances @ losing)
            orders[chunk] = larger.argmin(axis=1)
        return orders

    return order


def standard_vector_base_stock_policy(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> OrderFunction:
    """The vector base-stock policy whose levels are newsvendor levels.

    The state from its entry l on and the new order add up to at most the newsvendor level of
    lead_time + 1 - l periods' demand, for l = 0, ..., lead_time. These levels bound the optimal
    order (Morton 1969, Bounds on the solution of the lagged optimal inventory equation with no
    demand backlogging and proportional costs, SIAM Review 11(4)).

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.

    Raises:
        ValueError: bad arguments.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    demand = checked_lost_sales_demand(probabilities)
    levels = _newsvendor_levels(demand, lead_time, holding_cost, underage_cost)
    return vector_base_stock_order(levels)


def vector_base_stock_order(levels: Sequence[int]) -> OrderFunction:
    """The policy that orders as much as every level allows.

    Entry l of `levels` (units) bounds the sum of the state from its l-th entry on and the order;
    the last bounds the order alone. There are lead_time + 1 of them.
    """
    bounds = np.asarray(levels)

    def order(states: Int[np.ndarray, "states dimension"]) -> Int[np.ndarray, " states"]:
        sums = np.cumsum(states[:, ::-1], axis=1)[:, ::-1]
        # With lead time 0 the state is as long as the levels, and no level bounds the order alone.
        sums = np.pad(sums, ((0, 0), (0, bounds.size - states.shape[1])))
        return np.asarray(np.maximum((bounds - sums).min(axis=1), 0))

    return order


def _newsvendor_levels(
    demand: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> list[int]:
    """Newsvendor levels of lead_time + 1, ..., 1 periods' demand."""
    fractile = underage_cost / (underage_cost + holding_cost)
    return [
        discrete_quantile(discrete_sum(demand, periods), fractile)
        for periods in range(lead_time + 1, 0, -1)
    ]


def _cost_when_the_latest_order_arrives(
    charges: Float64[np.ndarray, " stock"],
    leftover: Float64[np.ndarray, "stock stock"],
    order_limit: int,
    lead_time: int,
) -> Float64[np.ndarray, "..."]:
    """Per state, the expected cost of the period in which its latest order is on hand."""
    stocks = charges.size
    arrived = np.minimum(np.arange(stocks)[:, None] + np.arange(order_limit + 1), stocks - 1)
    cost = charges
    for _ in range(lead_time - 1):
        following = cost.reshape(stocks, -1)
        by_arrival = [leftover @ following[column] for column in arrived.T]
        cost = np.stack(by_arrival, axis=1).reshape((stocks, order_limit + 1, *cost.shape[1:]))
    return cost


def _rundown_costs(
    demand: Float64[np.ndarray, " support"], holding_cost: float, largest: int
) -> Float64[np.ndarray, " stock"]:
    """Expected cost of holding 0, 1, ..., `largest` units until demand has taken them all."""
    one_period = holding_cost * period_costs(demand, largest, 1.0, 0.0)
    total = np.zeros(largest + 1)
    for stock in range(1, largest + 1):
        taken = demand[1 : stock + 1]
        later = taken @ total[stock - taken.size : stock][::-1]
        total[stock] = (one_period[stock] + later) / (1.0 - demand[0])
    return total


def _stock_on_arrival(
    states: Int[np.ndarray, "states dimension"],
    leftover: Float64[np.ndarray, "stock stock"],
    lead_time: int,
) -> Float64[np.ndarray, "states stock"]:
    """Per state, probabilities of the stock that an order placed now finds when it arrives."""
    units = np.arange(leftover.shape[0])
    chances = (units == states[:, :1]).astype(np.float64)
    for period in range(lead_time):
        chances = chances @ leftover
        if period + 1 < lead_time:
            before = units - states[:, period + 1, None]
            moved = np.take_along_axis(chances, np.maximum(before, 0), axis=1)
            chances = np.where(before >= 0, moved, 0.0)
    return chances
