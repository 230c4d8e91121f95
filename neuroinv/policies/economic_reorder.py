"""(s, S) for items of every size: levels in multiples of typical demand and of the economic order
quantity."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from neuroinv.config import EconomicReorderConfig
from neuroinv.decisions import Deterministic
from neuroinv.policies.allocation import proportional
from neuroinv.policies.order_regimes import LEAST_COST, economic_terms
from neuroinv.policies.positions import inventory_position, location_scale
from neuroinv.policies.stock_levels import (
    Variables,
    at_every_location,
    check_one_supplier_each,
    levels,
)
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network, facing_demand, incoming
from neuroinv.problems.inventory.routing import route
from neuroinv.types import InputError, Policy


def economic_reorder(network: Network, config: EconomicReorderConfig) -> Policy:
    """A location whose inventory position is at or below its reorder level s is ordered up to S.

    Per location: s is `cover` times typical demand over the lead time plus one period, and S - s is
    `batch` times the economic order quantity (without a fixed cost nothing: a base-stock level).
    Where sales are lost, customers whose typical demand would earn less than `worth` times what
    economic orders cost per period are left unserved. All three are softplus of what is searched.

    Raises InputError where no cost jumps with an order, or a location has several suppliers.
    """
    check_one_supplier_each(network, config.kind)
    if not network.order_cells:
        raise InputError(
            f"policy.kind {config.kind} weighs stock against the fixed cost of an order but no "
            "edge has one; use policy=base_stock, or give an edge a fixed_cost"
        )
    initial = {"cover": config.initial_cover, "batch": config.initial_batch}
    if network.unmet_demand == "lost":
        initial["worth"] = config.initial_worth

    def apply(variables: Variables, observation: Observation) -> Deterministic:
        into = incoming(network)
        cost, rate = (route(into, term) for term in economic_terms(network, observation)[:2])
        scale, position = location_scale(network, observation), inventory_position(observation)
        reorder_level = levels(network, variables, observation)
        periods = jnp.sqrt(2 * cost / jnp.maximum(rate, LEAST_COST))
        order_up_to = reorder_level + jax.nn.softplus(variables["batch"]) * periods * scale
        orders = position <= reorder_level
        if "worth" in initial:
            earned = route(
                facing_demand(network), observation.underage_cost * observation.demand_scale
            )
            asked = jax.nn.softplus(variables["worth"]) * jnp.sqrt(2 * cost * rate)
            orders &= (earned >= asked) | (np.sum(facing_demand(network), axis=1) == 0)
        wanted = jnp.where(orders, order_up_to - position, 0.0)
        return Deterministic(proportional(network, route(into.T, wanted), observation.on_hand))

    return Policy(at_every_location(initial), apply)
