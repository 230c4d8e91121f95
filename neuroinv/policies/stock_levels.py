"""Base-stock policies: order each location's inventory position up to a level, maybe capped.

The trainable quantity is the *cover* of a level: the multiple of typical demand over the lead time
plus one period (the demand that the position must last for). One cover then serves series of any
size, and lead times that differ between scenarios.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from neuroinv.decisions import Deterministic
from neuroinv.policies.allocation import proportional
from neuroinv.policies.positions import inventory_position, location_scale
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import (
    Network,
    destinations,
    incoming,
    locations,
)
from neuroinv.problems.inventory.routing import route
from neuroinv.types import InputError, Policy

Variables = dict[str, Float[Array, " locations"]]


def check_one_supplier_each(network: Network, policy: str) -> None:
    """Raise InputError where a location has several suppliers, which `policy` cannot choose
    between."""
    for position, node in enumerate(locations(network)):
        if np.sum(destinations(network) == position) != 1:
            raise InputError(
                f"policy.kind {policy} needs one edge into every location but "
                f"'{network.nodes[node].name}' has {np.sum(destinations(network) == position)}; "
                "use another policy"
            )


def base_stock(network: Network, initial_cover: float) -> Policy:
    """q = max(S - inventory position, 0), one level S per location (spec 3.1)."""
    return _stock_level_policy(network, "base_stock", {"cover": initial_cover})


def capped_base_stock(network: Network, initial_cover: float, initial_cap: float) -> Policy:
    """q = min(max(S - inventory position, 0), r), one pair (S, r) per location (spec 3.1)."""
    return _stock_level_policy(
        network, "capped_base_stock", {"cover": initial_cover, "cap": initial_cap}
    )


def levels(
    network: Network, variables: Variables, observation: Observation
) -> Float[Array, " locations"]:
    """The base-stock level of every location, in units."""
    protected_periods = 1 + route(incoming(network), observation.lead_time.astype(jnp.float32))
    scale = location_scale(network, observation)
    return jax.nn.softplus(variables["cover"]) * scale * protected_periods


def caps(
    network: Network, variables: Variables, observation: Observation
) -> Float[Array, " locations"]:
    """The largest order of every location, in units."""
    return jax.nn.softplus(variables["cap"]) * location_scale(network, observation)


def before_softplus(value: float) -> float:
    """The number whose softplus is `value` >= 0; for zero that is minus infinity."""
    if value == 0:
        return -np.inf
    return float(value + np.log(-np.expm1(-value)))


def at_every_location(
    initial: dict[str, float],
) -> Callable[[PRNGKeyArray, Observation], Variables]:
    """First variables whose softplus is, at every location, the value of the same name."""

    def init(key: PRNGKeyArray, example: Observation) -> Variables:
        del key
        return {
            name: jnp.full(example.on_hand.shape, before_softplus(value), jnp.float32)
            for name, value in initial.items()
        }

    return init


def _stock_level_policy(network: Network, name: str, initial: dict[str, float]) -> Policy:
    check_one_supplier_each(network, name)

    def apply(variables: Variables, observation: Observation) -> Deterministic:
        short = levels(network, variables, observation) - inventory_position(observation)
        wanted = jnp.maximum(short, 0.0)
        if "cap" in initial:
            wanted = jnp.minimum(wanted, caps(network, variables, observation))
        on_edges = route(incoming(network).T, wanted)
        return Deterministic(proportional(network, on_edges, observation.on_hand))

    return Policy(at_every_location(initial), apply)
