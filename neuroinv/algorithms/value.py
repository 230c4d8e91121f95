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

Seen = Float[Array, "scenarios periods features"]
"""What a learned value reads before every decision of a batch (`seen_by_value`)."""


class Value(NamedTuple):
    """Functions of a learned value's variables."""

    init: Callable[[PRNGKeyArray, PyTree], PyTree]
    """(key, example observation) -> variables and the state of their optimiser."""
    apply: Callable[[PyTree, Periods, Seen], Periods]
    """(variables and state, cost to go, what is seen) -> value of each period."""
    update: Callable[[PyTree, Periods, Seen, int], PyTree]
    """(variables and state, cost to go, what is seen, times) -> the same after so many updates,
    each on its share of the scenarios."""


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

    def outputs(variables: PyTree, seen: Seen) -> Periods:
        rows = seen.reshape(-1, seen.shape[-1])
        of_rows = jax.vmap(lambda row: jnp.asarray(net.apply(variables, row)))(rows)
        return of_rows.reshape(seen.shape[:2])

    def apply(learned: PyTree, to_go: Periods, seen: Seen) -> Periods:
        mean, std = moments_of_others(to_go)
        return mean + std * outputs(learned[0], seen)

    def update(learned: PyTree, to_go: Periods, seen: Seen, times: int) -> PyTree:
        mean, std = moments_of_others(to_go)
        scenarios = len(seen)
        share = -(-scenarios // times)

        def once(index: Array, so_far: PyTree) -> PyTree:
            # Not a stretch: a batch lies in the order of the data.
            part = (index + times * jnp.arange(share)) % scenarios

            def loss(variables: PyTree) -> Scalar:
                expected = std[part] * outputs(variables, seen[part])
                return jnp.mean((to_go[part] - mean[part] - expected) ** 2)

            variables, state = so_far
            change, state = optimizer.update(jax.grad(loss)(variables), state)
            return optax.apply_updates(variables, change), state

        return jax.lax.fori_loop(0, times, once, learned)

    return Value(init, apply, update)


def seen_by_value(observation: PyTree) -> Seen:
    """The features of every decision of a batch, whose observations lead with scenarios and
    periods. Apart from the updates: the logarithms of a large network cost as much as one of them.
    """
    periods = jax.tree.leaves(observation)[0].shape[1]
    remaining = 1 - jnp.arange(periods) / periods
    return jax.vmap(jax.vmap(features), (0, None))(observation, remaining)


def features(observation: PyTree, remaining: Float[Array, ""]) -> Float[Array, " features"]:
    """What the learned value reads: all that is observed, and the share of the periods left."""
    return jnp.append(magnitudes(observation), remaining)


def magnitudes(observation: PyTree) -> Float[Array, " features"]:
    """All that is observed, by orders of magnitude. What is infinite (an order without a limit)
    says nothing."""
    flat = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(observation)])
    flat = jnp.where(jnp.isfinite(flat), flat, 0.0)
    return jnp.sign(flat) * jnp.log1p(jnp.abs(flat))
