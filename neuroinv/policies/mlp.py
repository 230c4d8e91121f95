"""A multilayer perceptron that reads the whole network and orders on every edge.

Quantities enter as multiples of typical demand and orders leave as multiples of it, so the network
works on numbers near one whatever the units: a series that sells 20,000 a week and one that sells
2 look alike, and neither owns the gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from neuroinv.config import Feature, MLPConfig
from neuroinv.decisions import Deterministic
from neuroinv.policies import allocation
from neuroinv.policies.stock_levels import location_scale
from neuroinv.problems.inventory.dynamics import Observation, route
from neuroinv.problems.inventory.network import Network, incoming, sources
from neuroinv.types import Policy

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "elu": nn.elu,
    "relu": nn.relu,
    "silu": nn.silu,
}
MOST_COVER = 10.0  # an item whose sales cease has stock for ever, and a net must not extrapolate
ONE = float(np.log(np.expm1(1.0)))  # softplus(ONE) = 1: an untrained net orders typical demand


class Layer(NamedTuple):
    """Weights of one dense layer."""

    kernel: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]


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
        layers = []
        for index, shape in enumerate(itertools.pairwise(widths)):
            hidden = index < len(self.hidden)
            initial = nn.initializers.lecun_normal() if hidden else near_zero
            kernel = self.param(f"kernel_{index}", initial, shape)
            bias = self.param(f"bias_{index}", nn.initializers.zeros_init(), shape[1:])
            layers.append(Layer(kernel, bias))
        return _forward(self.activation, layers, features)


def _forward(activation: str, layers: list[Layer], features: Array) -> Array:
    """All layers for one vector; under vmap the scenario is kept as the last axis between layers.

    Products of (width x width) by (width x scenarios) are about one and a half times as fast on a
    CPU as (scenarios x width) by (width x width), and vmap alone would choose the latter.
    """

    def columns(layers: list[Layer], inputs: Float[Array, "features scenarios"]) -> Array:
        for index, layer in enumerate(layers):
            inputs = layer.kernel.T @ inputs + layer.bias[:, None]
            if index < len(layers) - 1:
                inputs = ACTIVATIONS[activation](inputs)
        return inputs

    @jax.custom_batching.custom_vmap
    def one(layers: list[Layer], features: Array) -> Array:
        return columns(layers, features[:, None])[:, 0]

    @one.def_vmap
    def many(size: int, batched: tuple, layers: list[Layer], features: Array) -> tuple:
        if any(jax.tree.leaves(batched[0])):
            axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, batched)
            plain = lambda layers, x: columns(layers, x[:, None])[:, 0]  # noqa: E731
            return jax.vmap(plain, axes)(layers, features), True
        return columns(layers, features.T).T, True

    return one(layers, features)


def mlp(network: Network, config: MLPConfig) -> Policy:
    """The policy; its orders are feasible by construction (see `neuroinv.policies.allocation`)."""
    net = MLP(config.hidden, len(network.edges), config.activation)

    def scales(observation: Observation) -> tuple[Array, Array]:
        at_locations = location_scale(network, observation)
        if config.scale == "none":
            return jnp.ones_like(at_locations), jnp.ones_like(observation.demand_scale)
        return at_locations, observation.demand_scale

    def bounded(ratios: Array) -> Array:
        return jnp.clip(ratios, -MOST_COVER, MOST_COVER) if config.scale == "demand" else ratios

    def features(observation: Observation) -> Float[Array, " features"]:
        at_locations, at_demands = scales(observation)
        parts: dict[Feature, list[Array]] = {
            "inventory": [
                bounded(observation.on_hand / at_locations),
                bounded(observation.pipeline / at_locations[:, None]),
            ],
            "past_demand": [bounded(observation.past_demand / at_demands)],
            "calendar": [observation.calendar],
            "costs": [
                jnp.log1p(observation.holding_cost),
                jnp.log1p(observation.underage_cost),
            ],
            "lead_times": [observation.lead_time / max(network.lead_time_bound, 1)],
            "demand_scale": [jnp.log1p(observation.demand_scale)],
        }
        return jnp.concatenate([jnp.ravel(x) for name in config.observes for x in parts[name]])

    def init(key: PRNGKeyArray, example: Observation) -> PyTree:
        return net.init(key, features(example))

    def apply(variables: PyTree, observation: Observation) -> Deterministic:
        output = jnp.asarray(net.apply(variables, features(observation)))
        scale = route(incoming(network).T, scales(observation)[0])
        wanted = scale * jax.nn.softplus(output + ONE)
        if config.allocation == "proportional":
            return Deterministic(allocation.proportional(network, wanted, observation.on_hand))
        shipped = allocation.softmax(network, output, observation.on_hand)
        return Deterministic(jnp.where(sources(network) >= 0, shipped, wanted))

    return Policy(init, apply)
