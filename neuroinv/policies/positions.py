"""Where a location stands: its inventory position, its echelon's, and what each must last for."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import (
    Network,
    echelons,
    incoming,
    leads_down,
    longest_chain,
    outgoing,
    served,
)
from neuroinv.problems.inventory.routing import route

AtLocations = Float[Array, " locations"]
LEAST_SPREAD = 1e-3  # of mean demand, where it never varied


def location_scale(network: Network, observation: Observation) -> AtLocations:
    """Typical demand per period of all customers that a location serves, itself or through
    others."""
    return route(served(network), observation.demand_scale)


def inventory_position(observation: Observation) -> AtLocations:
    """Units on hand, less those owed to customers, and on the way to each location."""
    return observation.on_hand + jnp.sum(observation.pipeline, axis=1)


def echelon_position(network: Network, observation: Observation) -> AtLocations:
    """Inventory position of each location and of all locations downstream of it, in units."""
    return route(echelons(network), inventory_position(observation))


def present_locations(network: Network, observation: Observation) -> AtLocations:
    """1 where a location serves customers who are there, itself or through others; else 0."""
    return jnp.minimum(route(served(network), observation.present), 1.0)


def served_edges(network: Network, observation: Observation) -> Float[Array, " edges"]:
    """1 where an edge leads to customers who are there, itself or through others; else 0."""
    return route(incoming(network).T, present_locations(network, observation))


def safety_cover(network: Network, observation: Observation) -> AtLocations:
    """Periods of customers' demand that the stock of each echelon lasts beyond those it must."""
    cover = echelon_position(network, observation) / location_scale(network, observation)
    return cover - protected_periods(network, observation)


def protected_spread(network: Network, observation: Observation) -> AtLocations:
    """Standard deviation, units, of the demand that a location's echelon must last for, were its
    customers and periods independent. More than nothing: a store whose demand never varied still
    needs its stock."""
    of_customers = jnp.maximum(observation.demand_std, LEAST_SPREAD * observation.demand_scale)
    variance = route(served(network), of_customers**2)
    return jnp.sqrt(protected_periods(network, observation) * variance)


def longest_lead_time(network: Network, observation: Observation) -> AtLocations:
    """Periods from order to use on the slowest edge into each location."""
    lead_time = observation.lead_time.astype(jnp.float32)
    return jnp.max(jnp.where(incoming(network) > 0, lead_time, 0.0), axis=1)


def protected_periods(network: Network, observation: Observation) -> AtLocations:
    """Periods of customers' demand that a location's echelon must last for: the lead times from its
    supplier down to the farthest customer, and the period under way."""
    own = longest_lead_time(network, observation)
    protected = own
    present = present_locations(network, observation)
    for _ in range(longest_chain(network)):
        below = jnp.where(
            outgoing(network) * leads_down(network) > 0,
            route(incoming(network).T, present * protected),
            0.0,
        )
        protected = own + jnp.max(below, axis=1)
    return protected + 1.0
