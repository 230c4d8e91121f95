"""Echelon-stock policies: order the stock of a location and all downstream of it up to a level.

The echelon of a location is itself and every location that its goods can reach. Its echelon
inventory position counts all stock on hand in it and all stock on the way to any of its locations,
less demand owed. In a serial system with backlogged demand such a policy is optimal (Clark and
Scarf 1960; `neuroinv.optima.clark_scarf` has the best levels).

A level is the sum of non-negative *increments*, the location's own and those of all locations
downstream, so that no location asks for more than its supplier provides for. The trainable quantity
is the cover of an increment: its multiple of typical demand over the location's lead time plus one
period, as in `neuroinv.policies.stock_levels`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Float64

from neuroinv.decisions import Deterministic
from neuroinv.policies.allocation import proportional
from neuroinv.policies.positions import echelon_position, location_scale
from neuroinv.policies.stock_levels import at_every_location, check_one_supplier_each
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import (
    Network,
    echelons,
    incoming,
    locations,
    outgoing,
)
from neuroinv.problems.inventory.routing import route
from neuroinv.types import InputError, Policy

Variables = dict[str, Float[Array, " locations"]]
ROUNDING = 1e-6  # relative to the largest level


def echelon_stock(network: Network, initial_cover: float) -> Policy:
    """q = max(S - echelon inventory position, 0), one level S per location, cut in proportion where
    a supplier is short (spec 3.1).

    Every location needs a single supplier: raises InputError for another network. Each increment
    starts at `initial_cover` times typical demand over the lead time plus one period.
    """
    check_one_supplier_each(network, "echelon_stock")

    def apply(variables: Variables, observation: Observation) -> Deterministic:
        position = echelon_position(network, observation)
        wanted = jnp.maximum(echelon_levels(network, variables, observation) - position, 0.0)
        on_edges = route(incoming(network).T, wanted)
        return Deterministic(proportional(network, on_edges, observation.on_hand))

    return Policy(at_every_location({"cover": initial_cover}), apply)


def echelon_levels(
    network: Network, variables: Variables, observation: Observation
) -> Float[Array, " locations"]:
    """The echelon base-stock level of every location, in units."""
    increments = jax.nn.softplus(variables["cover"]) * _increment_scale(network, observation)
    return route(echelons(network), increments)


def variables_of_levels(
    network: Network, levels: Float64[np.ndarray, " locations"], observation: Observation
) -> Variables:
    """The variables with which `echelon_stock` orders up to given echelon base-stock levels (units)
    in scenarios whose typical demand and lead times are those of `observation`.

    A level above that of a location upstream is lowered to it. In a serial system that changes no
    order as long as demand is not negative, because the stock to exceed it never gets past the
    location upstream. Raises InputError where the locations that order directly from one still have
    levels that add up to more than its own, because no non-negative increment stands for that.
    """
    downstream = echelons(network)
    reachable = np.min(np.where(downstream > 0, np.asarray(levels)[:, None], np.inf), axis=0)
    increments = reachable - _orders_from(network) @ reachable
    for position, node in enumerate(locations(network)):
        if increments[position] < -ROUNDING * np.max(np.abs(reachable)):
            raise InputError(
                f"levels: '{network.nodes[node].name}' has {reachable[position]:g}, less than the "
                f"{reachable[position] - increments[position]:g} of the locations it supplies; "
                "raise it or lower theirs"
            )
    cover = jnp.maximum(increments, 0.0) / _increment_scale(network, observation)
    return {"cover": jnp.asarray(cover + jnp.log(-jnp.expm1(-cover)), jnp.float32)}


def _increment_scale(network: Network, observation: Observation) -> Float[Array, " locations"]:
    """Typical demand over the lead time plus one period, of all customers a location serves."""
    protected_periods = 1 + route(incoming(network), observation.lead_time.astype(jnp.float32))
    return location_scale(network, observation) * protected_periods


def _orders_from(network: Network) -> Float32[np.ndarray, "locations locations"]:
    """1 where the second location orders directly from the first."""
    return outgoing(network) @ incoming(network).T
