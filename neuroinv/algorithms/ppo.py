"""PPO with hybrid heads: the comparison to HPO in arXiv 2605.14297.

Regimes are drawn, and so are the outputs that an action is made of, with normal noise before they
become an action. It learns from costs alone, with clipped ratios (Schulman et al. 2017), on the
same networks and scenarios.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import decaying_adam, likeliest
from neuroinv.algorithms.proximal import (
    Proximal,
    proximal_updates,
    rows_of,
    trained_periods,
)
from neuroinv.algorithms.value import learned_value, seen_by_value
from neuroinv.config import PPOConfig
from neuroinv.gradients import (
    cost_to_go,
    generalised_advantage,
    noisy,
    same_log_std,
    score_function,
)
from neuroinv.keys import Branch, branch
from neuroinv.rollout import sample
from neuroinv.types import Algorithm, Policy, Problem, Scenarios, TrainState


class Aside(NamedTuple):
    """What an update needs beside the policy, kept in a train state's `optimizer_state`."""

    log_std: Float[Array, "*outputs"]
    """Of the noise on the policy's outputs."""
    value: PyTree
    optimizer: PyTree


def ppo(
    problem: Problem,
    policy: Policy,
    example_observation: PyTree,
    config: PPOConfig,
    steps: int,
    burn_in: int,
) -> Algorithm:
    """The algorithm. Costs of the first `burn_in` periods of a rollout are not in the loss, but a
    decision taken in them answers for the counted costs that follow, where `first_decisions` does
    not leave it untrained.

    The metric `train_cost` is that of the drawn decisions; the greedy policy takes the likeliest
    regime and adds no noise.

    Raises InputError, as it is traced, for a policy whose decision has no outputs, for a batch of
    one scenario, and where first and last decisions leave none to train.
    """
    updates = steps * config.epochs * config.minibatches
    optimizer = decaying_adam(config, updates, eps=1e-5)
    value = learned_value(config.value_hidden, config.value_learning_rate)
    how = Proximal(config.epochs, config.minibatches, config.clip_ratio, config.most_divergence)

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        log_std = same_log_std(policy, variables, example_observation, config.std)
        learned = value.init(_keys(key, 0)[1], example_observation)
        aside = Aside(log_std, learned, optimizer.init((variables, log_std)))
        return TrainState(variables, aside, key, jnp.int32(0))

    def score(
        trained: tuple[PyTree, Array], observation: PyTree, drawn: PyTree
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        variables, log_std = trained
        log_std = log_std if config.std_trained else jax.lax.stop_gradient(log_std)
        decision = noisy(policy, variables, log_std, observation)
        return decision.log_prob(drawn), decision.entropy()

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        aside: Aside = state.optimizer_state
        scenarios, periods = jax.tree.leaves(batch.noise)[0].shape[:2]
        draws, _, shuffles = _keys(state.key, state.step)
        keys = jax.random.split(draws, (scenarios, periods))
        decide = score_function(policy, state.variables, aside.log_std)
        sampled = sample(problem, decide, batch, keys, burn_in)
        to_go = cost_to_go(sampled.cost, config.discount)
        seen = seen_by_value(sampled.observation)
        expected = value.apply(aside.value, to_go, seen)
        advantage = generalised_advantage(sampled.cost, expected, config.discount, config.trace)
        (variables, log_std), optimizer_state, about = proximal_updates(
            score,
            optimizer,
            (state.variables, aside.log_std),
            aside.optimizer,
            rows_of(sampled, advantage, trained_periods(config, periods)),
            shuffles,
            how,
            config.entropy * jnp.maximum(1 - state.step / steps, 0.0),
        )
        learned = value.update(aside.value, to_go, seen, config.value_updates)
        metrics = {
            "train_cost": jnp.mean(jnp.sum(sampled.cost, axis=1)),
            "noise_std": jnp.mean(jnp.exp(log_std)),
            "entropy": jnp.mean(sampled.entropy),
        }
        following = Aside(log_std, learned, optimizer_state)
        return TrainState(variables, following, state.key, state.step + 1), metrics | about

    return Algorithm(init, update, likeliest(policy))


def _keys(key: PRNGKeyArray, step: int | Array) -> PRNGKeyArray:
    """Of the draws, of the learned value's first variables, and of the order of decisions."""
    return jax.random.split(jax.random.fold_in(branch(key, Branch.DECISION), step), 3)
