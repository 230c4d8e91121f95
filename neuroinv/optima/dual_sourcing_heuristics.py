"""Best policies of the classical families for a dual-sourcing store, at their exact cost.

In all of them inventory after expediting is a level plus something whose distribution does not
depend on the level (minus outstanding orders for a single index, the overshoot otherwise). The best
level given the other parameters is therefore a newsvendor level, and only the others are searched.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.constant_order import stock_left, whole_orders_below_mean
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.dual_sourcing_evaluation import dual_sourcing_cost, policy_chain
from neuroinv.optima.dual_sourcing_store import (
    DualOrderFunction,
    DualSourcing,
    checked_store,
    inventory_costs,
)
from neuroinv.optima.local_search import descend, remembering
from neuroinv.optima.markov_chain import stationary_probabilities
from neuroinv.optima.newsvendor import discrete_quantile


class DualSourcingPolicy(NamedTuple):
    """The best policy of a family.

    Attributes:
        expedited_level: expedite up to it (units).
        regular_level: order from the regular source up to it (units); None for no such limit.
        cap: most units ordered from the regular source in one period; None for no cap.
        cost: long-run average cost per period, purchases included.
    """

    expedited_level: int
    regular_level: int | None
    cap: int | None
    cost: float


def single_index_order(expedited_level: int, regular_level: int) -> DualOrderFunction:
    """Both orders look at the whole inventory position: inventory and all outstanding orders."""

    def order(
        states: Int[np.ndarray, "states dimension"],
    ) -> tuple[Int[np.ndarray, " states"], Int[np.ndarray, " states"]]:
        position = states.sum(axis=1)
        expedited = np.maximum(expedited_level - position, 0)
        return expedited, np.maximum(regular_level - position - expedited, 0)

    return order


def dual_index_order(
    expedited_level: int, regular_level: int | None, cap: int | None
) -> DualOrderFunction:
    """Expedite by inventory alone, then order by the whole position, at most `cap` units.

    Without a cap this is a dual-index policy, without a regular level tailored base-surge, which
    orders the cap in every period. One of the two has to be given.
    """
    if regular_level is None and cap is None:
        raise ValueError("regular_level and cap are both None; give at least one of them")

    def order(
        states: Int[np.ndarray, "states dimension"],
    ) -> tuple[Int[np.ndarray, " states"], Int[np.ndarray, " states"]]:
        expedited = np.maximum(expedited_level - states[:, 0], 0)
        if regular_level is None:
            return expedited, np.full(states.shape[0], cap)
        position = states.sum(axis=1) + expedited
        return expedited, np.asarray(np.clip(regular_level - position, 0, cap))

    return order


def best_single_index(store: DualSourcing) -> DualSourcingPolicy:
    """Cheapest single-index policy, by trying all differences between its two levels.

    After every period the position is the regular level, so orders repeat the last demand: its
    first units, up to the difference between the levels, from the regular source.

    Raises ValueError for bad arguments. Source: Scheller-Wolf, Veeraraghavan and van Houtum (2007),
    Effective dual sourcing with a single index policy, working paper, Carnegie Mellon University.
    """
    store = checked_store(store)
    demand = store.probabilities

    def policy(difference: int) -> DualSourcingPolicy:
        regular = np.append(demand[:difference], demand[difference:].sum())
        outstanding = discrete_sum(regular, store.regular_lead_time)
        mean = float(np.arange(regular.size) @ regular)
        level, cost = _best_level(store, outstanding[::-1], 1 - outstanding.size, mean)
        return DualSourcingPolicy(level - difference, level, None, cost)

    return min((policy(difference) for difference in range(demand.size)), key=lambda it: it.cost)


def best_dual_index(store: DualSourcing) -> DualSourcingPolicy:
    """Cheapest dual-index policy, its cost exact to 1e-9.

    The difference between the levels is changed, starting from 0 and from mean demand over the lead
    time, until none within two units is cheaper. That no better valley lies elsewhere is not
    proved, but holds in every case that the tests enumerate.

    Raises ValueError for bad arguments or too many states. Source: Veeraraghavan and Scheller-Wolf
    (2008), Now or later: a simple policy for effective dual sourcing in capacitated systems,
    Operations Research 56(4).
    """
    store = checked_store(store)
    _, difference = _best_difference(store, None, _usual_differences(store))
    return _exact(store, difference, None)


def best_capped_dual_index(store: DualSourcing) -> DualSourcingPolicy:
    """Cheapest capped dual-index policy, its cost exact to 1e-9.

    Caps are tried in turn, up to the newsvendor level of one period's demand and beyond for as long
    as the cost falls. For each, the difference between the levels is searched as `best_dual_index`
    does, starting from the best one for the cap before and the best one without a cap.

    Raises ValueError for bad arguments or too many states. Source: Sun and Van Mieghem (2019),
    Robust dual sourcing inventory management: optimality of capped dual index policies and
    smoothing, Manufacturing and Service Operations Management 21(4).
    """
    store = checked_store(store)
    uncapped_cost, uncapped = _best_difference(store, None, _usual_differences(store))
    # A dual-index policy reorders at most the last demand, so this cap changes nothing.
    largest = store.probabilities.size - 1
    best = (uncapped_cost, uncapped, largest)
    newsvendor = discrete_quantile(store.probabilities, store.fractile)
    previous = (uncapped_cost, uncapped)
    for cap in range(largest):
        found = _best_difference(store, cap, (previous[1], uncapped))
        if cap > newsvendor and found[0] >= previous[0]:
            break
        best = min(best, (*found, cap))
        previous = found
    _, difference, cap = best
    return _exact(store, difference, cap)


def best_tailored_base_surge(store: DualSourcing) -> DualSourcingPolicy:
    """Cheapest policy with a constant whole regular order below mean demand, its cost exact.

    The average cost is convex in the constant order, being the least cost of a problem whose stock
    is linear in it, so the search ends at the first order that is no better than the one before.

    Raises ValueError for bad arguments, or a best order so close to mean demand that the overshoot
    is too spread. Source: Janakiraman, Seshadri and Sheopuri (2015), Analysis of tailored
    base-surge policies in dual sourcing inventory systems, Management Science 61(7).
    """
    store = checked_store(store)

    def policy(constant: int) -> DualSourcingPolicy:
        overshoot = stock_left(store.probabilities, constant)
        level, cost = _best_level(store, overshoot, 0, float(constant))
        return DualSourcingPolicy(level, None, constant, cost)

    best = policy(0)
    for constant in whole_orders_below_mean(store.probabilities)[1:]:
        candidate = policy(constant)
        if candidate.cost >= best.cost:
            break
        best = candidate
    return best


def _usual_differences(store: DualSourcing) -> tuple[int, int]:
    return 0, store.regular_lead_time * math.ceil(store.mean_demand)


def _best_difference(
    store: DualSourcing, cap: int | None, starts: tuple[int, ...]
) -> tuple[float, int]:
    """The least cost with this cap, and the difference between the levels that has it."""
    cost = remembering(lambda point: _dual_index(store, point[0], cap).cost)
    found = [descend(cost, (start,), [(1,), (-1,), (2,), (-2,)]) for start in starts]
    return min((least, point[0]) for point, least in found)


def _dual_index(store: DualSourcing, difference: int, cap: int | None) -> DualSourcingPolicy:
    """The (capped) dual-index policy with the best levels at the given difference."""
    # The overshoot does not depend on the level, so expediting up to zero shows it.
    chain = policy_chain(store, dual_index_order(0, difference, cap))
    shares = stationary_probabilities(chain.transitions)
    overshoot = np.bincount(chain.levels, weights=shares)
    level, cost = _best_level(store, overshoot, 0, float(shares @ chain.regular))
    return DualSourcingPolicy(level, level + difference, cap, cost)


def _exact(store: DualSourcing, difference: int, cap: int | None) -> DualSourcingPolicy:
    """As `_dual_index`, with the cost between bounds 1e-9 apart."""
    policy = _dual_index(store, difference, cap)
    order = dual_index_order(policy.expedited_level, policy.regular_level, cap)
    return policy._replace(cost=dual_sourcing_cost(store, order))


def _best_level(
    store: DualSourcing,
    offsets: Float64[np.ndarray, " offsets"],
    lowest_offset: int,
    regular: float,
) -> tuple[int, float]:
    """Best level, and the average cost, where inventory after expediting is level + offset.

    Entry i of `offsets` is the probability of the offset lowest_offset + i; `regular` units a
    period come from the regular source on average.
    """
    # The level has to cover demand less offset, whose smallest value is minus the largest offset.
    largest = lowest_offset + offsets.size - 1
    needed = np.convolve(store.probabilities, offsets[::-1])
    level = discrete_quantile(needed, store.fractile) - largest
    inventories = level + lowest_offset + np.arange(offsets.size)
    cost = (
        float(offsets @ inventory_costs(store, inventories))
        + store.expedited_cost * (store.mean_demand - regular)
        + store.regular_cost * regular
    )
    return level, cost
