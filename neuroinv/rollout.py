"""Simulate: a scan over periods for one scenario, a vmap over scenarios.

Costs are reduced inside the scan, so memory does not grow with what is not asked for; the body of
the scan is rematerialised in the backward pass, which takes an eighth of the memory and is faster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int, PRNGKeyArray, PyTree

from neuroinv.scenarios import over_scenarios
from neuroinv.types import HindsightPolicy, Outcome, PerScenario, Policy, Problem, Scenarios

Act = Callable[[PyTree, PyTree, Int[Array, ""]], PyTree]
"""(observation, noise of all periods, this period) -> action; only hindsight reads the last two."""


class Choice(NamedTuple):
    """An action, what was drawn to make it, and how likely that was."""

    action: PyTree
    drawn: PyTree
    log_prob: Float[Array, ""]
    entropy: Float[Array, ""]


Decide = Callable[[PyTree, PRNGKeyArray], Choice]
"""(observation, key) -> choice; `neuroinv.gradients` makes them of a policy and its variables."""


class Given(NamedTuple):
    """How decisions at the ends of a rollout are made, where they are not the ones in question."""

    decide: Decide
    first: int
    """In so many first periods."""
    last: int
    """In so many last ones."""


class Trajectory(NamedTuple):
    """What happened, period by period (leading axis: periods)."""

    state: PyTree
    action: PyTree
    outcome: Outcome


class Rollout(NamedTuple):
    """A simulated scenario: weighted sum of its costs by name, and the state at the end."""

    costs: Any
    state: PyTree
    trajectory: Trajectory | None


class Sampled(NamedTuple):
    """What the score function needs of rollouts whose actions were drawn."""

    cost: Float[Array, "scenarios periods"]
    """Cost of a period times its weight: a scenario's sum is its average per counted period."""
    log_prob: Float[Array, "scenarios periods"]
    entropy: Float[Array, "scenarios periods"]
    observation: PyTree
    """What was seen before each decision, without derivatives; leaves are `[scenarios, periods,
    ...]`."""
    drawn: PyTree
    """What was drawn for each decision, likewise."""


def greedy(policy: Policy | HindsightPolicy, variables: PyTree) -> Act:
    """The policy's likeliest action, as the simulator calls it.

    A policy proper is never handed the noise: only a `HindsightPolicy` gets to see it.
    """
    if isinstance(policy, HindsightPolicy):
        return lambda observation, noise, period: policy.apply(
            variables, observation, noise, period
        ).mode()
    return lambda observation, noise, period: policy.apply(variables, observation).mode()


def simulate(
    problem: Problem,
    act: Act,
    params: PyTree,
    state: PyTree,
    noise: PyTree,
    weights: Float[Array, " periods"],
    keep_trajectory: bool = False,
) -> Rollout:
    """Roll one scenario through all periods of `noise`, adding up weights[t] * costs of period t.

    A trajectory keeps the state before each period, the action and the outcome; ask for it only
    where it is looked at.
    """

    def period_step(carry, timed):
        state, total = carry
        period, weight, noise_now = timed
        action = act(problem.observe(params, state), noise, period)
        following, outcome = problem.step(params, state, action, noise_now)
        total = jax.tree.map(lambda so_far, cost: so_far + weight * cost, total, outcome.costs)
        return (following, total), (Trajectory(state, action, outcome) if keep_trajectory else None)

    def costs_of_first_period():
        first = jax.tree.map(lambda leaf: leaf[0], noise)
        action = act(problem.observe(params, state), noise, jnp.int32(0))
        return problem.step(params, state, action, first)[1].costs

    zero = jax.tree.map(
        lambda shape: jnp.zeros(shape.shape, shape.dtype), jax.eval_shape(costs_of_first_period)
    )
    (state, costs), trajectory = jax.lax.scan(
        jax.checkpoint(period_step), (state, zero), (jnp.arange(len(weights)), weights, noise)
    )
    return Rollout(costs, state, trajectory)


