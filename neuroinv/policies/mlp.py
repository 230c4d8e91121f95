"""A multilayer perceptron that reads the whole network and orders on every edge.

Quantities enter as multiples of typical demand and orders leave as multiples of it, so the network
works on numbers near one whatever the units: a series that sells 20,000 a week and one that sells
2 look alike, and neither owns the gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from neuroinv.config import Feature, MLPConfig
from neuroinv.decisions import Transformed
from neuroinv.policies import allocation
from neuroinv.policies.order_regimes import fixed_cost_features
from neuroinv.policies.positions import (
    echelon_position,
    location_scale,
    safety_cover,
    served_edges,
)
from neuroinv.policies.wanted_orders import ONE, wanted_orders
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network
from neuroinv.problems.inventory.seasons import year_waves
from neuroinv.types import InputError, Policy

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "elu": nn.elu,
    "relu": nn.relu,
    "silu": nn.silu,
}
MOST_RATIO = 10.0  # an item whose sales cease has stock for ever, and a net must not extrapolate


class MLP(nn.Module):
    """Dense hidden layers and a linear output that starts near zero."""

    hidden: tuple[int, ...]
    outputs: int
    activation: str

    @nn.compact
    def __call__(self, features: Float[Array, " features"]) -> Float[Array, " outputs"]:
        """The outputs for one vector of features."""
        widths = (*features.shape, *self.hidden, self.outputs)
        near_zero = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        one = 0.0 * features[:1] + 1.0
        for index, shape in enumerate(itertools.pairwise(widths)):
            hidden = index < len(self.hidden)
            initial = nn.initializers.lecun_normal() if hidden else near_zero
            kernel = self.param(f"kernel_{index}", initial, shape)
            bias = self.param(f"bias_{index}", nn.initializers.zeros_init(), shape[1:])
            # With the kernel on the left a vmap over scenarios leaves them as the last axis, which
            # is half as fast again on a CPU; adding the bias itself would move them to the front.
            features = kernel.T @ features + bias[:, None] @ one
            if hidden:
                features = ACTIVATIONS[self.activation](features)
        return features


def flat_features(
    network: Network, observation: Observation, observes: tuple[Feature, ...], scaled: bool
) -> Float[Array, " features"]:
    """All that is observed in one vector; where `scaled`, quantities are multiples of typical
    demand, bounded because a net must not extrapolate."""
    at_locations, at_demands = location_scale(network, observation), observation.demand_scale
    if not scaled:
        at_locations, at_demands = jnp.ones_like(at_locations), jnp.ones_like(at_demands)

    def bounded(ratios: Array) -> Array:
        return jnp.clip(ratios, -MOST_RATIO, MOST_RATIO) if scaled else ratios

    position = (safety_cover if scaled else echelon_position)(network, observation)
    parts: dict[Feature, list[Array]] = {
        "inventory": [
            bounded(observation.on_hand / at_locations),
            bounded(observation.pipeline / at_locations[:, None]),
            bounded(position),
        ],
        "past_demand": [bounded(observation.past_demand / at_demands)],
        "calendar": [year_waves(observation.calendar)],
        "costs": [
            jnp.log1p(observation.holding_cost),
            jnp.log1p(observation.underage_cost),
            jnp.log1p(observation.procurement_cost),
            *fixed_cost_features(network, observation),
        ],
        "lead_times": [observation.lead_time / max(network.lead_time_bound, 1)],
        "demand_scale": [jnp.log1p(observation.demand_scale)],
        "demand_spread": [observation.demand_std / observation.demand_scale],
    }
    seen = jnp.concatenate([jnp.ravel(part) for name in observes for part in parts[name]])
    if not seen.size:
        raise InputError(
            f"policy.observes is {list(observes)}, of which this problem shows nothing; "
            "add inventory"
        )
    return seen


def mlp(network: Network, config: MLPConfig) -> Policy:
    """The policy; its orders are feasible by construction (see `neuroinv.policies.allocation`)."""
    net = MLP(config.hidden, len(network.edges), config.activation)

    def features(observation: Observation) -> Float[Array, " features"]:
        return flat_features(network, observation, config.observes, config.scale == "demand")

    def init(key: PRNGKeyArray, example: Observation) -> PyTree:
        return net.init(key, features(example))

    def apply(variables: PyTree, observation: Observation) -> Transformed:
        def orders(outputs: Float[Array, " edges"]) -> Float[Array, " edges"]:
            if config.scale == "none":
                wanted = jax.nn.softplus(outputs + ONE)
            else:
                wanted = wanted_orders(network, observation, outputs, config.orders)
            if config.allocation == "proportional":
                return allocation.proportional(network, wanted, observation.on_hand)
            served = served_edges(network, observation)
            return allocation.softmax(network, wanted, outputs, served, observation.on_hand)

        return Transformed(jnp.asarray(net.apply(variables, features(observation))), orders)

    return Policy(init, apply)
