"""Scoring a policy on many periods in little memory.

Noise is drawn block by block inside the scan, so memory depends on the length of a block and not on
the number of periods. The paths depend on the key alone: every policy is scored on the same ones.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from neuroinv.rollout import Act, average_weights, simulate
from neuroinv.scenarios import over_scenarios
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
    look_ahead: bool = False,
) -> Any:
    """Average cost per counted period of every scenario of `params`, by name.

    Recorded series are not drawn: give them a block that holds all periods. A policy that is to
    `look_ahead` gets the same noise, all blocks of it at once, in as much memory as that takes.
    """
    blocks = -(-periods // block)
    weights = np.zeros(blocks * block, np.float32)
    weights[:periods] = average_weights(periods, burn_in)

    timed = (jnp.arange(blocks), jnp.asarray(weights).reshape(blocks, block))

    def one_scenario(params: PyTree, key: PRNGKeyArray) -> Any:
        state_key, noise_key = jax.random.split(key)
        state = problem.init(params, state_key)

        def noise_of(index: Int[Array, ""]) -> PyTree:
            return problem.exogenous(params, jax.random.fold_in(noise_key, index), block)

        if look_ahead:
            drawn = jax.vmap(noise_of)(timed[0])
            noise = jax.tree.map(lambda x: x.reshape(blocks * block, *x.shape[2:]), drawn)
            return simulate(problem, act, params, state, noise, jnp.asarray(weights)).costs

        def one_block(carry, timed):
            state, so_far = carry
            index, block_weights = timed
            rolled = simulate(problem, act, params, state, noise_of(index), block_weights)
            return (rolled.state, jax.tree.map(jnp.add, so_far, rolled.costs)), None

        shapes = jax.eval_shape(
            lambda: simulate(problem, act, params, state, noise_of(timed[0][0]), timed[1][0]).costs
        )
        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        (_, costs), _ = jax.lax.scan(one_block, (state, zero), timed)
        return costs

    count = jax.tree.leaves(params)[0].shape[0]
    return over_scenarios(one_scenario, params, jax.random.split(key, count))
