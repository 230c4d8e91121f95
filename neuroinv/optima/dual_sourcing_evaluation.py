"""Exact average cost of any whole-number policy of a dual-sourcing store."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from neuroinv.optima.dual_sourcing_store import (
    DualOrderFunction,
    DualSourcing,
    checked_store,
    inventory_costs,
)
from neuroinv.optima.markov_chain import long_run_average

NEGLIGIBLE_PROBABILITY = 1e-14
MOST_STATES = 200_000
LARGEST_INVENTORY = 5_000


class PolicyChain(NamedTuple):
    """The states that a policy reaches from the empty system, and what it does there.

    Attributes:
        levels: inventory (units) after the expedited order, before demand.
        expedited: units expedited.
        regular: units ordered from the regular source.
        transitions: probability of the next state (column) from each (row).
    """

    levels: Int[np.ndarray, " states"]
    expedited: Int[np.ndarray, " states"]
    regular: Int[np.ndarray, " states"]
    transitions: csr_array


def dual_sourcing_cost(
    store: DualSourcing, order: DualOrderFunction, tolerance: float = 1e-9
) -> float:
    """Long-run average cost per period, purchases included, of a policy from the empty system.

    Args:
        store: the store.
        order: maps states (`dual_sourcing_store`), one row each, to the units to expedite and to
            order from the regular source.
        tolerance: largest distance allowed between the bounds on the average (cost per period), as
            in `long_run_average`.

    Raises:
        ValueError: bad arguments, orders that are not whole, non-negative and two per state, more
            than 200,000 reachable states, or inventory beyond 5,000 units either way.
        RuntimeError: the tolerance was not reached.
    """
    store = checked_store(store)
    chain = policy_chain(store, order)
    purchases = store.expedited_cost * chain.expedited + store.regular_cost * chain.regular
    cost = inventory_costs(store, chain.levels) + purchases
    return long_run_average(chain.transitions, cost, tolerance)


def policy_chain(store: DualSourcing, order: DualOrderFunction) -> PolicyChain:
    """The Markov chain of a policy; arguments and errors as in `dual_sourcing_cost`.

    Demands of probability below 1e-14 are left out of the transitions.
    """
    demands = np.flatnonzero(store.probabilities > NEGLIGIBLE_PROBABILITY)
    known = np.zeros((1, store.regular_lead_time), dtype=np.int64)
    frontier = known
    while frontier.shape[0]:
        following = _following(frontier, *_checked_orders(order, frontier), demands)
        merged = np.concatenate([known, following])
        _, first = np.unique(_numbers(merged), return_index=True)
        frontier = merged[first[first >= known.shape[0]]]
        known = merged[first]
        if known.shape[0] > MOST_STATES:
            raise ValueError(
                f"the policy reaches more than {MOST_STATES} states from the empty system; order "
                "less when inventory is high, shorten regular_lead_time or count demand in larger "
                "units"
            )
        if np.abs(known[:, 0]).max() > LARGEST_INVENTORY:
            raise ValueError(
                f"the policy lets inventory go beyond {LARGEST_INVENTORY} units either way; order "
                "less when it is high and more when it is low, or count demand in larger units"
            )
    expedited, regular = _checked_orders(order, known)
    following = _following(known, expedited, regular, demands)
    count = known.shape[0]
    # Every next state is known, so the distinct numbers are those of the known states, in order.
    _, place = np.unique(_numbers(np.concatenate([known, following])), return_inverse=True)
    chances = store.probabilities[demands] / store.probabilities[demands].sum()
    transitions = csr_array(
        (np.tile(chances, count), (np.repeat(np.arange(count), demands.size), place[count:])),
        shape=(count, count),
    )
    return PolicyChain(known[:, 0] + expedited, expedited, regular, transitions)


def _following(
    states: Int[np.ndarray, "states dimension"],
    expedited: Int[np.ndarray, " states"],
    regular: Int[np.ndarray, " states"],
    demands: Int[np.ndarray, " demands"],
) -> Int[np.ndarray, "transitions dimension"]:
    """The next states of every state, one row per state and demand."""
    arriving, *later = *states.T[1:], regular
    inventory = (states[:, 0] + expedited + arriving)[:, None] - demands
    unmoved = [np.broadcast_to(orders[:, None], inventory.shape) for orders in later]
    return np.stack([inventory, *unmoved], axis=-1).reshape(-1, states.shape[1])


def _numbers(states: Int[np.ndarray, "states dimension"]) -> Int[np.ndarray, " states"]:
    """One whole number per state, in the lexicographic order of the states."""
    least = states.min(axis=0)
    return np.ravel_multi_index(tuple((states - least).T), tuple(states.max(axis=0) - least + 1))


def _checked_orders(
    order: DualOrderFunction, states: Int[np.ndarray, "states dimension"]
) -> tuple[Int[np.ndarray, " states"], Int[np.ndarray, " states"]]:
    expedited, regular = (np.asarray(units) for units in order(states))
    for name, units in (("expedited", expedited), ("regular", regular)):
        if units.shape != (states.shape[0],) or not np.issubdtype(units.dtype, np.integer):
            raise ValueError(
                f"order returned {name} units of shape {units.shape} and type {units.dtype} for "
                f"{states.shape[0]} states; return one whole number of units per state"
            )
        if units.min() < 0:
            raise ValueError(f"order returned {units.min()} {name} units; return 0 or more")
    return expedited.astype(np.int64), regular.astype(np.int64)
