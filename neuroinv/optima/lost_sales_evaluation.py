"""Exact average cost of any whole-number ordering policy of a lost-sales store."""

import numpy as np
from jaxtyping import Float64, Int
from scipy.sparse import csr_array

from neuroinv.optima.checks import (
    check_costs,
    check_fixed_cost,
    check_lead_time,
    checked_lost_sales_demand,
)
from neuroinv.optima.markov_chain import long_run_average
from neuroinv.optima.reachable_states import (
    OrderFunction,
    checked_orders,
    decode,
    one_period,
    reachable_states,
)


def policy_cost(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    order: OrderFunction,
    max_states: int = 2_000_000,
    tolerance: float = 1e-9,
    fixed_cost: float = 0.0,
    start: Int[np.ndarray, " dimension"] | None = None,
) -> float:
    """Long-run average cost per period of a stationary policy started from one state.

    All states reachable from there are listed, and the average over them is found as in
    `long_run_average`. Demands of probability below 1e-14 are left out of the transitions, though
    not out of the period costs; each moves the result by about 1e-14 of a period cost.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        order: maps states, one row each, to the units to order. A row is on-hand, next order to
            arrive, ..., latest order (lead_time numbers), or on-hand alone when lead_time is 0.
        max_states: most reachable states to list.
        tolerance: largest distance allowed between the two bounds (cost per period), or what
            rounding leaves of large costs.
        fixed_cost: per period in which anything is ordered, 0 or more.
        start: the first state, a row as above (units); None for the empty system. Where a policy
            never leaves one set of states for another, it decides in which it is.

    Raises:
        ValueError: bad arguments, orders that are not whole, non-negative and one per state, or
            more than max_states reachable states.
        RuntimeError: the tolerance was not reached, for instance because chance decides between
            sets of states that the policy never leaves.
    """
    check_costs(holding_cost, underage_cost)
    check_fixed_cost(fixed_cost)
    check_lead_time(lead_time)
    if not tolerance > 0.0:
        raise ValueError(f"tolerance is {tolerance}; give a positive cost per period such as 1e-9")
    demand = checked_lost_sales_demand(probabilities)
    first = np.zeros(max(lead_time, 1), np.int64) if start is None else np.asarray(start)
    whole = np.issubdtype(first.dtype, np.integer)
    if first.shape != (max(lead_time, 1),) or not whole or first.min() < 0:
        raise ValueError(
            f"start is {start}; give {max(lead_time, 1)} whole numbers of units, each 0 or more"
        )
    reached = reachable_states(demand, lead_time, order, max_states, first)
    states = decode(reached.codes, reached.radices)
    orders = checked_orders(order, states)
    step = one_period(states, orders, demand, lead_time, reached.radices)
    largest = int(step.stock.max())
    expected = period_costs(demand, largest, holding_cost, underage_cost)[step.stock]
    expected += fixed_cost * (orders > 0)
    columns = np.searchsorted(reached.codes, step.codes)
    starts = np.concatenate([[0], np.cumsum(np.bincount(step.rows, minlength=states.shape[0]))])
    transitions = csr_array(
        (step.probabilities, columns, starts), shape=(states.shape[0], states.shape[0])
    )
    return long_run_average(transitions, expected, tolerance)


def period_costs(
    demand: Float64[np.ndarray, " support"],
    largest_on_hand: int,
    holding_cost: float,
    underage_cost: float,
) -> Float64[np.ndarray, " stock"]:
    """Expected cost of one period for on-hand stock of 0, ..., largest_on_hand before demand."""
    at_most = np.cumsum(demand)[: largest_on_hand + 1]
    at_most = np.pad(at_most, (0, largest_on_hand + 1 - at_most.size), constant_values=1.0)
    # Expected stock left rises by the chance that demand was covered, P(D <= x), per unit of stock.
    left = np.concatenate([[0.0], np.cumsum(at_most[:-1])])
    mean = float(np.arange(demand.size) @ demand)
    lost = mean - np.arange(largest_on_hand + 1) + left
    return np.asarray(holding_cost * left + underage_cost * lost, dtype=np.float64)
