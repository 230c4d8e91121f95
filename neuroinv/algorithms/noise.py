"""Normal noise on a policy's outputs: how its standard deviation is kept, learned, or decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.value import magnitudes
from neuroinv.config import PPOConfig, ReinforceConfig
from neuroinv.gradients import same_log_std
from neuroinv.policies.mlp import MLP
from neuroinv.types import Policy


class Noise(NamedTuple):
    """Functions of the variables that the noise has."""

    init: Callable[[PRNGKeyArray, PyTree, PyTree], PyTree]
    """(key, variables of the policy, example observation) -> variables of the noise."""
    log_std: Callable[[PyTree, PyTree], Float[Array, "*outputs"]]
    """(variables of the noise, observation) -> of every output, in natural logarithms."""
    average: Callable[[PyTree, PyTree], Scalar]
    """(variables of the noise, observations, of scenarios and periods) -> the mean standard
    deviation of the first period."""


def output_noise(policy: Policy, config: PPOConfig | ReinforceConfig) -> Noise:
    """Noise as `config.noise` says, whose standard deviation starts at `config.std` or near it.

    Raises InputError, from `init`, for a policy whose decision has no outputs.
    """
    by_state = config.noise == "by_state"

    def net(outputs: Float[Array, "*outputs"]) -> MLP:
        return MLP(config.value_hidden, outputs.size, "relu")

    def init(key: PRNGKeyArray, variables: PyTree, example: PyTree) -> PyTree:
        same = same_log_std(policy, variables, example, config.std)
        return (same, net(same).init(key, magnitudes(example))) if by_state else same

    def log_std(trained: PyTree, observation: PyTree) -> Float[Array, "*outputs"]:
        match config.noise:
            case "fixed":
                return jax.lax.stop_gradient(trained)
            case "by_output":
                return trained
            case "by_state":
                in_common, variables = trained
                of_state = jnp.asarray(net(in_common).apply(variables, magnitudes(observation)))
                return in_common + of_state.reshape(in_common.shape)

    def average(trained: PyTree, observations: PyTree) -> Scalar:
        first = jax.tree.map(lambda leaf: leaf[:, 0], observations)
        return jnp.mean(jnp.exp(jax.vmap(log_std, (None, 0))(trained, first)))

    return Noise(init, log_std, average)
