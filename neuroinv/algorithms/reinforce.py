"""REINFORCE: the score function with normal noise on what the policy's network puts out.

The comparison to HDPO in arXiv 2306.11246, on the same networks and budget. It learns from costs
alone: no derivative passes through the simulator. (The paper's variants are not published; noise,
baselines and hyperparameters are ours.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.config.algorithm import ReinforceConfig
from neuroinv.gradients import (
    Periods,
    cost_to_go,
    moments_of_others,
    same_log_std,
    score_function,
    surrogate,
)
from neuroinv.keys import Branch, branch
from neuroinv.policies.mlp import MLP
from neuroinv.rollout import Sampled, sample
from neuroinv.types import Algorithm, Policy, Problem, Scenarios, TrainState


class Aside(NamedTuple):
    """What an update needs beside the policy, kept in a train state's `optimizer_state`."""

    log_std: Float[Array, "..."]
    """Of the noise on the policy's outputs."""
    value: PyTree
    """Variables of the learned value; empty where there is none."""
    optimizer: PyTree
    value_optimizer: PyTree


def reinforce(
    problem: Problem,
    policy: Policy,
    example_observation: PyTree,
    config: ReinforceConfig,
    steps: int,
    burn_in: int,
) -> Algorithm:
    """The algorithm. Costs of the first `burn_in` periods of a rollout are not in the loss, but a
    decision taken in them answers for the counted costs that follow.

    The metric `train_cost` is that of the noisy decisions; the greedy policy adds no noise.

    Raises InputError, as it is traced, for a policy whose decision has no outputs, and for a
    batch of one scenario where the baseline compares scenarios.
    """
    schedule = optax.cosine_decay_schedule(config.learning_rate, steps, config.final_learning_rate)
    optimizer = optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(schedule))
    value_optimizer = optax.adam(config.value_learning_rate)
    value_net = MLP(config.value_hidden, 1, "relu")

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        log_std = same_log_std(policy, variables, example_observation, config.std)
        value: PyTree = {}
        if config.baseline == "learned_value":
            value = value_net.init(_keys(key)[1], features(example_observation, jnp.ones(())))
        optimizers = optimizer.init((variables, log_std)), value_optimizer.init(value)
        return TrainState(variables, Aside(log_std, value, *optimizers), key, jnp.int32(0))

    def baseline(value: PyTree, sampled: Sampled) -> Periods:
        match config.baseline:
            case "none":
                return jnp.zeros_like(sampled.cost)
            case "batch_mean":
                return moments_of_others(cost_to_go(sampled.cost))[0]
            case "learned_value":
                return learned_value(value_net, value, sampled)

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        aside: Aside = state.optimizer_state
        scenarios, periods = jax.tree.leaves(batch.noise)[0].shape[:2]
        key = jax.random.fold_in(_keys(state.key)[0], state.step)
        keys = jax.random.split(key, (scenarios, periods))

        def loss(trained: tuple[PyTree, Array]) -> tuple[Scalar, Sampled]:
            variables, log_std = trained
            log_std = log_std if config.std_trained else jax.lax.stop_gradient(log_std)
            sampled = sample(
                problem, score_function(policy, variables, log_std), batch, keys, burn_in
            )
            advantage = cost_to_go(sampled.cost) - baseline(aside.value, sampled)
            return jnp.mean(surrogate(sampled, advantage)), sampled

        def value_loss(value: PyTree) -> Scalar:
            return jnp.mean((cost_to_go(sampled.cost) - baseline(value, sampled)) ** 2)

        trained = (state.variables, aside.log_std)
        gradient, sampled = jax.grad(loss, has_aux=True)(trained)
        change, optimizer_state = optimizer.update(gradient, aside.optimizer)
        variables, log_std = optax.apply_updates(trained, change)
        value_change, value_state = value_optimizer.update(
            jax.grad(value_loss)(aside.value), aside.value_optimizer
        )
        value = optax.apply_updates(aside.value, value_change)
        metrics = {
            "train_cost": jnp.mean(jnp.sum(sampled.cost, axis=1)),
            "gradient_norm": optax.tree.norm(gradient),
            "noise_std": jnp.mean(jnp.exp(log_std)),
        }
        following = Aside(log_std, value, optimizer_state, value_state)
        return TrainState(variables, following, state.key, state.step + 1), metrics

    def act(variables: PyTree) -> Callable[[PyTree], PyTree]:
        return lambda observation: policy.apply(variables, observation).mode()

    return Algorithm(init, update, act)


def learned_value(net: MLP, variables: PyTree, sampled: Sampled) -> Periods:
    """Cost to go by a network: its mean over the other scenarios of the batch, corrected by the
    network's output in standard deviations of theirs.

    In those units the network needs to know no scale, and one that has learned nothing is the
    batch mean.
    """
    mean, std = moments_of_others(cost_to_go(sampled.cost))
    remaining = 1 - jnp.arange(mean.shape[1]) / mean.shape[1]
    seen = jax.vmap(jax.vmap(features), (0, None))(sampled.observation, remaining)
    rows = seen.reshape(mean.size, seen.shape[-1])
    outputs = jax.vmap(lambda row: jnp.asarray(net.apply(variables, row)))(rows)
    return mean + std * outputs.reshape(mean.shape)


def features(observation: PyTree, remaining: Float[Array, ""]) -> Float[Array, " features"]:
    """What the learned value reads: all that is observed, by orders of magnitude, and the share of
    the periods that is left."""
    flat = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(observation)])
    return jnp.append(jnp.sign(flat) * jnp.log1p(jnp.abs(flat)), remaining)


def _keys(key: PRNGKeyArray) -> PRNGKeyArray:
    """Of the draws, and of the learned value's first variables."""
    return jax.random.split(branch(key, Branch.DECISION))
