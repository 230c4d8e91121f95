"""Just-in-time: order each unit so that it arrives in the period it is sold (spec 3.3).

It reads the future demand, which its type says: a `HindsightPolicy` takes the noise as an argument.
Each customer is served along one path of supply, chosen per scenario. Once the first orders have
arrived, no demand worth meeting is missed and nothing is held, save what arrives at once (lead time
0) where it is shipped on, which can leave only in the next period.

**What it bounds.** Let all start empty, unmet demand be lost and customers return nothing. A unit
that is sold has come along some path and cost at least what the cheapest one costs, so no policy
earns more than `demand * max(margin - cost of the cheapest path, 0)`, summed over customers and
periods. On the cheapest paths just-in-time earns this in every period that follows its longest
delay. Where paths are free, it is therefore a bound for any range of such periods. Where they cost,
orders are paid before their units are sold: the bound then holds per unit, and in the long run, but
over a range of periods only up to what is on its way at either end of it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from neuroinv.decisions import Deterministic
from neuroinv.policies.allocation import proportional
from neuroinv.problems.inventory.dynamics import Noise, Observation
from neuroinv.problems.inventory.network import (
    Network,
    demand_locations,
    incoming,
    sources,
)
from neuroinv.problems.inventory.routing import route
from neuroinv.types import HindsightPolicy

Preference = Literal["cheapest", "fastest"]


class SupplyPaths(NamedTuple):
    """One path of edges from a supply node to each customer."""

    uses: Bool[Array, "demands edges"]
    """Whether the edge lies on the customer's path."""
    cost: Float[Array, " demands"]
    """Per unit: procurement along the path, and holding where a unit must wait for a period."""
    delay: Int[Array, " demands"]
    """Periods from the order on the first edge to the sale."""
    departure: Int[Array, " edges"]
    """Periods from the order on the first edge of a path to that on this one."""


class _Way(NamedTuple):
    """What a unit costs and how long it takes, along each edge or up to each location."""

    cost: Float[Array, " places"]
    delay: Float[Array, " places"]


def just_in_time(network: Network, path: Preference = "cheapest") -> HindsightPolicy:
    """The policy along the paths of `supply_paths`.

    A unit is not ordered where unmet demand is lost and its path costs more than the underage cost.
    Where it is backlogged, the first units to arrive also meet all that was missed before. Beyond
    the last period of the noise the last period's demand is assumed, as other policies, too, go on
    ordering to the end.
    """

    def init(key: PRNGKeyArray, example: Observation) -> dict[str, Array]:
        del key, example
        return {}

    def apply(
        variables: dict[str, Array], observation: Observation, noise: Noise, period: Int[Array, ""]
    ) -> Deterministic:
        del variables
        paths = supply_paths(network, path, observation)
        demand = jnp.maximum(noise.demand, 0.0)
        periods, customers = demand.shape
        sold_in = period + paths.delay[:, None] - paths.departure[None, :]
        wanted = demand[jnp.minimum(sold_in, periods - 1), np.arange(customers)[:, None]]
        if network.unmet_demand == "backlogged":
            before = jnp.arange(periods)[:, None] < paths.delay
            missed = jnp.sum(jnp.where(before, demand, 0.0), axis=0)
            wanted += jnp.where(period == paths.departure, missed[:, None], 0.0)
            ordered = paths.uses
        else:
            ordered = paths.uses & (paths.cost <= observation.underage_cost)[:, None]
        orders = jnp.sum(jnp.where(ordered, wanted, 0.0), axis=0)
        return Deterministic(proportional(network, orders, observation.on_hand))

    return HindsightPolicy(init, apply)


def supply_paths(network: Network, path: Preference, observation: Observation) -> SupplyPaths:
    """Each customer's best path of supply at the observed costs and lead times (Bellman-Ford).

    `cheapest` takes the least cost per unit and, among equals, the least delay: with the future
    known, delay is no drawback. `fastest` takes the least delay and, among equals, the edge listed
    first, whatever it costs, as the paper's public code does. The published profits for several
    warehouses are those of the cheapest paths with every lead time from warehouse to store set to 1
    (`tests/references/test_real_networks.py`).
    """
    into, lead_time = incoming(network), observation.lead_time
    from_location = sources(network) >= 0
    waiting = jnp.where(lead_time == 0, route(into.T, observation.holding_cost), 0.0)
    last = _Way(observation.procurement_cost, lead_time.astype(jnp.float32))
    onward = _Way(last.cost + waiting, jnp.maximum(last.delay, 1.0))

    def extended(reached: _Way, edge: _Way) -> _Way:
        """The ways that end with each edge, given those to each location."""
        return jax.tree.map(
            lambda so_far, more: jnp.where(from_location, so_far[sources(network)], 0.0) + more,
            reached,
            edge,
        )

    def best_edge(ways: _Way) -> Int[Array, " locations"]:
        """The edge with which the best way to each location ends."""
        candidates = jnp.asarray(into > 0)
        for key in (ways.cost, ways.delay) if path == "cheapest" else (ways.delay,):
            of_candidates = jnp.where(candidates, key, jnp.inf)
            candidates &= of_candidates == jnp.min(of_candidates, axis=1, keepdims=True)
        return jnp.argmax(candidates, axis=1)

    passed_by = np.unique(sources(network)[from_location])
    reached = _Way(*jnp.full((2, len(into)), jnp.inf))
    supplier = jnp.zeros(len(into), jnp.int32)
    for _ in passed_by:  # no path passes more locations than these
        ways = extended(reached, onward)
        supplier = best_edge(ways)
        reached = _Way(ways.cost[supplier], ways.delay[supplier])

    ways = extended(reached, last)
    edge = best_edge(ways)[np.asarray(demand_locations(network))]
    cost, delay = ways.cost[edge], ways.delay[edge]
    on_path = jnp.ones(edge.shape, bool)
    uses = jnp.zeros((len(edge), len(network.edges)), bool)
    for _ in range(len(passed_by) + 1):
        uses |= on_path[:, None] & (edge[:, None] == np.arange(len(network.edges)))
        source = jnp.asarray(sources(network))[edge]
        on_path &= source >= 0
        edge = supplier[source]
    departure = jnp.where(from_location, reached.delay[sources(network)], 0.0)
    return SupplyPaths(uses, cost, delay.astype(jnp.int32), departure.astype(jnp.int32))
