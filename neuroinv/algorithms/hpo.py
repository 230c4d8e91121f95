"""HPO: hybrid policy optimisation (Alvo, Russo, Kanoria, arXiv 2605.14297).

A regime is drawn and what is done in it is decided for certain. Costs are differentiated through
the simulator with the regimes as they were drawn, and the score of every regime carries the rest of
the derivative: directly, and through the state it was drawn in (the cross term). Both parts are in
the same units, so that their sum is the gradient of expected cost; a learned value that is trusted
(`trace` below 1) trades some of that for less variance.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import decaying_adam, likeliest
from neuroinv.algorithms.proximal import (
    Proximal,
    proximal_updates,
    rows_of,
    standardised,
    trained_periods,
)
from neuroinv.algorithms.value import learned_value, seen_by_value
from neuroinv.config import HPOConfig
from neuroinv.gradients import (
    Periods,
    cost_to_go,
    generalised_advantage,
    mixed,
    moments_of_others,
    surrogate,
)
from neuroinv.keys import Branch, branch
from neuroinv.rollout import Given, Sampled, sample
from neuroinv.types import Algorithm, Policy, Problem, Scenarios, TrainState

REFERENCE_WEIGHT = 5.0  # of the cost beside the score in the paper's public code


class Aside(NamedTuple):
    """What an update needs beside the policy, kept in a train state's `optimizer_state`."""

    optimizer: PyTree
    regimes_optimizer: PyTree
    """Of the further epochs, which train the score alone."""
    value: PyTree


def hpo(
    problem: Problem,
    policy: Policy,
    example_observation: PyTree,
    config: HPOConfig,
    steps: int,
    burn_in: int,
) -> Algorithm:
    """The algorithm. Costs of the first `burn_in` periods of a rollout are not in the loss, but a
    decision taken in them answers for the counted costs that follow, where `first_decisions` does
    not leave it untrained.

    The metric `train_cost` is that of drawn regimes; the greedy policy takes the likeliest.
    `baseline_explains` is the share of the variance of costs to go that the baseline takes away.

    Raises InputError, as it is traced, for a policy whose decision is random in other ways than in
    its regimes, for a batch of one scenario where the baseline compares scenarios, and where first
    and last decisions leave none to train.
    """
    optimizer = decaying_adam(config, steps)
    value = learned_value(config.value_hidden, config.value_learning_rate)
    again = Proximal(
        config.epochs - 1, config.minibatches, config.clip_ratio, config.most_divergence
    )

    further_steps = steps * again.epochs * again.minibatches
    further_optimizer = decaying_adam(config, max(further_steps, 1))

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        learned: PyTree = ()
        if config.baseline == "learned_value":
            learned = value.init(_keys(key, 0)[1], example_observation)
        further = further_optimizer.init(variables) if again.epochs else ()
        aside = Aside(optimizer.init(variables), further, learned)
        return TrainState(variables, aside, key, jnp.int32(0))

    def baseline(learned: PyTree, sampled: Sampled, to_go: Periods) -> Periods:
        match config.baseline:
            case "none":
                return jnp.zeros_like(to_go)
            case "batch_mean":
                return moments_of_others(to_go)[0]
            case "learned_value":
                return value.apply(learned, to_go, seen_by_value(sampled.observation))

    # Without a value that was learned there is only what happened to trust.
    trace = config.trace if config.baseline == "learned_value" else 1.0

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        aside: Aside = state.optimizer_state
        scenarios, periods = jax.tree.leaves(batch.noise)[0].shape[:2]
        draws, _, shuffles = _keys(state.key, state.step)
        keys = jax.random.split(draws, (scenarios, periods))
        trained = trained_periods(config, periods)
        entropy_weight = config.entropy * jnp.maximum(1 - state.step / steps, 0.0)

        def loss(variables: PyTree) -> tuple[Scalar, tuple[Sampled, Periods, Periods, Periods]]:
            decide = mixed(policy, variables, config.cross_term)
            given = None
            if config.first_decisions or config.last_decisions:
                as_they_are = mixed(policy, jax.lax.stop_gradient(variables), config.cross_term)
                given = Given(as_they_are, config.first_decisions, config.last_decisions)
            sampled = sample(problem, decide, batch, keys, burn_in, given)
            to_go = cost_to_go(sampled.cost, config.discount)
            expected = baseline(aside.value, sampled, to_go)
            advantage = generalised_advantage(sampled.cost, expected, config.discount, trace)
            # A period counts 1 / (counted periods); the spread is that of costs before that.
            spread = jax.lax.stop_gradient(
                jnp.std(sampled.cost[:, burn_in:]) * (periods - burn_in) + 1e-8
            )
            if config.scales == "consistent":
                objective = surrogate(sampled, advantage) / spread
            else:
                costs = sampled._replace(cost=REFERENCE_WEIGHT * sampled.cost / spread)
                of_trained = standardised(advantage[:, trained])
                scores = of_trained / of_trained.shape[1]
                objective = surrogate(costs, jnp.zeros_like(advantage).at[:, trained].set(scores))
            certain = -entropy_weight * jnp.mean(sampled.entropy[:, trained])
            return jnp.mean(objective) + certain, (sampled, advantage, expected, to_go)

        gradient, (sampled, advantage, expected, to_go) = jax.grad(loss, has_aux=True)(
            state.variables
        )
        change, optimizer_state = optimizer.update(gradient, aside.optimizer)
        variables = optax.apply_updates(state.variables, change)
        metrics = {
            "train_cost": jnp.mean(jnp.sum(sampled.cost, axis=1)),
            "gradient_norm": optax.tree.norm(gradient),
            "entropy": jnp.mean(sampled.entropy),
            "baseline_explains": 1 - jnp.var(to_go - expected) / (jnp.var(to_go) + 1e-12),
        }
        further = aside.regimes_optimizer
        if again.epochs:

            def score(
                variables: PyTree, observation: PyTree, drawn: PyTree
            ) -> tuple[Float[Array, ""], Float[Array, ""]]:
                decision = policy.apply(variables, observation)
                return decision.log_prob(drawn), decision.entropy()

            rows = rows_of(sampled, advantage, trained)
            variables, further, about = proximal_updates(
                score, further_optimizer, variables, further, rows, shuffles, again, entropy_weight
            )
            metrics = about | metrics  # the gradient is that of everything
        learned = aside.value
        if config.baseline == "learned_value":
            seen = seen_by_value(sampled.observation)
            learned = value.update(learned, to_go, seen, config.value_updates)
        following = Aside(optimizer_state, further, learned)
        return TrainState(variables, following, state.key, state.step + 1), metrics

    return Algorithm(init, update, likeliest(policy))


def _keys(key: PRNGKeyArray, step: int | Array) -> PRNGKeyArray:
    """Of the draws, of the learned value's first variables, and of the further epochs' order."""
    return jax.random.split(jax.random.fold_in(branch(key, Branch.DECISION), step), 3)
