"""Gradients through a learned critic instead of the simulator, for comparison to HPO.

The cost of an action and of all that follows is learned by a network Q(s, a), and what is
continuous in an action moves down its slope (deterministic policy gradient, Silver et al. 2014;
with a target network, Lillicrap et al. 2016). Rollouts put noise on the policy's outputs: a critic
that saw one action in every state would know nothing of that slope. Regimes are trained by their
score as in HPO, without the cross term. No derivative passes through the simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import decaying_adam, likeliest
from neuroinv.algorithms.value import features
from neuroinv.config import LearnedCriticConfig
from neuroinv.decisions import Categorical
from neuroinv.gradients import (
    Periods,
    cost_to_go,
    moments_of_others,
    noisy,
    score_function,
)
from neuroinv.keys import Branch, branch
from neuroinv.policies.mlp import MLP
from neuroinv.rollout import sample
from neuroinv.types import Algorithm, Policy, Problem, Scenarios, TrainState


class Aside(NamedTuple):
    """What an update needs beside the policy, kept in a train state's `optimizer_state`."""

    optimizer: PyTree
    critic: PyTree
    critic_optimizer: PyTree
    target: PyTree
    """Variables of the critic that targets are taken from; they follow the critic slowly."""


def learned_critic(
    problem: Problem,
    policy: Policy,
    example_observation: PyTree,
    config: LearnedCriticConfig,
    steps: int,
    burn_in: int,
) -> Algorithm:
    """The algorithm. All periods of a rollout train the critic; for the first `warm_up` updates the
    policy waits for it. Decisions of the first `burn_in` periods do not train the policy. The
    metric `train_cost` is that of drawn regimes and noisy outputs.

    Raises InputError, as it is traced, for a policy whose decision has no outputs.
    """
    optimizer = decaying_adam(config, max(steps - config.warm_up, 1))
    critic_optimizer = optax.adam(config.critic_learning_rate)
    net = MLP(config.critic_hidden, 1, "relu")
    log_std = jnp.log(config.exploration)

    def taken(variables: PyTree, observation: PyTree, drawn: PyTree) -> PyTree:
        decision = cast(Any, noisy(policy, variables, log_std, observation))
        return decision.to_action(drawn)

    def intended(
        variables: PyTree, observation: PyTree, drawn: PyTree
    ) -> tuple[PyTree, Scalar, Scalar]:
        """The action without the noise, the log probability of its regimes and their entropy."""
        decision = policy.apply(variables, observation)
        # Without regimes there is one action, which is certain.
        regime = drawn.regime if isinstance(decision, Categorical) else decision.mode()
        return decision.to_action(regime), decision.log_prob(regime), decision.entropy()

    def cost_of(
        critic: PyTree, observation: PyTree, action: PyTree, remaining: Array
    ) -> Float[Array, ""]:
        return jnp.asarray(net.apply(critic, features((observation, action), remaining)))[0]

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        draws, of_critic = _keys(key, 0)
        decision = cast(Any, noisy(policy, variables, log_std, example_observation))
        action = decision.to_action(decision.sample(draws))
        critic = net.init(of_critic, features((example_observation, action), jnp.ones(())))
        aside = Aside(optimizer.init(variables), critic, critic_optimizer.init(critic), critic)
        return TrainState(variables, aside, key, jnp.int32(0))

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        aside: Aside = state.optimizer_state
        scenarios, periods = jax.tree.leaves(batch.noise)[0].shape[:2]
        keys = jax.random.split(_keys(state.key, state.step)[0], (scenarios, periods))
        decide = score_function(policy, state.variables, lambda seen: log_std)
        # Weights of a rollout are those of an average: here every period is to count one.
        sampled = sample(problem, decide, batch, keys)
        costs = sampled.cost * periods
        spread = jnp.std(costs) + 1e-8
        costs = costs / spread

        remaining = jnp.broadcast_to(1 - jnp.arange(periods) / periods, costs.shape)

        def of_all(function: Callable, *arguments: PyTree) -> PyTree:
            in_axes = (None, *(0 for _ in arguments[1:]))
            return jax.vmap(jax.vmap(function, in_axes), in_axes)(*arguments)

        decisions = (sampled.observation, sampled.drawn)
        actions = of_all(taken, state.variables, *decisions)
        without_noise, *_ = of_all(intended, state.variables, *decisions)
        expected = of_all(cost_of, aside.target, sampled.observation, without_noise, remaining)
        # Nothing follows the last period.
        following = jnp.pad(expected[:, 1:], ((0, 0), (0, 1)))
        wanted = costs + config.discount * following

        def critic_loss(critic: PyTree) -> Scalar:
            found = of_all(cost_of, critic, sampled.observation, actions, remaining)
            return jnp.mean((found - wanted) ** 2)

        def step(so_far: tuple[PyTree, PyTree], _: None) -> tuple[tuple[PyTree, PyTree], Scalar]:
            critic, optimizer_state = so_far
            error, slope = jax.value_and_grad(critic_loss)(critic)
            change, optimizer_state = critic_optimizer.update(slope, optimizer_state)
            return (optax.apply_updates(critic, change), optimizer_state), error

        (critic, critic_state), errors = jax.lax.scan(
            step, (aside.critic, aside.critic_optimizer), length=config.critic_updates
        )
        to_go = cost_to_go(costs, config.discount)
        advantage = to_go - moments_of_others(to_go)[0]

        def loss(variables: PyTree) -> Scalar:
            def of_one(
                observation: PyTree, drawn: PyTree, left: Array, own: Array
            ) -> Float[Array, ""]:
                action, log_prob, entropy = intended(variables, observation, drawn)
                score = own * log_prob - config.entropy * entropy
                return cost_of(critic, observation, action, left) + score

            each: Periods = jax.vmap(jax.vmap(of_one))(
                sampled.observation, sampled.drawn, remaining, advantage
            )
            return jnp.mean(each[:, burn_in:])

        gradient = jax.grad(loss)(state.variables)
        change, optimizer_state = optimizer.update(gradient, aside.optimizer)
        moved = optax.apply_updates(state.variables, change)
        waits = state.step < config.warm_up
        variables, optimizer_state = jax.tree.map(
            lambda new, old: jnp.where(waits, old, new),
            (moved, optimizer_state),
            (state.variables, aside.optimizer),
        )
        target = optax.incremental_update(critic, aside.target, config.target_share)
        metrics = {
            "train_cost": jnp.mean(sampled.cost[:, burn_in:]) * periods,
            "gradient_norm": optax.tree.norm(gradient),
            "critic_error": jnp.mean(errors),
        }
        aside = Aside(optimizer_state, critic, critic_state, target)
        return TrainState(variables, aside, state.key, state.step + 1), metrics

    return Algorithm(init, update, likeliest(policy))


def _keys(key: PRNGKeyArray, step: int | Array) -> PRNGKeyArray:
    """Of the draws, and of the critic's first variables."""
    return jax.random.split(jax.random.fold_in(branch(key, Branch.DECISION), step))
