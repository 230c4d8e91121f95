"""Exact optimum of one store whose orders cost anything by their size, and may take a period longer
by it, unmet demand backlogged.

The store is that of `fixed_cost`, but an order of q units costs c(q): fixed costs that jump, prices
that fall, sizes that cannot be ordered. No (s, S) policy need be optimal then. The inventory
position x alone is the state, and relative values v solve

    g + v(x) = min over q >= 0 of c(q) + G(x + q) + E v(x + q - D),

where G is the newsvendor cost of a position against the demand of lead_time + 1 periods. An order
that takes lead_time + 1 periods is not there yet at the end of these, so that it has G(x) instead;
whatever was ordered before is, or the position alone would not do. Every sweep of value iteration
bounds the average cost g of the best policy on the positions that are looked at (Odoni 1969). These
reach as far as costs jump, and are widened until g no longer moves.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import check_costs, check_lead_time, checked_lost_sales_demand
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.fixed_cost import costs_of_levels
from neuroinv.optima.lost_sales_tables import leftover_probabilities
from neuroinv.optima.newsvendor import discrete_quantile

OrderCosts = Callable[[Int[np.ndarray, " sizes"]], Float64[np.ndarray, " sizes"]]
"""Cost of an order of 0, 1, 2, ... units; infinite where a size cannot be ordered."""
OrderDelays = Callable[[Int[np.ndarray, " sizes"]], Int[np.ndarray, " sizes"]]
"""Periods that an order of 0, 1, 2, ... units takes longer than the fastest."""

FIRST_SPAN, MOST_SPAN = 64, 1024  # units to either side of the base-stock level
SELDOM_MORE = 1 - 1e-9  # chance of a demand within a window's half
MOST_SWEEPS, REPEATED = 2_000, 50
CLOSE = 1e-10  # share of the average cost, or of the holding cost where that is more
# A step that keeps half of the old values cannot circle when cycles or demand make the system all
# but periodic, and leaves the average cost as it is.
KEPT = 0.5


class OrderSizeOptimum(NamedTuple):
    """The cheapest of all policies for orders whose cost hangs on their size.

    Attributes:
        cost: optimal long-run average cost per period, orders included.
        lowest: the inventory position (units) that the first of `orders` belongs to.
        orders: units to order at that inventory position, the next, and so on, before demand.
    """

    cost: float
    lowest: int
    orders: Int[np.ndarray, " positions"]


class OrderTerms(NamedTuple):
    """What orders of 0, 1, 2, ... units cost, and how many periods longer than the fastest they
    take."""

    costs: Float64[np.ndarray, " sizes"]
    delays: Int[np.ndarray, " sizes"]


def no_delay(sizes: Int[np.ndarray, " sizes"]) -> Int[np.ndarray, " sizes"]:
    """Orders of all sizes take equally long."""
    return np.zeros_like(sizes)


def order_size_optimum(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    order_costs: OrderCosts,
    last_jump: int,
    delays: OrderDelays = no_delay,
) -> OrderSizeOptimum:
    """Cheapest of all policies for whole-number demand, to about 1e-9 of its cost.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods of the fastest order, 0 or more; 0 means that it serves the same period's
            demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.
        order_costs: cost of an order by its size; no order costs nothing.
        last_jump: the size (units) beyond which costs grow in proportion and delays stay what they
            are, or no size can be ordered.
        delays: periods beyond `lead_time` that an order takes, by its size; none or one.

    Raises:
        ValueError: probabilities that do not add up to one or are all on demand 0, a cost per unit
            that is not positive, a lead time that is not a whole number of at least zero, a delay
            other than none and one, or an order of nothing that costs something.
        RuntimeError: demand of a period or a last jump of more than some 500 units, or an optimum
            that orders from or up to a level that far off the base-stock level; or values that do
            not settle.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    demand = checked_lost_sales_demand(probabilities)
    total = discrete_sum(demand, lead_time + 1)
    base_stock = discrete_quantile(total, underage_cost / (underage_cost + holding_cost))
    span, before = FIRST_SPAN, np.inf
    # Two windows narrower than demand agree whatever is best: both have to order every period.
    while span < max(last_jump, discrete_quantile(demand, SELDOM_MORE)):
        span *= 2
    while span <= MOST_SPAN:
        lowest = base_stock - span
        levels = costs_of_levels(total, lowest, base_stock + span, (holding_cost, underage_cost))
        terms = terms_of_orders(order_costs, delays, levels.size)
        if (most := terms.delays.max()) > 1:
            raise ValueError(f"delays gives {most}; with backlogged demand give 0 or 1")
        cost, orders = _solved(demand, levels, terms, holding_cost)
        if abs(cost - before) <= 10 * CLOSE * max(abs(cost), holding_cost):
            return OrderSizeOptimum(cost, lowest, orders)
        span, before = 2 * span, cost
    raise RuntimeError(
        f"demand or orders reach further than {MOST_SPAN // 2} units to either side of the "
        "base-stock level; give demand and orders in larger units"
    )


def terms_of_orders(order_costs: OrderCosts, delays: OrderDelays, sizes: int) -> OrderTerms:
    """Of orders of 0 to `sizes` - 1 units.

    Raises ValueError for an order of nothing that costs something, and for delays that are not
    whole numbers of at least zero.
    """
    terms = OrderTerms(order_costs(np.arange(sizes)), delays(np.arange(sizes)))
    if terms.costs[0] != 0:
        raise ValueError(f"order_costs gives {terms.costs[0]:g} for an order of nothing; give 0")
    if not np.issubdtype(terms.delays.dtype, np.integer) or terms.delays.min() < 0:
        raise ValueError(
            f"delays gives {terms.delays.min()}; give whole numbers of periods, 0 or more"
        )
    return terms


def _solved(
    demand: Float64[np.ndarray, " support"],
    level_costs: Float64[np.ndarray, " positions"],
    terms: OrderTerms,
    holding_cost: float,
) -> tuple[float, Int[np.ndarray, " positions"]]:
    """Average cost and orders on so many neighbouring positions; none falls below the lowest."""
    count = level_costs.size
    sizes = np.arange(count)[None, :] - np.arange(count)[:, None]
    # From row's position up to column's.
    in_time = np.where(terms.delays[np.abs(sizes)] > 0, level_costs[:, None], level_costs)
    moves = np.where(sizes >= 0, terms.costs[np.abs(sizes)] + in_time, np.inf)
    # Demand below the lowest position is forgiven, which flatters a window that is too narrow.
    falls = leftover_probabilities(demand, count - 1)
    values = np.zeros(count)
    for _ in range(MOST_SWEEPS):
        of_moves = moves + falls @ values
        after = np.argmin(of_moves, axis=1)
        following = np.take_along_axis(of_moves, after[:, None], axis=1)[:, 0]
        steps = following - values
        if np.ptp(steps) <= CLOSE * max(abs(steps.mean()), holding_cost):
            return float((np.max(steps) + np.min(steps)) / 2), after - np.arange(count)
        # The same orders for a while: a sweep without a choice takes a fraction of the time.
        paid = moves[np.arange(count), after]
        onwards = falls[after]
        for _ in range(REPEATED):
            values = KEPT * values + (1 - KEPT) * (paid + onwards @ values)
            values -= values[count // 2]
    raise RuntimeError(f"values do not settle in {MOST_SWEEPS} sweeps")
