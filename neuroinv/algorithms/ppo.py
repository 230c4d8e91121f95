"""PPO with hybrid heads: the comparison to HPO in arXiv 2605.14297.

Regimes are drawn, and so are the outputs that an action is made of, with normal noise before they
become an action. It learns from costs alone, with clipped ratios (Schulman et al. 2017), on the
same networks and scenarios.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import decaying_adam, likeliest
from neuroinv.algorithms.noise import output_noise
from neuroinv.algorithms.proximal import (
    Proximal,
    proximal_updates,
    rows_of,
    trained_periods,
)
from neuroinv.algorithms.value import learned_value, seen_by_value
from neuroinv.config import PPOConfig
from neuroinv.decisions import Categorical, Gaussian
from neuroinv.gradients import (
    cost_to_go,
    generalised_advantage,
    noisy,
    score_function,
)
from neuroinv.keys import Branch, branch
from neuroinv.rollout import sample
from neuroinv.types import Algorithm, InputError, Policy, Problem, Scenarios, TrainState


class Aside(NamedTuple):
    """What an update needs beside the policy, kept in a train state's `optimizer_state`."""

    noise: PyTree
    """Variables of the noise on the policy's outputs."""
    value: PyTree
    optimizer: PyTree
    regimes_optimizer: PyTree
    """Of the further epochs, where they train the regimes alone."""


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

    Raises InputError, as it is traced, for a policy whose decision has no outputs, for one without
    regimes where `further_epochs` trains these alone, for a batch of one scenario, and where first
    and last decisions leave none to train.
    """
    alone = config.epochs - 1 if config.further_epochs == "regimes" else 0
    whole = config.epochs - alone
    optimizer = decaying_adam(config, steps * whole * config.minibatches, eps=1e-5)
    of_regimes = decaying_adam(config, steps * max(alone, 1) * config.minibatches, eps=1e-5)
    noise = output_noise(policy, config)
    value = learned_value(config.value_hidden, config.value_learning_rate)
    how = Proximal(whole, config.minibatches, config.clip_ratio, config.most_divergence)

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        if alone and not isinstance(policy.apply(variables, example_observation), Categorical):
            raise InputError(
                "algorithm.further_epochs is regimes but this policy's decision has none; "
                "set it to all, or use policy=hybrid"
            )
        _, of_values, _, of_noise, _ = _keys(key, 0)
        spread = noise.init(of_noise, variables, example_observation)
        learned = value.init(of_values, example_observation)
        further = of_regimes.init(variables) if alone else ()
        aside = Aside(spread, learned, optimizer.init((variables, spread)), further)
        return TrainState(variables, aside, key, jnp.int32(0))

    def score(
        trained: tuple[PyTree, PyTree], observation: PyTree, drawn: PyTree
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        variables, spread = trained
        decision = noisy(policy, variables, noise.log_std(spread, observation), observation)
        # Of regimes alone: that of the noise would only say how wide it is.
        entropy = jnp.zeros(()) if isinstance(decision, Gaussian) else decision.entropy()
        return decision.log_prob(drawn), entropy

    def score_of_regimes(
        variables: PyTree, observation: PyTree, drawn: PyTree
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        decision = policy.apply(variables, observation)
        return decision.log_prob(drawn.regime), decision.entropy()

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        aside: Aside = state.optimizer_state
        scenarios, periods = jax.tree.leaves(batch.noise)[0].shape[:2]
        draws, _, shuffles, _, further_shuffles = _keys(state.key, state.step)
        keys = jax.random.split(draws, (scenarios, periods))
        decide = score_function(policy, state.variables, partial(noise.log_std, aside.noise))
        sampled = sample(problem, decide, batch, keys, burn_in)
        to_go = cost_to_go(sampled.cost, config.discount)
        seen = seen_by_value(sampled.observation)
        expected = value.apply(aside.value, to_go, seen)
        advantage = generalised_advantage(sampled.cost, expected, config.discount, config.trace)
        rows = rows_of(sampled, advantage, trained_periods(config, periods))
        entropy_weight = config.entropy * jnp.maximum(1 - state.step / steps, 0.0)
        (variables, spread), optimizer_state, about = proximal_updates(
            score,
            optimizer,
            (state.variables, aside.noise),
            aside.optimizer,
            rows,
            shuffles,
            how,
            entropy_weight,
        )
        further = aside.regimes_optimizer
        if alone:
            as_drawn, _ = jax.vmap(score_of_regimes, (None, 0, 0))(
                state.variables, rows.observation, rows.drawn
            )
            variables, further, of_further = proximal_updates(
                score_of_regimes,
                of_regimes,
                variables,
                further,
                rows._replace(log_prob=as_drawn),
                further_shuffles,
                how._replace(epochs=alone),
                entropy_weight,
            )
            about = jax.tree.map(jnp.maximum, about, of_further)
        learned = value.update(aside.value, to_go, seen, config.value_updates)
        metrics = {
            "train_cost": jnp.mean(jnp.sum(sampled.cost, axis=1)),
            "noise_std": noise.average(spread, sampled.observation),
            "entropy": jnp.mean(sampled.entropy),
        }
        following = Aside(spread, learned, optimizer_state, further)
        return TrainState(variables, following, state.key, state.step + 1), metrics | about

    return Algorithm(init, update, likeliest(policy))


def _keys(key: PRNGKeyArray, step: int | Array) -> PRNGKeyArray:
    """Of the draws, of the first variables of the learned value, of the order of decisions, of the
    first variables of the noise, and of the order in epochs of the regimes alone."""
    return jax.random.split(jax.random.fold_in(branch(key, Branch.DECISION), step), 5)
