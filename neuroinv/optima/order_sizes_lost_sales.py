"""Exact optimum of one store whose orders cost anything by their size, and may take longer by it,
unmet demand lost.

The store is that of `lost_sales`, but an order of q units costs c(q) and arrives after l(q)
periods. With L the longest of these the state is on-hand and what arrives 1, ..., L - 1 periods
from now; an order adds to what arrives l(q) periods from now, or to on-hand where that is none.
Orders may cross: a small one that is fast arrives before a large one placed earlier, or with it.

Orders and stock that are looked at are limited, to no less than where costs jump last or than the
economic order quantity beyond, below which no order at all might look best. The limits are widened
until the average cost no longer moves.
"""

import math
from functools import partial

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import check_costs, check_lead_time, checked_lost_sales_demand
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.lost_sales import AverageCostOptimum
from neuroinv.optima.lost_sales_evaluation import period_costs
from neuroinv.optima.lost_sales_tables import leftover_probabilities
from neuroinv.optima.newsvendor import discrete_quantile
from neuroinv.optima.order_sizes import (
    CLOSE,
    OrderCosts,
    OrderDelays,
    no_delay,
    terms_of_orders,
)
from neuroinv.optima.value_iteration import settle

WIDER = 1.5  # limits of one look to those of the one before
MOST_WORK, MOST_WORK_IN_ALL = 10**8, 10**10  # multiplications in one sweep and in all of a look


def order_size_lost_sales_optimum(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    order_costs: OrderCosts,
    last_jump: int,
    delays: OrderDelays = no_delay,
) -> AverageCostOptimum:
    """Cheapest of all policies for whole-number demand, to about 1e-9 of its cost.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods of the fastest order, 0 or more; 0 means that it serves the same period's
            demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        order_costs: cost of an order by its size; no order costs nothing.
        last_jump: the size (units) beyond which costs grow in proportion and delays stay what they
            are, or no size can be ordered.
        delays: periods beyond `lead_time` that an order takes, by its size.

    Returns:
        The optimum; its table of orders has an axis for on-hand and one for what arrives in each
        period before the longest lead time.

    Raises:
        ValueError: probabilities that do not add up to one or are all on demand 0, a cost per unit
            that is not positive, a lead time or delay that is not a whole number of at least zero,
            or an order of nothing that costs something.
        RuntimeError: more states and orders than are looked at, or values that do not settle soon.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    demand = checked_lost_sales_demand(probabilities)
    if last_jump**2 > MOST_WORK:  # before a table of so many sizes is made
        raise _more_than_is_looked_at(last_jump, last_jump, lead_time)
    terms = terms_of_orders(order_costs, delays, last_jump + 3)
    longest = lead_time + int(terms.delays.max())
    fractile = underage_cost / (underage_cost + holding_cost)
    order_limit = 1 + max(
        last_jump * np.unique(terms.delays).size,  # orders of every delay may arrive together
        discrete_quantile(demand, fractile),
        _economic_order(terms.costs, float(np.arange(demand.size) @ demand) / holding_cost),
    )
    lead_time_demand = discrete_sum(demand, longest + 1)
    stock_limit = max(order_limit, 1 + discrete_quantile(lead_time_demand, fractile))
    before = 0.0
    while (work := (stock_limit + 1) ** 2 * (order_limit + 1) ** max(longest, 1)) <= MOST_WORK:
        leftover = leftover_probabilities(demand, stock_limit)
        charges = period_costs(demand, stock_limit, holding_cost, underage_cost)
        terms = terms_of_orders(order_costs, delays, order_limit + 1)
        one_period = partial(_one_period, leftover, charges, terms.costs, lead_time + terms.delays)
        close = CLOSE * max(before, holding_cost)
        values, lower, upper = settle(
            partial(one_period, None),
            np.zeros((stock_limit + 1,) + (order_limit + 1,) * (max(longest, 1) - 1)),
            close,
            MOST_WORK_IN_ALL // work,
        )
        cost = (lower + upper) / 2
        if abs(cost - before) <= 10 * close:
            orders = np.zeros(values.shape, np.int64)
            one_period(orders, values)
            return AverageCostOptimum(cost, orders, lower, upper)
        before = cost
        stock_limit, order_limit = (math.ceil(WIDER * most) for most in (stock_limit, order_limit))
    raise _more_than_is_looked_at(stock_limit, order_limit, longest)


def _more_than_is_looked_at(stock: int, order: int, lead_time: int) -> RuntimeError:
    return RuntimeError(
        f"stock of {stock} units and orders of {order} with a lead time of {lead_time} are more "
        "than is looked at; give demand and orders in larger units"
    )


def _economic_order(
    order_costs: Float64[np.ndarray, " sizes"], demand_per_holding_cost: float
) -> int:
    """Units of the economic order quantity for what orders of the last two sizes have in common
    beside their cost per unit; nothing where they cannot be placed."""
    smaller, larger = order_costs[-2:]
    if not np.isfinite(smaller) or not np.isfinite(larger):
        return 0
    fixed_cost = max(larger - (larger - smaller) * (len(order_costs) - 1), 0.0)
    return math.ceil(math.sqrt(2 * fixed_cost * demand_per_holding_cost))


def _one_period(
    leftover: Float64[np.ndarray, "stock stock"],
    charges: Float64[np.ndarray, " stock"],
    order_costs: Float64[np.ndarray, " sizes"],
    lead_times: Int[np.ndarray, " sizes"],
    orders: Int[np.ndarray, "..."] | None,
    values: Float64[np.ndarray, "..."],
) -> Float64[np.ndarray, "..."]:
    """Least expected cost from each state on, and into `orders` the order that it takes."""
    stocks, sizes, longest = charges.size, order_costs.size, int(lead_times.max())
    if longest == 0:
        idle = charges + leftover @ values
    else:
        # On-hand above the limit is cut to it, which flatters limits that are too tight.
        arrived = np.minimum(np.add.outer(np.arange(stocks), np.arange(sizes)), stocks - 1)
        # By what arrives 1, ..., `longest` periods from now, what is ordered now included.
        following = np.tensordot(leftover, values[arrived], axes=1)
        following += charges.reshape((-1,) + (1,) * longest)
        idle = following[..., 0]
    best = idle.copy()
    for size in np.flatnonzero(np.isfinite(order_costs[1:])) + 1:
        if lead_times[size] == longest > 0:
            ordering = order_costs[size] + following[..., size]
        else:
            ordering = order_costs[size] + _joining(idle, int(lead_times[size]), int(size))
        if orders is not None:
            orders[ordering < best] = size
        np.minimum(best, ordering, out=best)
    return best


def _joining(costs: Float64[np.ndarray, "..."], axis: int, size: int) -> Float64[np.ndarray, "..."]:
    """Costs of states where so many units more arrive; infinite beyond the limit."""
    joined = np.full(np.moveaxis(costs, axis, 0).shape, np.inf)
    joined[: max(len(joined) - size, 0)] = np.moveaxis(costs, axis, 0)[size:]
    return np.moveaxis(joined, 0, axis)
