"""Regimes of orders: which size an order has, decided apart from how much is ordered within it."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neuroinv.config import Choice, GNNConfig, HybridConfig
from neuroinv.decisions import Categorical
from neuroinv.discontinuities import within
from neuroinv.policies import allocation
from neuroinv.policies.positions import location_scale, safety_cover, served_edges
from neuroinv.policies.wanted_orders import FIRST_COVER, ONE, wanted_orders
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network, facing_demand, incoming
from neuroinv.problems.inventory.order_sizes import SizedOrders
from neuroinv.problems.inventory.routing import route
from neuroinv.types import InputError

BELOW = 1 - 1e-6  # times the upper end of a size: the largest order that is still of that size
SHARPNESS = 3.0  # of an untrained trigger, per period of demand
LEAST_COST = 1e-6  # per unit and period
NEVER = -1e9  # logit of a regime out of reach; an infinite one would make its entropy undefined


def check_regimes(network: Network, choice: Choice) -> None:
    """Raise InputError where a problem has no regimes to choose from, or a joint choice some that
    it could never make, because not all edges have them."""
    if not network.order_cells:
        raise InputError(
            "policy.kind chooses among regimes of orders but no cost of this problem jumps with an "
            "order's size; use policy mlp or gnn, or give an edge a fixed_cost or order_sizes"
        )
    fewest = min(network.cells_of_sized)
    if choice == "joint" and fewest < network.order_cells:
        edge = network.edges[network.sized_edges[network.cells_of_sized.index(fewest)]]
        source, destination = (network.nodes[end].name for end in edge)
        raise InputError(
            f"policy.choice is joint, but an order from {source} to {destination} has {fewest} "
            f"sizes to choose from and another edge has {network.order_cells}, some of which no "
            "joint choice could reach; use policy.choice=per_edge"
        )


def order_regimes(
    network: Network,
    observation: Observation,
    logits: Float[Array, "choices regimes"],
    outputs: Float[Array, "choices regimes outputs"],
    config: HybridConfig | GNNConfig,
) -> Categorical:
    """The decision on every edge's regime and, in each, on how much to order.

    With one choice, all edges whose costs jump share a regime, and `outputs` has one entry per
    edge; with a choice for each edge it has one. Orders within a regime are read off the outputs as
    `neuroinv.policies.wanted_orders` does, cut to the regime's ends; with `quantity` a regime that
    has two ends is covered by a sigmoid between them. Orders are feasible by construction.

    Where learning is to start from `economic` orders, `logits` and `outputs` are what is added to a
    trigger and to levels that make an order last as long as the economic order quantity does. An
    order every four periods and one every five, each with levels to match, are both better than
    anything between, so which of them a net learns is decided by where it starts.
    """
    sizes = observation.sizes
    assert sizes is not None
    edges = len(network.edges)
    regimes = jnp.arange(network.order_cells)
    is_sized = np.isin(np.arange(edges), network.sized_edges)[:, None]
    within_reach = jnp.isfinite(sizes.lower)
    jointly = config.choice == "joint"
    # A joint choice is among regimes that all have (see `check_regimes`).
    possible = jnp.ones((1, 1), bool) if jointly else within_reach & (is_sized | (regimes == 1))
    scale = route(incoming(network).T, location_scale(network, observation))
    if config.start == "economic":
        covers, triggers = economic_start(network, observation, jointly)
        logits = logits + jnp.where(regimes == 0, 0.0, triggers[:, None])
        outputs = outputs + (covers[None, None, :] if jointly else covers[:, None, None])

    def transform(
        weights: Float[Array, "choices regimes"], outputs: Float[Array, "choices regimes outputs"]
    ) -> SizedOrders:
        raw = outputs[0].T if jointly else outputs[..., 0]
        # An edge without jumps orders what it wants, whatever the others do.
        cells = jnp.where(is_sized, jnp.broadcast_to(weights, raw.shape), regimes == 1)
        lower, upper = (jnp.where(within_reach, ends, 0.0) for ends in (sizes.lower, sizes.upper))
        if config.orders == "quantity":
            candidates = within(lower, upper, raw + ONE, scale[:, None])
        else:
            wanted = partial(wanted_orders, network, observation, orders=config.orders)
            candidates = jnp.clip(jax.vmap(wanted, 1, 1)(raw), lower, upper)
        candidates = jnp.minimum(candidates, jnp.maximum(upper * BELOW, lower))
        quantity = jnp.sum(cells * candidates, axis=1)
        return SizedOrders(allocation.proportional(network, quantity, observation.on_hand), cells)

    # An order of one possible size, such as none at all, is not up to any output.
    has_room = within_reach & (sizes.upper > sizes.lower)

    def acting(
        weights: Float[Array, "choices regimes"],
    ) -> Float[Array, "choices regimes outputs"]:
        if not jointly:
            return (has_room * weights)[..., None]
        taken = jnp.where(is_sized[:, 0], weights[..., None], (regimes == 1)[:, None])
        return has_room.T * taken

    return Categorical(jnp.where(possible, logits, NEVER), outputs, transform, acting)


def economic_terms(
    network: Network, observation: Observation
) -> tuple[Float[Array, " edges"], Float[Array, " edges"], Float[Array, " edges"]]:
    """What an economic order quantity with backlogs is made of (Harris 1913), edge by edge: K, the
    fixed cost of an order, in equal parts where several edges to customers who are there share it;
    h b / (h + b) times demand per period; and b / (h + b). An order lasts for the root of twice the
    first over the second, in periods, and costs per period the root of twice their product."""
    sizes = observation.sizes
    assert sizes is not None
    at_destination = incoming(network).T
    scale = route(at_destination, location_scale(network, observation))
    holding = jnp.maximum(route(at_destination, observation.holding_cost), LEAST_COST)
    underage = route(at_destination, route(facing_demand(network), observation.underage_cost))
    share = jnp.where(underage > 0, underage / (underage + holding), 1.0)
    present = served_edges(network, observation)
    cost = sizes.fixed_cost[:, 1]
    for index, edges in enumerate(network.joint_orders):
        of_joint = jnp.asarray(edges)
        sharing = jnp.maximum(jnp.sum(present[of_joint]), 1.0)
        cost = cost.at[of_joint].add(sizes.joint_fixed_cost[index] / sharing)
    return cost, holding * share * scale, share


def fixed_cost_features(network: Network, observation: Observation) -> list[Float[Array, " edges"]]:
    """What nets read of fixed costs, where there are any: the logarithm of the periods that an
    order of the economic quantity lasts on each edge, the same in any unit of money or goods."""
    if observation.sizes is None:
        return []
    cost, rate, _ = economic_terms(network, observation)
    periods = jnp.sqrt(2 * cost / jnp.maximum(rate, LEAST_COST))
    return [jnp.where(served_edges(network, observation) > 0, jnp.log1p(periods), 0.0)]


def economic_start(
    network: Network, observation: Observation, jointly: bool
) -> tuple[Float[Array, " edges"], Float[Array, " choices"]]:
    """Periods of demand to add to each edge's level, and the logit of ordering at all, such that an
    order lasts as long as the economic order quantity with backlogs (Harris 1913): the root of
    2 K / (sum of h b / (h + b) times demand per period), for orders that share K."""
    at_destination = incoming(network).T
    cost, rate, share = economic_terms(network, observation)
    is_sized = jnp.asarray(np.isin(np.arange(len(network.edges)), network.sized_edges), jnp.float32)
    # Who is not there neither waits for an order nor holds one up.
    counts = is_sized * served_edges(network, observation)
    if jointly:
        cost, rate = jnp.sum(cost * counts), jnp.sum(rate * counts)
    periods = jnp.maximum(jnp.sqrt(2 * cost / jnp.maximum(rate, LEAST_COST)), 1.0)
    level = is_sized * (periods * share - FIRST_COVER)
    short_of = FIRST_COVER + level - route(at_destination, safety_cover(network, observation))
    if jointly:
        short_of = jnp.sum(counts * short_of, keepdims=True) / jnp.maximum(jnp.sum(counts), 1.0)
    # Orders are placed at the first whole period that goes beyond, half a period late on average.
    return level, SHARPNESS * (short_of - (periods - 0.5))
