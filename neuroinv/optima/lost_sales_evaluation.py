"""Exact average cost of any whole-number ordering policy of a lost-sales store."""

import warnings

import numpy as np
from jaxtyping import Float64
from scipy.sparse import block_array, csr_array
from scipy.sparse.linalg import MatrixRankWarning, spsolve

from neuroinv.optima.checks import check_costs, check_lead_time, checked_lost_sales_demand
from neuroinv.optima.reachable_states import (
    OrderFunction,
    checked_orders,
    decode,
    one_period,
    reachable_states,
)

SWEEPS_BEFORE_SOLVING = 2_000
MOST_STATES_SOLVED = 20_000
MOST_SWEEPS = 20_000
KEPT = 0.1
SOLVED_TOLERANCE = 1e-7


def policy_cost(
    probabilities: Float64[np.ndarray, " support"],
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    order: OrderFunction,
    max_states: int = 2_000_000,
    tolerance: float = 1e-9,
) -> float:
    """Long-run average cost per period of a stationary policy started from the empty system.

    All states reachable from the empty system are listed and the expected period cost is pushed
    forward through their transition matrix until its smallest and largest entry, which bracket the
    average cost, are within the tolerance; the middle is returned. Where 2,000 periods are not
    enough, because only rare demands mix the states, and there are at most 20,000 of them, the
    relative costs are solved for instead, and bounds 1e-7 apart will do. Demands of probability
    below 1e-14 are left out of the transitions, though not out of the period costs; each moves the
    result by about 1e-14 of a period cost.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_time: periods, 0 or more; 0 means the order serves the same period's demand.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of lost demand.
        order: maps states, one row each, to the units to order. A row is on-hand, next order to
            arrive, ..., latest order (lead_time numbers), or on-hand alone when lead_time is 0.
        max_states: most reachable states to list.
        tolerance: largest distance allowed between the two bounds (cost per period).

    Raises:
        ValueError: bad arguments, orders that are not whole, non-negative and one per state, or
            more than max_states reachable states.
        RuntimeError: the tolerance was not reached, for instance because chance decides between
            sets of states that the policy never leaves.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(lead_time)
    if not tolerance > 0.0:
        raise ValueError(f"tolerance is {tolerance}; give a positive cost per period such as 1e-9")
    demand = checked_lost_sales_demand(probabilities)
    reached = reachable_states(demand, lead_time, order, max_states)
    states = decode(reached.codes, reached.radices)
    step = one_period(states, checked_orders(order, states), demand, lead_time, reached.radices)
    largest = int(step.stock.max())
    expected = period_costs(demand, largest, holding_cost, underage_cost)[step.stock]
    columns = np.searchsorted(reached.codes, step.codes)
    starts = np.concatenate([[0], np.cumsum(np.bincount(step.rows, minlength=states.shape[0]))])
    transitions = csr_array(
        (step.probabilities, columns, starts), shape=(states.shape[0], states.shape[0])
    )
    return _average(transitions, expected, tolerance)


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


def _average(
    transitions: csr_array, period_cost: Float64[np.ndarray, " states"], tolerance: float
) -> float:
    expected = period_cost
    # Factors of a larger system may not fit in memory.
    solvable = period_cost.size <= MOST_STATES_SOLVED
    for _ in range(SWEEPS_BEFORE_SOLVING if solvable else MOST_SWEEPS):
        lower, upper = float(expected.min()), float(expected.max())
        if upper - lower < tolerance:
            return 0.5 * (lower + upper)
        # Keeping a tenth stops a periodic system from circling for ever.
        expected = (1.0 - KEPT) * (transitions @ expected) + KEPT * expected
    if solvable:
        lower, upper = _solved_bounds(transitions, period_cost)
        tolerance = max(tolerance, SOLVED_TOLERANCE)
    if not upper - lower < tolerance:
        raise RuntimeError(
            f"average-cost bounds {lower} and {upper} stay further apart than {tolerance}; check "
            "that the policy cannot get stuck in separate sets of states, or raise the tolerance"
        )
    return 0.5 * (lower + upper)


def _solved_bounds(
    transitions: csr_array, period_cost: Float64[np.ndarray, " states"]
) -> tuple[float, float]:
    # Unknowns: the relative cost of every state (that of the first is pinned to 0), the average.
    count = period_cost.size
    ones = csr_array(np.ones((count, 1)))
    pin = csr_array(([1.0], ([0], [0])), shape=(1, count))
    identity = csr_array((np.ones(count), np.arange(count), np.arange(count + 1)))
    system = block_array([[identity - transitions, ones], [pin, None]], format="csc")
    with warnings.catch_warnings():
        # A singular system gives numbers that are not finite, and so no bounds.
        warnings.simplefilter("ignore", MatrixRankWarning)
        relative = spsolve(system, np.append(period_cost, 0.0))[:-1]
    # These differences bracket the average whatever the relative costs are, so they check them.
    change = period_cost + transitions @ relative - relative
    return float(change.min()), float(change.max())
