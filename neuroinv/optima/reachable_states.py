"""States of a lost-sales store that an ordering policy reaches, and how it moves among them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

OrderFunction = Callable[[Int[np.ndarray, "states dimension"]], Int[np.ndarray, " states"]]

NEGLIGIBLE_PROBABILITY = 1e-14
LARGEST_ON_HAND = 10_000
LARGEST_CODE = 2**61


class Reached(NamedTuple):
    """All reachable states, each as one whole number with on-hand as its lowest digit, ascending.

    Attributes:
        codes: the states as numbers.
        radices: how many values each digit takes: on-hand, next arrival, ..., latest order.
    """

    codes: Int[np.ndarray, " states"]
    radices: Int[np.ndarray, " dimension"]


class Step(NamedTuple):
    """All transitions of one period out of some states, sorted by state.

    Attributes:
        stock: on-hand (units) that meets demand, per state.
        rows: index of the state a transition leaves.
        codes: the state it enters, as a number.
        probabilities: of the transition; those of one state add up to one.
    """

    stock: Int[np.ndarray, " states"]
    rows: Int[np.ndarray, " transitions"]
    codes: Int[np.ndarray, " transitions"]
    probabilities: Float64[np.ndarray, " transitions"]


def reachable_states(
    demand: Float64[np.ndarray, " support"],
    lead_time: int,
    order: OrderFunction,
    max_states: int,
    start: Int[np.ndarray, " dimension"],
) -> Reached:
    """States reached from a first one; arguments and errors as in `policy_cost`."""
    frontier = start.astype(np.int64)[None]
    radices = np.maximum(frontier[0] + 1, 2)
    known = _encode(frontier, radices)
    while frontier.shape[0]:
        orders = checked_orders(order, frontier)
        needed = _largest_next(frontier, orders, lead_time) + 1
        if np.any(needed > radices):
            _check_encodable(needed)
            wider = np.maximum(needed, radices)
            if needed[0] > radices[0]:
                # On-hand may creep up unit by unit; doubling keeps re-encodings few.
                wider[0] = max(needed[0], 2 * radices[0])
            known = np.sort(_encode(decode(known, radices), wider))
            radices = wider
        step = one_period(frontier, orders, demand, lead_time, radices)
        found = np.unique(step.codes)
        place = np.minimum(np.searchsorted(known, found), known.size - 1)
        found = found[known[place] != found]
        known = np.sort(np.concatenate([known, found]), kind="stable")
        if known.size > max_states:
            raise ValueError(
                f"the policy reaches more than max_states = {max_states} states; raise max_states, "
                "lower the orders or shorten lead_time"
            )
        frontier = decode(found, radices)
    return Reached(known, radices)


def _largest_next(
    states: Int[np.ndarray, "states dimension"], orders: Int[np.ndarray, " states"], lead_time: int
) -> Int[np.ndarray, " dimension"]:
    if lead_time == 0:
        return np.array([(states[:, 0] + orders).max()])
    pipeline = np.column_stack([states[:, 1:], orders])
    on_hand = (states[:, 0] + pipeline[:, 0]).max()
    return np.concatenate([[on_hand], pipeline[:, 1:].max(axis=0)])


def one_period(
    states: Int[np.ndarray, "states dimension"],
    orders: Int[np.ndarray, " states"],
    demand: Float64[np.ndarray, " support"],
    lead_time: int,
    radices: Int[np.ndarray, " dimension"],
) -> Step:
    """Every possible demand of one period, from each state (row) with its order (units)."""
    if lead_time == 0:
        stock = states[:, 0] + orders
        arrived = np.zeros((stock.size, 1), dtype=np.int64)
    else:
        stock = states[:, 0]
        arrived = np.column_stack([states[:, 1:], orders])
    usable = np.flatnonzero(demand > NEGLIGIBLE_PROBABILITY)
    fewest_left = np.maximum(stock - usable[-1], 0)
    counts = np.maximum(stock - usable[0], 0) - fewest_left + 1
    rows = np.repeat(np.arange(stock.size), counts)
    within = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    left = fewest_left[rows] + within
    # Demand of all the stock or more leaves nothing, so leftover 0 takes the whole tail.
    at_least = np.append(np.cumsum(demand[::-1])[::-1], 0.0)
    used = np.minimum(stock[rows] - left, demand.size)
    exactly = np.append(demand, 0.0)
    chance = np.where(left == 0, at_least[used], exactly[used])
    possible = chance > NEGLIGIBLE_PROBABILITY
    rows, left, chance = rows[possible], left[possible], chance[possible]
    chance /= np.bincount(rows, weights=chance, minlength=stock.size)[rows]
    # On-hand is the lowest digit, so leftover stock simply adds to the code.
    codes = _encode(arrived, radices)[rows] + left
    return Step(stock, rows, codes, chance)


def checked_orders(
    order: OrderFunction, states: Int[np.ndarray, "states dimension"]
) -> Int[np.ndarray, " states"]:
    """Orders for every state; raises ValueError unless whole, non-negative and one per state."""
    orders = np.asarray(order(states))
    if orders.shape != (states.shape[0],) or not np.issubdtype(orders.dtype, np.integer):
        raise ValueError(
            f"order returned shape {orders.shape} and type {orders.dtype} for {states.shape[0]} "
            "states; return one whole number of units per state"
        )
    if orders.min() < 0:
        raise ValueError(f"order returned {orders.min()}; return 0 or more units for every state")
    return orders.astype(np.int64)


def _check_encodable(radices: Int[np.ndarray, " dimension"]) -> None:
    if radices[0] > LARGEST_ON_HAND:
        raise ValueError(
            f"the policy lets on-hand grow past {LARGEST_ON_HAND} units; order less when on-hand is"
            " high, or count demand in larger units"
        )
    if float(np.prod(radices.astype(np.float64))) > LARGEST_CODE:
        raise ValueError(
            f"on-hand and orders up to {(radices - 1).tolist()} are too many to number; "
            "shorten lead_time or count demand in larger units"
        )


def _place_values(radices: Int[np.ndarray, " dimension"]) -> Int[np.ndarray, " dimension"]:
    return np.concatenate([[1], np.cumprod(radices[:-1])])


def _encode(
    states: Int[np.ndarray, "states dimension"], radices: Int[np.ndarray, " dimension"]
) -> Int[np.ndarray, " states"]:
    return np.asarray(states @ _place_values(radices))


def decode(
    codes: Int[np.ndarray, " states"], radices: Int[np.ndarray, " dimension"]
) -> Int[np.ndarray, "states dimension"]:
    """The states that numbers stand for, one row each."""
    return np.asarray(codes[:, None] // _place_values(radices) % radices)
