"""Water filling: a cross-dock ships what it has so that all its stores are equally safe.

The centre orders the system's inventory position (all stock on hand and in transit, less demand
owed) up to one level, and may not hold stock. What arrives is poured over the stores like water
over an uneven ground: the ground of a store is its safety factor before shipping, the standard
deviations by which its inventory position exceeds the expected demand it has to last for, and only
stores below the water line get anything. Where all stores have the same costs, that balances them
as well as what has arrived allows; with the level of `neuroinv.optima.transshipment_bound` the cost
all but attains the bound (spec 6.5).

Sources: Federgruen and Zipkin (1984), Approximations of dynamic, multilocation production and
inventory problems, Management Science 30(1); Eppen and Schrage (1981), Centralized ordering
policies in a multi-warehouse system with lead times and random demand.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, PRNGKeyArray

from neuroinv.decisions import Deterministic
from neuroinv.policies.allocation import balanced
from neuroinv.policies.positions import (
    inventory_position,
    protected_periods,
    protected_spread,
)
from neuroinv.policies.stock_levels import check_one_supplier_each
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import (
    Network,
    demand_locations,
    facing_demand,
    incoming,
    locations,
    outgoing,
)
from neuroinv.problems.inventory.routing import route
from neuroinv.types import InputError, Policy

Variables = dict[str, Float[Array, ""]]
LEAST_RATIO = 1e-3  # of underage to all costs, and of holding cost: either may be nothing


def water_filling(network: Network) -> Policy:
    """The policy, whose one variable is the system's order-up-to `level` in units.

    The level starts where one store would start that had all the demand, taking the demands of the
    stores as perfectly correlated (how they are cannot be seen) and costs as their averages.
    Raises InputError unless one cross-dock supplies every demand location and nothing else does.
    """
    _check_cross_dock(network)
    (centre,) = set(range(len(locations(network)))) - set(demand_locations(network))
    into_stores = outgoing(network)[centre]

    def protected_demand(observation: Observation) -> tuple[Array, Array]:
        """Mean and standard deviation, per store, of the demand until the next order arrives."""
        facing = facing_demand(network).T
        periods = route(facing, protected_periods(network, observation))
        spread = route(facing, protected_spread(network, observation))
        return periods * observation.demand_scale, spread

    def init(key: PRNGKeyArray, example: Observation) -> Variables:
        del key
        lead_time = route(incoming(network), example.lead_time.astype(jnp.float32))[centre]
        ordering = jnp.maximum(lead_time, 1.0)  # what comes at once is shipped on a period later
        means, stds = protected_demand(example)
        mean = jnp.sum(means) + ordering * jnp.sum(example.demand_scale)
        std = jnp.sqrt(jnp.sum(stds) ** 2 + ordering * jnp.sum(example.demand_std) ** 2)
        underage = jnp.mean(example.underage_cost)
        holding = jnp.mean(route(facing_demand(network).T, example.holding_cost))
        ratio = underage / jnp.maximum(underage + holding, LEAST_RATIO)
        ratio = jnp.clip(ratio, LEAST_RATIO, 1 - LEAST_RATIO)
        return {"level": mean + ndtri(ratio) * std}

    def apply(variables: Variables, observation: Observation) -> Deterministic:
        position = inventory_position(observation)
        order = jnp.maximum(variables["level"] - jnp.sum(position), 0.0)
        means, stds = protected_demand(observation)
        short = means - route(facing_demand(network).T, position)

        def on_edges(of_stores: Array, of_centre: Array | float) -> Array:
            spread = route(incoming(network).T @ facing_demand(network), of_stores)
            return jnp.where(into_stores > 0, spread, of_centre)

        missing, areas = on_edges(short, order), on_edges(stds, 1.0)
        return Deterministic(balanced(network, missing, areas, observation.on_hand))

    return Policy(init, apply)


def _check_cross_dock(network: Network) -> None:
    check_one_supplier_each(network, "water_filling")
    centres = [i for i, node in enumerate(network.nodes) if node.kind == "stocking"]
    if len(centres) != 1:
        raise InputError(
            f"policy.kind water_filling needs one stocking node but there are {len(centres)}; "
            "use another policy"
        )
    centre = network.nodes[centres[0]]
    if centre.holds_stock:
        raise InputError(
            f"policy.kind water_filling ships everything at once but '{centre.name}' may hold "
            "stock; set its holds_stock to false, or use another policy"
        )
    for edge in network.edges:
        store = network.nodes[edge.destination]
        if store.kind == "demand" and edge.source != centres[0]:
            raise InputError(
                f"policy.kind water_filling needs all stores supplied by '{centre.name}' but "
                f"'{store.name}' is supplied by '{network.nodes[edge.source].name}'; "
                "use another policy"
            )
