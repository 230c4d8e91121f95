"""What a net's outputs say it wants on every edge, before that is cut to the stock there is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neuroinv.config import Orders
from neuroinv.policies.positions import location_scale, safety_cover
from neuroinv.problems.inventory.dynamics import Observation, route
from neuroinv.problems.inventory.network import Network, incoming

ONE = float(np.log(np.expm1(1.0)))  # softplus(ONE) = 1: an untrained net orders typical demand
FIRST_COVER = 1.0  # periods of demand that an untrained net holds beyond those it must last for
MOST_COVER = 10.0  # periods


def wanted_orders(
    network: Network,
    observation: Observation,
    outputs: Float[Array, " edges"],
    orders: Orders,
) -> Float[Array, " edges"]:
    """Units wanted on every edge, at least zero.

    With `quantity` an output is an order, in multiples of its destination's typical demand. With
    `up_to` it is a level of the destination's echelon inventory position, in periods of demand
    beyond those it must last for: constant outputs are an echelon base-stock policy, which is
    optimal in series (Clark and Scarf 1960). Levels are bounded, so whatever a net makes of a state
    it never met, orders grow one for one with what is short and no backlog grows for ever.
    """
    at_destination = incoming(network).T
    scale = route(at_destination, location_scale(network, observation))
    if orders == "quantity":
        return scale * jax.nn.softplus(outputs + ONE)
    level = FIRST_COVER + MOST_COVER * jnp.tanh(outputs / MOST_COVER)
    return scale * jax.nn.relu(level - route(at_destination, safety_cover(network, observation)))
