"""REINFORCE: the score function with normal noise on what the policy's network puts out.

The comparison to HDPO in arXiv 2306.11246, on the same networks and budget. It learns from costs
alone: no derivative passes through the simulator. (The paper's variants are not published; noise,
baselines and hyperparameters are ours.)
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import decaying_adam, likeliest
from neuroinv.algorithms.noise import output_noise
from neuroinv.algorithms.value import learned_value, seen_by_value
from neuroinv.config.algorithm import ReinforceConfig
from neuroinv.gradients import (
    Periods,
    cost_to_go,
    moments_of_others,
    score_function,
    surrogate,
)
from neuroinv.keys import Branch, branch
from neuroinv.rollout import Sampled, sample
from neuroinv.types import Algorithm, Policy, Problem, Scenarios, TrainState


class Aside(NamedTuple):
    """What an update needs beside the policy, kept in a train state's `optimizer_state`."""

    noise: PyTree
    """Variables of the noise on the policy's outputs."""
    value: PyTree
    """Variables of the learned value and their optimiser state; empty where there is none."""
    optimizer: PyTree


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
    optimizer = decaying_adam(config, steps)
    noise = output_noise(policy, config)
    value = learned_value(config.value_hidden, config.value_learning_rate)

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        of_values, of_noise = _keys(key)[1:]
        spread = noise.init(of_noise, variables, example_observation)
        learned: PyTree = ()
        if config.baseline == "learned_value":
            learned = value.init(of_values, example_observation)
        aside = Aside(spread, learned, optimizer.init((variables, spread)))
        return TrainState(variables, aside, key, jnp.int32(0))

    def baseline(learned: PyTree, sampled: Sampled) -> Periods:
        match config.baseline:
            case "none":
                return jnp.zeros_like(sampled.cost)
            case "batch_mean":
                return moments_of_others(cost_to_go(sampled.cost))[0]
            case "learned_value":
                return value.apply(
                    learned, cost_to_go(sampled.cost), seen_by_value(sampled.observation)
                )

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        aside: Aside = state.optimizer_state
        scenarios, periods = jax.tree.leaves(batch.noise)[0].shape[:2]
        key = jax.random.fold_in(_keys(state.key)[0], state.step)
        keys = jax.random.split(key, (scenarios, periods))

        def loss(trained: tuple[PyTree, PyTree]) -> tuple[Scalar, Sampled]:
            variables, spread = trained
            decide = score_function(policy, variables, partial(noise.log_std, spread))
            sampled = sample(problem, decide, batch, keys, burn_in)
            advantage = cost_to_go(sampled.cost) - baseline(aside.value, sampled)
            return jnp.mean(surrogate(sampled, advantage)), sampled

        trained = (state.variables, aside.noise)
        gradient, sampled = jax.grad(loss, has_aux=True)(trained)
        change, optimizer_state = optimizer.update(gradient, aside.optimizer)
        variables, spread = optax.apply_updates(trained, change)
        learned = aside.value
        if config.baseline == "learned_value":
            seen = seen_by_value(sampled.observation)
            learned = value.update(learned, cost_to_go(sampled.cost), seen, 1)
        metrics = {
            "train_cost": jnp.mean(jnp.sum(sampled.cost, axis=1)),
            "gradient_norm": optax.tree.norm(gradient),
            "noise_std": noise.average(spread, sampled.observation),
        }
        following = Aside(spread, learned, optimizer_state)
        return TrainState(variables, following, state.key, state.step + 1), metrics

    return Algorithm(init, update, likeliest(policy))


def _keys(key: PRNGKeyArray) -> PRNGKeyArray:
    """Of the draws, and of the first variables of the learned value and of the noise."""
    return jax.random.split(branch(key, Branch.DECISION), 3)
