"""Classical policies for orders with a fixed cost, alone or shared by several items, and what a
dynamic program orders.

Each is given its levels or its orders, which are found in `neuroinv.references`, exactly or by
search. It reads the inventory position of items, each with one edge from supply, or of echelons; a
table of orders may read on-hand and what arrives when.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from neuroinv.decisions import Deterministic
from neuroinv.policies.allocation import proportional
from neuroinv.policies.positions import echelon_position, inventory_position
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network, incoming
from neuroinv.problems.inventory.routing import route
from neuroinv.types import HindsightPolicy, Policy

AtEdges = Float[Array, " edges"]
AtLocations = Float[Array, " locations"]


class ReorderLevels(NamedTuple):
    """An item whose position is at or below its reorder level is ordered up to the other, in orders
    of at most its cap."""

    reorder_level: AtEdges
    order_up_to_level: AtEdges
    cap: AtEdges


class EchelonReorderLevels(NamedTuple):
    """A location whose echelon position is at or below its reorder level orders up to the other;
    one that is to order in every period has two equal levels."""

    reorder_level: AtLocations
    order_up_to_level: AtLocations


class PeriodicReview(NamedTuple):
    """In every so many periods all items are ordered up to their levels."""

    review_periods: Int[Array, ""]
    order_up_to_level: AtEdges


class JointQuantity(NamedTuple):
    """All items are ordered up to their levels as soon as together they lack so many units."""

    quantity: Float[Array, ""]
    order_up_to_level: AtEdges


class CanOrder(NamedTuple):
    """An item at or below its must-order level brings about an order, which every item at or below
    its can-order level joins, up to its order-up-to level (Balintfy 1964)."""

    must_order_level: AtEdges
    can_order_level: AtEdges
    order_up_to_level: AtEdges


class OrderTable(NamedTuple):
    """Units to order in every state of one item, its demand and orders whole."""

    orders: Int[Array, "*states"]
    """By inventory position where it has one axis, else by on-hand and what arrives in each of the
    periods that follow."""
    lowest: Int[Array, ""]
    """The position (units) of the first of `orders`; 0 for several axes."""


def order_table() -> Policy:
    """What a dynamic program orders. A state outside the table orders as the nearest within."""

    def apply(table: OrderTable, observation: Observation) -> Deterministic:
        if table.orders.ndim == 1:
            state = inventory_position(observation) - table.lowest
        else:
            state = jnp.append(observation.on_hand, observation.pipeline[0])[: table.orders.ndim]
        most = np.asarray(table.orders.shape) - 1
        place = jnp.clip(jnp.round(state).astype(jnp.int32), 0, most)
        return Deterministic(table.orders[tuple(place)][None].astype(state.dtype))

    return _given(apply)


class JointOrderTable(NamedTuple):
    """Where two items are ordered up to in every state, their demand and orders whole."""

    order_up_to_level: Int[Array, "first second items"]
    """By the inventory positions of both; these positions themselves for no order."""
    lowest: Int[Array, " items"]
    """The positions (units) of the first row and column; below them levels stay the same."""


def joint_order_table(network: Network) -> Policy:
    """What a dynamic program of two items orders."""

    def apply(table: JointOrderTable, observation: Observation) -> Deterministic:
        position = _positions(network, observation)
        most = np.asarray(table.order_up_to_level.shape[:2]) - 1
        row, column = jnp.clip(jnp.round(position).astype(jnp.int32) - table.lowest, 0, most)
        return Deterministic(jnp.maximum(table.order_up_to_level[row, column] - position, 0.0))

    return _given(apply)


def reorder(network: Network) -> Policy:
    """(s, S) and (s, S, q) for every item by itself."""

    def apply(levels: ReorderLevels, observation: Observation) -> Deterministic:
        position = _positions(network, observation)
        missing = jnp.minimum(levels.order_up_to_level - position, levels.cap)
        return Deterministic(jnp.where(position <= levels.reorder_level, missing, 0.0))

    return _given(apply)


def echelon_reorder(network: Network) -> Policy:
    """(s, S) of every echelon, as far as stock allows; every location has one supplier."""

    def apply(levels: EchelonReorderLevels, observation: Observation) -> Deterministic:
        position = echelon_position(network, observation)
        missing = jnp.maximum(levels.order_up_to_level - position, 0.0)
        wanted = jnp.where(position <= levels.reorder_level, missing, 0.0)
        on_edges = route(incoming(network).T, wanted)
        return Deterministic(proportional(network, on_edges, observation.on_hand))

    return _given(apply)


def periodic_review(network: Network) -> HindsightPolicy:
    """(R, S). It reads which period it is, and nothing of the future."""

    def apply(
        levels: PeriodicReview, observation: Observation, noise: PyTree, period: Int[Array, ""]
    ) -> Deterministic:
        del noise
        missing = jnp.maximum(levels.order_up_to_level - _positions(network, observation), 0.0)
        return Deterministic(jnp.where(period % levels.review_periods == 0, missing, 0.0))

    return HindsightPolicy(lambda key, example: (), apply)


def joint_quantity(network: Network) -> Policy:
    """(Q, S)."""

    def apply(levels: JointQuantity, observation: Observation) -> Deterministic:
        missing = jnp.maximum(levels.order_up_to_level - _positions(network, observation), 0.0)
        return Deterministic(jnp.where(jnp.sum(missing) >= levels.quantity, missing, 0.0))

    return _given(apply)


def can_order(network: Network) -> Policy:
    """(s, c, S)."""

    def apply(levels: CanOrder, observation: Observation) -> Deterministic:
        position = _positions(network, observation)
        triggered = jnp.any(position <= levels.must_order_level)
        joins = triggered & (position <= levels.can_order_level)
        missing = jnp.maximum(levels.order_up_to_level - position, 0.0)
        return Deterministic(jnp.where(joins, missing, 0.0))

    return _given(apply)


def _given(apply: Callable[[Any, Observation], Deterministic]) -> Policy:
    return Policy(lambda key, example: (), apply, trained=False)


def _positions(network: Network, observation: Observation) -> AtEdges:
    return route(np.asarray(incoming(network).T), inventory_position(observation))
