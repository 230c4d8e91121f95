"""Long-run averages of finite Markov chains."""

import warnings

import numpy as np
from jaxtyping import Float64
from scipy.sparse import block_array, csr_array
from scipy.sparse.linalg import MatrixRankWarning, spsolve

SWEEPS_BEFORE_SOLVING = 2_000
MOST_STATES_SOLVED = 20_000
MOST_SWEEPS = 20_000
KEPT = 0.1
ROUNDING = 8 * np.finfo(float).eps
SOLVED_TOLERANCE = 1e-7


def long_run_average(
    transitions: csr_array, period_cost: Float64[np.ndarray, " states"], tolerance: float
) -> float:
    """Long-run average of a cost per period, within the tolerance.

    The expected cost is pushed forward through the transitions until its smallest and largest
    entry, which bracket the average, are within the tolerance; the middle is returned. Where 2,000
    periods are not enough, because only rare transitions mix the states, and there are at most
    20,000 of them, the relative costs are solved for instead, and bounds 1e-7 apart will do.

    Args:
        transitions: probability of the next state (column) from each (row).
        period_cost: expected cost of a period that begins in each state.
        tolerance: largest distance allowed between the two bounds (cost per period), or what
            rounding leaves of large costs.

    Raises:
        RuntimeError: the tolerance was not reached, for instance because chance decides between
            sets of states that are never left.
    """
    expected = period_cost
    # Factors of a larger system may not fit in memory.
    solvable = period_cost.size <= MOST_STATES_SOLVED
    for _ in range(SWEEPS_BEFORE_SOLVING if solvable else MOST_SWEEPS):
        lower, upper = float(expected.min()), float(expected.max())
        if upper - lower < max(tolerance, ROUNDING * abs(upper)):
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


def stationary_probabilities(
    transitions: csr_array, tolerance: float = 1e-12
) -> Float64[np.ndarray, " states"]:
    """Long-run share of periods spent in each state, where it does not depend on the first one.

    Shares are pushed forward, starting from equal ones, until a period changes them by less than
    the tolerance in total. Raises RuntimeError where 20,000 periods are not enough.
    """
    backward = transitions.T.tocsr()
    shares = np.full(transitions.shape[0], 1.0 / transitions.shape[0])
    for _ in range(MOST_SWEEPS):
        following = (1.0 - KEPT) * (backward @ shares) + KEPT * shares
        change = float(np.abs(following - shares).sum())
        shares = following
        if change < tolerance:
            return np.asarray(shares / shares.sum())
    raise RuntimeError(
        f"shares of states still change by {change} a period; raise tolerance above {tolerance}"
    )


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