def average_weights(periods: int, burn_in: int) -> Float32[np.ndarray, " periods"]:
    """Weights that average over the periods after the first `burn_in`."""
    return (np.arange(periods) >= burn_in).astype(np.float32) / np.float32(periods - burn_in)


def average_costs(problem: Problem, act: Act, scenarios: Scenarios, burn_in: int = 0) -> Any:
    """Average cost per counted period of every scenario, by name; leaves are `[scenarios]`."""
    weights = jnp.asarray(average_weights(jax.tree.leaves(scenarios.noise)[0].shape[1], burn_in))
    return over_scenarios(
        lambda params, state, noise: simulate(problem, act, params, state, noise, weights).costs,
        *scenarios,
    )


def sample(
    problem: Problem,
    decide: Decide,
    scenarios: Scenarios,
    keys: PRNGKeyArray,
    burn_in: int = 0,
    given: Given | None = None,
) -> Sampled:
    """Roll out drawn actions, with one key for each decision (`[scenarios, periods]`).

    Weights are those of `average_costs`: a period of the burn-in costs nothing, yet its decision
    answers for what it does to the counted periods. In the first and last periods that `given`
    counts, together at most all, its own way of deciding takes the place of `decide`.
    """
    periods = keys.shape[1]
    weights = jnp.asarray(average_weights(periods, burn_in))

    def one_scenario(params: PyTree, state: PyTree, noise: PyTree, keys: PRNGKeyArray) -> Sampled:
        def decided_by(decide: Decide) -> Callable:
            def period_step(state, timed):
                weight, noise_now, key = timed
                observation = problem.observe(params, state)
                choice = decide(observation, key)
                following, outcome = problem.step(params, state, choice.action, noise_now)
                kept = jax.lax.stop_gradient((observation, choice.drawn))
                cost = weight * total(outcome.costs)
                return following, Sampled(cost, choice.log_prob, choice.entropy, *kept)

            return jax.checkpoint(period_step)

        timed = (weights, noise, keys)
        if given is None:
            return jax.lax.scan(decided_by(decide), state, timed)[1]
        parts, ends = [], (0, given.first, periods - given.last, periods)
        for (start, end), how in zip(
            itertools.pairwise(ends), (given.decide, decide, given.decide), strict=True
        ):
            if start == end:
                continue
            part = jax.tree.map(lambda leaf, start=start, end=end: leaf[start:end], timed)
            state, sampled = jax.lax.scan(decided_by(how), state, part)
            parts.append(sampled)
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)

    return over_scenarios(one_scenario, *scenarios, keys)


def total(costs: Any) -> PerScenario:
    """Sum of the named costs of an outcome."""
    return jnp.sum(jnp.stack(jax.tree.leaves(costs)), axis=0)


@partial(jax.jit, static_argnums=0)
def first_observation(problem: Problem, params: PyTree) -> PyTree:
    """What is seen before the first period of the first of some scenarios (leading axis of the
    parameters)."""
    first = jax.tree.map(lambda leaf: leaf[0], params)
    return problem.observe(first, problem.init(first, jax.random.key(0)))


# One program: operation by operation would compile dozens.
@partial(jax.jit, static_argnums=(0, 3))
def draw(problem: Problem, params: PyTree, key: PRNGKeyArray, periods: int) -> Scenarios:
    """Initial states and noise for scenarios whose parameters are given (leading axis)."""
    count = jax.tree.leaves(params)[0].shape[0]
    state_keys, noise_keys = jax.vmap(jax.random.split, out_axes=1)(jax.random.split(key, count))
    return Scenarios(
        params,
        jax.vmap(problem.init)(params, state_keys),
        # In chunks: an integer demand is looked up in a table, and all lookups at once fill memory.
        over_scenarios(
            lambda one, noise_key: problem.exogenous(one, noise_key, periods), params, noise_keys
        ),
    )
