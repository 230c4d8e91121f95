"""Regimes of orders: which size an order has, decided apart from how much is ordered within it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neuroinv.config import Orders
from neuroinv.decisions import Categorical
from neuroinv.discontinuities import within
from neuroinv.policies import allocation
from neuroinv.policies.positions import location_scale
from neuroinv.policies.wanted_orders import ONE, wanted_orders
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network, incoming
from neuroinv.problems.inventory.order_sizes import SizedOrders
from neuroinv.problems.inventory.routing import route
from neuroinv.types import InputError

BELOW = 1 - 1e-6  # times the upper end of a size: the largest order that is still of that size
NEVER = -1e9  # logit of a regime out of reach; an infinite one would make its entropy undefined


def check_regimes(network: Network, choice: str) -> None:
    """Raise InputError where a problem has no regimes, or no joint choice of them is defined."""
    if not network.order_cells:
        raise InputError(
            "policy.kind chooses among regimes of orders but no cost of this problem jumps with an "
            "order's size; use policy mlp or gnn, or give an edge a fixed_cost or order_sizes"
        )
    alone = [edge for edge in range(len(network.edges)) if edge not in network.sized_edges]
    if choice == "per_edge" or not alone:
        return
    if len(network.sized_edges) < 2:
        raise InputError(
            "policy.choice is joint but only one edge has regimes to choose from; "
            "set policy.choice=per_edge"
        )


def order_regimes(
    network: Network,
    observation: Observation,
    logits: Float[Array, "choices regimes"],
    outputs: Float[Array, "choices regimes outputs"],
    orders: Orders,
) -> Categorical:
    """The decision on every edge's regime and, in each, on how much to order.

    With one choice, all edges whose costs jump share a regime, and `outputs` has one entry per
    edge; with a choice for each edge it has one. Orders within a regime are read off the outputs as
    `neuroinv.policies.wanted_orders` does, cut to the regime's ends; with `quantity` a regime that
    has two ends is covered by a sigmoid between them. Orders are feasible by construction.
    """
    sizes = observation.sizes
    assert sizes is not None
    edges = len(network.edges)
    regimes = jnp.arange(network.order_cells)
    is_sized = np.isin(np.arange(edges), network.sized_edges)[:, None]
    within_reach = jnp.isfinite(sizes.lower)
    jointly = len(logits) == 1 and edges > 1
    if jointly:
        possible = jnp.all(within_reach | ~is_sized, axis=0)[None]
    else:
        possible = within_reach & (is_sized | (regimes == 1))
    scale = route(incoming(network).T, location_scale(network, observation))

    def transform(
        weights: Float[Array, "choices regimes"], outputs: Float[Array, "choices regimes outputs"]
    ) -> SizedOrders:
        raw = outputs[0].T if jointly else outputs[..., 0]
        # An edge without jumps orders what it wants, whatever the others do.
        cells = jnp.where(is_sized, jnp.broadcast_to(weights, raw.shape), regimes == 1)
        lower, upper = (jnp.where(within_reach, ends, 0.0) for ends in (sizes.lower, sizes.upper))
        if orders == "quantity":
            candidates = within(lower, upper, raw + ONE, scale[:, None])
        else:
            wanted = jax.vmap(
                lambda of_regime: wanted_orders(network, observation, of_regime, orders), 1, 1
            )(raw)
            candidates = jnp.clip(wanted, lower, upper)
        candidates = jnp.minimum(candidates, jnp.maximum(upper * BELOW, lower))
        quantity = jnp.sum(cells * candidates, axis=1)
        return SizedOrders(allocation.proportional(network, quantity, observation.on_hand), cells)

    return Categorical(jnp.where(possible, logits, NEVER), outputs, transform)
