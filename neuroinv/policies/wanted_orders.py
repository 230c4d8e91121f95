"""What a net's outputs say it wants on every edge, before that is cut to the stock there is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neuroinv.config import Orders
from neuroinv.policies.positions import location_scale, safety_cover
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network, destinations, incoming
from neuroinv.problems.inventory.routing import route

ONE = float(np.log(np.expm1(1.0)))  # softplus(ONE) = 1: an untrained net orders typical demand
FIRST_COVER = 1.0  # periods of demand that an untrained net holds beyond those it must last for
LARGEST_DROP = 10.0  # periods below FIRST_COVER that a level comes close to and never passes
FLOOR = 0.05  # of typical demand: what a node that must ship shares out has a bounded derivative


def missing_orders(
    network: Network,
    observation: Observation,
    outputs: Float[Array, " edges"],
    orders: Orders,
) -> Float[Array, " edges"]:
    """Units missing on every edge; below zero where its destination has more than the net wants.

    With `quantity` an output is an order, in multiples of its destination's typical demand. With
    `up_to` it is a level of the destination's echelon inventory position, in periods of demand
    beyond those it must last for, and what is missing is split over the destination's suppliers by
    a softmax of their outputs. Where every location has one supplier, constant outputs are an
    echelon base-stock policy, which is optimal in series (Clark and Scarf 1960). Levels are bounded
    below, so whatever a net makes of a state it never met, orders grow with what is short and no
    backlog grows for ever.
    """
    scale = _typical_demand(network, observation)
    if orders == "quantity":
        return scale * jax.nn.softplus(outputs + ONE)
    drop = LARGEST_DROP * jnp.tanh(outputs / LARGEST_DROP)
    level = FIRST_COVER + jnp.where(outputs > 0, outputs, drop)
    missing = level - route(incoming(network).T, safety_cover(network, observation))
    return scale * missing * _share(network, outputs)


def wanted_orders(
    network: Network,
    observation: Observation,
    outputs: Float[Array, " edges"],
    orders: Orders,
) -> Float[Array, " edges"]:
    """Units wanted on every edge: what is missing, and at least zero."""
    missing = missing_orders(network, observation, outputs, orders)
    if orders == "quantity":
        return missing
    must_ship = [not network.nodes[edge.source].holds_stock for edge in network.edges]
    least = FLOOR * np.asarray(must_ship, np.float32) * _typical_demand(network, observation)
    return jax.nn.relu(missing) + least


def _typical_demand(network: Network, observation: Observation) -> Float[Array, " edges"]:
    """Units a period at the destination of every edge."""
    return route(incoming(network).T, location_scale(network, observation))


def _share(network: Network, outputs: Float[Array, " edges"]) -> Float[Array, " edges"] | float:
    """Each edge's part of what its destination misses; the parts of a destination add up to one."""
    ends = destinations(network)
    if len(set(ends.tolist())) == len(ends):
        return 1.0
    into = incoming(network)
    # Where a destination's outputs are all moved by their largest, none overflows.
    largest = jnp.max(jnp.where(into > 0, outputs, -jnp.inf), axis=1)
    weights = jnp.exp(outputs - route(into.T, jax.lax.stop_gradient(largest)))
    return weights / route(into.T, route(into, weights))
