"""Scoring a policy on many periods in little memory.

Noise is drawn block by block inside the scan, so memory depends on the length of a block and not on
the number of periods. The paths depend on the key alone: every policy is scored on the same ones.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from neuroinv.rollout import Act, average_weights, simulate
from neuroinv.types import Problem

BLOCK = 100  # periods; long enough to keep the scan busy, short enough to hold in memory


def streamed_average_costs(
    problem: Problem,
    act: Act,
    params: PyTree,
    key: PRNGKeyArray,
    periods: int,
    burn_in: int,
    block: int = BLOCK,
) -> Any:
    """Average cost per counted period of every scenario of `params`, by name.

    Recorded series and hindsight policies look at all periods at once: give them a block that holds
    them all.
    """
    blocks = -(-periods // block)
    weights = np.zeros(blocks * block, np.float32)
    weights[:periods] = average_weights(periods, burn_in)

    timed = (jnp.arange(blocks), jnp.asarray(weights).reshape(blocks, block))

    def one_scenario(params: PyTree, key: PRNGKeyArray) -> Any:
        state_key, noise_key = jax.random.split(key)

        def one_block(carry, timed):
            state, costs = carry
            index, block_weights = timed
            noise = problem.exogenous(params, jax.random.fold_in(noise_key, index), block)
            rolled = simulate(problem, act, params, state, noise, block_weights)
            return (rolled.state, jax.tree.map(jnp.add, costs, rolled.costs)), None

        state = problem.init(params, state_key)
        noise = jax.eval_shape(lambda: problem.exogenous(params, noise_key, block))
        shapes = jax.eval_shape(
            lambda noise: simulate(problem, act, params, state, noise, timed[1][0]).costs, noise
        )
        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        (_, costs), _ = jax.lax.scan(one_block, (state, zero), timed)
        return costs

    count = jax.tree.leaves(params)[0].shape[0]
    return jax.vmap(one_scenario)(params, jax.random.split(key, count))
