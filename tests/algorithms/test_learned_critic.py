"""Gradients through a learned critic: it waits for the critic, then learns without a simulator."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_gradients import DEMAND, FIXED_COST, POINT, QUANTITY, gated, ordering

from neuroinv.algorithms.learned_critic import learned_critic
from neuroinv.algorithms.value import features
from neuroinv.config import HybridConfig, LearnedCriticConfig, SwitchedLQRConfig
from neuroinv.decisions import Categorical, Transformed
from neuroinv.policies.mlp import MLP
from neuroinv.policies.switched_lqr import hybrid_regulator
from neuroinv.problems.switched_lqr import (
    build_switched_lqr,
    draw_parameters,
    switched_lqr_problem,
)
from neuroinv.rollout import average_costs, draw, greedy, total
from neuroinv.types import Outcome, Policy, Problem, Scenarios

STEPS, WARM_UP = 250, 50


def learner(problem, seen, policy, **given):
    defaults = {"critic_hidden": (32,), "critic_learning_rate": 0.003, "warm_up": WARM_UP}
    config = LearnedCriticConfig("learned_critic", **(defaults | given))
    return learned_critic(problem, policy, seen, config, STEPS, burn_in=0)


@pytest.fixture(scope="module")
def trained():
    """On a regulator: a compiled cost of variables, those after every update, and all metrics."""
    config = SwitchedLQRConfig("switched_lqr", "one_mode", dimension=2, modes=1)
    instance = build_switched_lqr(config, 20)
    problem = switched_lqr_problem(instance)
    policy = hybrid_regulator(instance, HybridConfig("hybrid", (8,), "tanh"))
    batch = draw(problem, draw_parameters(instance, 64), jax.random.key(1), 20)
    seen = problem.observe(*jax.tree.map(lambda leaf: leaf[0], batch[:2]))
    algorithm = learner(problem, seen, policy, learning_rate=0.003)

    @jax.jit
    def run(key):
        def update(state, _):
            following, metrics = algorithm.update(state, batch)
            return following, (following.variables, metrics)

        start = algorithm.init(key)
        return start.variables, *jax.lax.scan(update, start, None, STEPS)[1]

    cost = jax.jit(lambda v: jnp.mean(total(average_costs(problem, greedy(policy, v), batch))))
    return cost, *run(jax.random.key(0))


def test_the_policy_waits_for_the_critic_and_then_moves(trained):
    _, start, variables, metrics = trained
    for first, after in zip(*map(jax.tree.leaves, (start, variables)), strict=True):
        np.testing.assert_array_equal(
            after[:WARM_UP], np.broadcast_to(first, after[:WARM_UP].shape)
        )
    gains = variables["params"]["gains"]
    assert np.all(gains[WARM_UP] != start["params"]["gains"])
    # Later, what it fits grows with what its target has learned of the periods to come.
    assert metrics["critic_error"][WARM_UP // 2] < 0.5 * metrics["critic_error"][0]
    assert all(np.all(np.isfinite(values)) for values in metrics.values())
    assert set(metrics) == {"train_cost", "gradient_norm", "critic_error"}


def test_it_lowers_the_cost_of_the_greedy_policy(trained):
    cost, start, variables, _ = trained
    assert cost(jax.tree.map(lambda leaf: leaf[-1], variables)) < 0.5 * cost(start)


def test_the_critic_learns_what_other_actions_would_have_cost():
    """The state is always the same, so that the policy's own action alone would tell no slope."""

    def step(params, state, action, noise):
        del params, noise
        return state, Outcome(((action - 2.0) ** 2,), ())

    def apply(variables, seen):
        del seen
        return Transformed(variables[None], lambda outputs: outputs[0])

    problem = Problem(lambda *_: None, lambda *_: None, lambda params, state: state, step)
    policy = Policy(lambda key, seen: jnp.float32(0.5), apply)
    batch = Scenarios(jnp.zeros(32), jnp.zeros(32), jnp.zeros((32, 4)))
    algorithm = learner(problem, jnp.zeros(()), policy, learning_rate=0.03, discount=0.5)

    @jax.jit
    def run(key):
        update = lambda state, _: (algorithm.update(state, batch)[0], None)  # noqa: E731
        return jax.lax.scan(update, algorithm.init(key), None, STEPS)[0].variables

    assert run(jax.random.key(0)) == pytest.approx(2.0, abs=0.2)


def test_no_derivative_passes_through_the_simulator():
    """Where the simulator has none, quantities are trained all the same."""
    toy = ordering()

    def step(fixed_cost, stock, action, demand):
        stopped = jax.lax.stop_gradient((stock, action))
        return toy.step(fixed_cost, *stopped, demand)

    stock = jnp.linspace(-1.0, 3.0, 16)
    demand = jnp.tile(jnp.asarray(DEMAND, jnp.float32), (16, 1))
    batch = Scenarios(jnp.full(16, FIXED_COST), stock, demand)
    moved = []
    for problem in (toy, toy._replace(step=step)):
        algorithm = learner(problem, stock[0], gated(Categorical), warm_up=0)
        update = jax.jit(lambda key, a=algorithm: a.update(a.init(key), batch)[0].variables)
        moved.append(update(jax.random.key(0)))
    np.testing.assert_array_equal(*moved)
    assert np.all(moved[0][QUANTITY] != jnp.asarray(POINT, jnp.float32)[QUANTITY])


def test_the_critic_learns_that_an_episode_ends():
    """Every period costs one, whatever is done, so what follows costs as many as are left."""
    periods = 6

    def step(params, state, action, noise):
        del params, noise
        return state, Outcome((1.0 + 0.0 * action + 0.1 * state,), ())

    problem = Problem(lambda *_: None, lambda *_: None, lambda params, state: state, step)
    policy = Policy(
        lambda key, seen: jnp.float32(0.5),
        lambda variables, seen: Transformed(variables[None], lambda outputs: outputs[0]),
    )
    states = jnp.linspace(-1.0, 1.0, 32)
    batch = Scenarios(jnp.zeros(32), states, jnp.zeros((32, periods)))
    algorithm = learner(problem, jnp.zeros(()), policy, discount=1.0, warm_up=STEPS)

    @jax.jit
    def run(key):
        update = lambda state, _: (algorithm.update(state, batch)[0], None)  # noqa: E731
        return jax.lax.scan(update, algorithm.init(key), None, 4 * STEPS)[0].optimizer_state.critic

    critic = run(jax.random.key(0))
    spread = float(jnp.std(jnp.broadcast_to((1.0 + 0.1 * states)[:, None], (32, periods))))
    net = MLP((32,), 1, "relu")
    for period in range(periods):
        seen = features((jnp.zeros(()), jnp.float32(0.5)), jnp.float32(1 - period / periods))
        expected = (periods - period) / spread
        assert float(net.apply(critic, seen)[0]) == pytest.approx(expected, rel=0.1)
