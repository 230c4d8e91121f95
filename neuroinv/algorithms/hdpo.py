"""HDPO: hindsight differentiable policy optimisation (Alvo, Russo, Kanoria, arXiv 2306.11246).

The loss is the simulated cost itself, averaged over a batch of scenarios; its gradient flows
through every period of every rollout into the policy's variables.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import decaying_adam, likeliest
from neuroinv.config import HDPOConfig
from neuroinv.decisions import Categorical
from neuroinv.gradients import pathwise
from neuroinv.keys import Branch, branch
from neuroinv.rollout import greedy
from neuroinv.types import (
    Algorithm,
    InputError,
    PerScenario,
    Policy,
    Problem,
    Scenarios,
    TrainState,
)


def hdpo(
    problem: Problem,
    policy: Policy,
    example_observation: PyTree,
    config: HDPOConfig,
    steps: int,
    burn_in: int,
) -> Algorithm:
    """The algorithm. Costs of the first `burn_in` periods of a rollout are not in the loss.

    Raises InputError, as it is traced, for a policy that chooses a regime.
    """
    optimizer = decaying_adam(config, steps)

    def weights(scenarios: Scenarios) -> PerScenario:
        if config.weighting == "equal":
            return jnp.ones(())
        seen = jax.vmap(problem.observe)(scenarios.params, scenarios.state)
        there = jnp.sum(seen.present, axis=1)
        typical = jnp.sum(seen.present * seen.demand_scale, axis=1) / jnp.maximum(there, 1.0)
        inverse = jnp.where(there > 0, 1 / jnp.where(there > 0, typical, 1.0), 0.0)
        return inverse / jnp.mean(inverse)

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        if isinstance(policy.apply(variables, example_observation), Categorical):
            raise InputError(
                "algorithm.kind is hdpo, but no derivative reaches the regime that this policy "
                "chooses; use algorithm=hpo"
            )
        return TrainState(variables, optimizer.init(variables), key, jnp.int32(0))

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        def loss(variables: PyTree) -> tuple[Scalar, Scalar]:
            cost, _ = pathwise(problem, greedy(policy, variables), batch, burn_in)
            return jnp.mean(weights(batch) * cost), jnp.mean(cost)

        (_, cost), gradient = jax.value_and_grad(loss, has_aux=True)(state.variables)
        change, optimizer_state = optimizer.update(gradient, state.optimizer_state)
        following = TrainState(
            optax.apply_updates(state.variables, change),
            optimizer_state,
            state.key,
            state.step + 1,
        )
        return following, {"train_cost": cost, "gradient_norm": optax.tree.norm(gradient)}

    return Algorithm(init, update, likeliest(policy))
