"""The cross-entropy method: a search over a policy's variables that needs costs and no derivative.

Candidates are drawn around the current variables, all are simulated on the same scenarios, and the
variables move to the mean of the best (Rubinstein 1999, Methodology and Computing in Applied
Probability 1). It suits policies of few variables, such as base-stock levels, and tells whether
what a gradient found could have been found without one.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import likeliest
from neuroinv.config import CrossEntropyConfig
from neuroinv.gradients import pathwise
from neuroinv.keys import Branch, branch
from neuroinv.rollout import greedy
from neuroinv.types import Algorithm, Policy, Problem, Scenarios, TrainState


def cross_entropy(
    problem: Problem,
    policy: Policy,
    example_observation: PyTree,
    config: CrossEntropyConfig,
    burn_in: int,
) -> Algorithm:
    """The algorithm. Costs of the first `burn_in` periods of a rollout do not count.

    A train state's `optimizer_state` holds the standard deviation of every variable's candidates.
    """

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        stds = jax.tree.map(lambda leaf: jnp.full_like(leaf, config.initial_std), variables)
        return TrainState(variables, stds, key, jnp.int32(0))

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        centre, as_variables = ravel_pytree(state.variables)
        std, _ = ravel_pytree(state.optimizer_state)
        key = jax.random.fold_in(branch(state.key, Branch.DECISION), state.step)
        noise = jax.random.normal(key, (config.candidates, centre.size))
        candidates = centre + std * noise

        def cost_of(candidate: Float[Array, " variables"]) -> Scalar:
            act = greedy(policy, as_variables(candidate))
            return jnp.mean(pathwise(problem, act, batch, burn_in)[0])

        costs = jax.lax.map(cost_of, candidates)
        best = candidates[jnp.argsort(costs)[: config.kept]]
        found = config.smoothing * jnp.std(best, axis=0) + (1 - config.smoothing) * std
        following = TrainState(
            as_variables(jnp.mean(best, axis=0)), as_variables(found), state.key, state.step + 1
        )
        return following, {"train_cost": jnp.nanmean(costs), "candidate_std": jnp.mean(found)}

    return Algorithm(init, update, likeliest(policy))
