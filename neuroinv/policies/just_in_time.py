"""Just-in-time: order each unit so that it arrives in the period it is sold (spec 3.3).

It reads the future demand, which its type says: a `HindsightPolicy` takes the noise as an argument.
No stock is held and, once the first orders have arrived, no demand is missed, so its profit bounds
that of any policy where demand is met from one path of supply. Beyond the last period of the noise
the last period's demand is assumed.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from neuroinv.decisions import Deterministic
from neuroinv.policies.allocation import proportional
from neuroinv.policies.stock_levels import check_one_supplier_each
from neuroinv.problems.inventory.dynamics import Noise, Observation
from neuroinv.problems.inventory.network import (
    Network,
    demand_locations,
    destinations,
    sources,
)
from neuroinv.types import HindsightPolicy


def just_in_time(network: Network) -> HindsightPolicy:
    """The policy, for networks in which every location has one supplier."""
    check_one_supplier_each(network, "just_in_time")
    supplier = np.argsort(destinations(network))
    edge_count = len(network.edges)
    demands = demand_locations(network)
    # downstream[e, k, f] = 1 where edge f lies on the path from edge e (included) to customer k.
    downstream = np.zeros((edge_count, len(demands), edge_count), np.float32)
    for customer, location in enumerate(demands):
        path: list[int] = []
        while location >= 0:
            path.append(supplier[location])
            downstream[path[-1], customer, path] = 1
            location = sources(network)[path[-1]]
    serves = downstream.any(axis=2)
    passed_on = np.isin(destinations(network), sources(network)).astype(np.int32)

    def init(key: PRNGKeyArray, example: Observation) -> dict[str, Array]:
        del key, example
        return {}

    def apply(
        variables: dict[str, Array], observation: Observation, noise: Noise, period: Int[Array, ""]
    ) -> Deterministic:
        del variables
        # What arrives at once at a location that ships it on can only leave in the next period.
        lead_time = jnp.maximum(observation.lead_time, passed_on)
        delay = (downstream @ lead_time.astype(jnp.float32)).astype(jnp.int32)
        sold_in = jnp.minimum(period + delay, noise.demand.shape[0] - 1)
        future = noise.demand[sold_in, np.arange(len(demands))[None, :]]
        wanted = jnp.sum(jnp.where(serves, jnp.maximum(future, 0.0), 0.0), axis=1)
        return Deterministic(proportional(network, wanted, observation.on_hand))

    return HindsightPolicy(init, apply)
