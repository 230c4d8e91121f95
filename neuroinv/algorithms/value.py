"""The learned value: the cost to go that is expected, by a network that reads observations."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.gradients import Periods, moments_of_others
from neuroinv.policies.mlp import MLP


class Value(NamedTuple):
    """Functions of a learned value's variables."""

    init: Callable[[PRNGKeyArray, PyTree], PyTree]
    """(key, example observation) -> variables and the state of their optimiser."""
    apply: Callable[[PyTree, Periods, PyTree], Periods]
    """(variables and state, cost to go, observations) -> value of each period."""
    update: Callable[[PyTree, Periods, PyTree], PyTree]
    """(variables and state, cost to go, observations) -> the same after an update."""


def learned_value(hidden: tuple[int, ...], learning_rate: float) -> Value:
    """The cost to go by a network: its mean over the other scenarios of the batch, corrected by the
    network's output in standard deviations of theirs.

    In those units the network needs to know no scale, and one that has learned nothing is the batch
    mean.
    """
    net = MLP(hidden, 1, "relu")
    optimizer = optax.adam(learning_rate)

    def init(key: PRNGKeyArray, example: PyTree) -> PyTree:
        variables = net.init(key, features(example, jnp.ones(())))
        return variables, optimizer.init(variables)

    def of_variables(variables: PyTree, to_go: Periods, observation: PyTree) -> Periods:
        mean, std = moments_of_others(to_go)
        remaining = 1 - jnp.arange(mean.shape[1]) / mean.shape[1]
        seen = jax.vmap(jax.vmap(features), (0, None))(observation, remaining)
        rows = seen.reshape(mean.size, seen.shape[-1])
        outputs = jax.vmap(lambda row: jnp.asarray(net.apply(variables, row)))(rows)
        return mean + std * outputs.reshape(mean.shape)

    def apply(learned: PyTree, to_go: Periods, observation: PyTree) -> Periods:
        return of_variables(learned[0], to_go, observation)

    def update(learned: PyTree, to_go: Periods, observation: PyTree) -> PyTree:
        def loss(variables: PyTree) -> Scalar:
            return jnp.mean((to_go - of_variables(variables, to_go, observation)) ** 2)

        variables, state = learned
        change, state = optimizer.update(jax.grad(loss)(variables), state)
        return optax.apply_updates(variables, change), state

    return Value(init, apply, update)


def features(observation: PyTree, remaining: Float[Array, ""]) -> Float[Array, " features"]:
    """What the learned value reads: all that is observed, by orders of magnitude, and the share of
    the periods that is left. What is infinite (an order without a limit) says nothing."""
    flat = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(observation)])
    flat = jnp.where(jnp.isfinite(flat), flat, 0.0)
    return jnp.append(jnp.sign(flat) * jnp.log1p(jnp.abs(flat)), remaining)
