"""Relaxed regimes: mixtures whose derivative reaches the gate, or real regimes in the simulator."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import small_config
from test_gradients import DEMAND, FIXED_COST, GATE, POINT, QUANTITY, STOCK, gated, ordering

from neuroinv.algorithms.hdpo import hdpo
from neuroinv.algorithms.relaxed import relaxed
from neuroinv.build import build
from neuroinv.config import HDPOConfig, RelaxedConfig
from neuroinv.decisions import Categorical, Deterministic
from neuroinv.rollout import average_costs, draw, greedy, total
from neuroinv.types import InputError, Outcome, Policy, Problem, Scenarios

COUNT, STEPS = 64, 100
STOCKS = jnp.linspace(-1.0, 3.0, COUNT)
BATCH = Scenarios(
    jnp.full(COUNT, FIXED_COST), STOCKS, jnp.tile(jnp.asarray(DEMAND, jnp.float32), (COUNT, 1))
)

FAR = jnp.array([-1.0, 0.5, 0.5, 0.3, 0.9])  # hardly ever orders, and then too little


def from_afar() -> Policy:
    return Policy(lambda key, seen: FAR, gated(Categorical).apply)


def learner(problem=None, policy=None, **given):
    config = RelaxedConfig("relaxed", **given)
    policy = policy or gated(Categorical)
    return relaxed(problem or ordering(), policy, STOCKS[0], config, STEPS, burn_in=0)


def no_mixtures() -> Problem:
    """The toy, without a finite cost for what is between two regimes."""
    toy = ordering()

    def step(fixed_cost, stock, action, demand):
        following, outcome = toy.step(fixed_cost, stock, action, demand)
        real = (action.regime == 0) | (action.regime == 1)
        costs = outcome.costs._replace(fixed=jnp.where(real, outcome.costs.fixed, jnp.inf))
        return following, Outcome(costs, ())

    return toy._replace(step=step)


@pytest.mark.parametrize("straight_through", [False, True])
def test_only_straight_through_the_simulator_meets_real_regimes_alone(straight_through):
    algorithm = learner(no_mixtures(), straight_through=straight_through)
    start = jax.jit(algorithm.init)(jax.random.key(0))
    once, metrics = jax.jit(algorithm.update)(start, BATCH)
    assert np.isfinite(metrics["train_cost"]) == straight_through
    if straight_through:
        assert np.all(np.abs(once.variables - start.variables) > 1e-5), "the gate learns too"


@pytest.mark.parametrize("temperature", [2.0, 0.5])
def test_without_noise_regimes_are_mixed_by_a_softmax(temperature):
    """One period, of which the cost of a mixture is known."""
    algorithm = learner(noise=False, temperature=temperature, final_temperature=0.1)
    batch = jax.tree.map(lambda leaf: leaf[:2], BATCH)
    batch = batch._replace(state=jnp.full(2, STOCK), noise=batch.noise[:, :1])
    start = jax.jit(algorithm.init)(jax.random.key(0))
    metrics = jax.jit(algorithm.update)(start, batch)[1]
    seen = [1, np.tanh(POINT[4] * STOCK)]
    weight = 1 / (1 + np.exp(-POINT[GATE] @ seen / temperature))
    after = STOCK + weight * (POINT[QUANTITY] @ seen) - DEMAND[0]
    assert metrics["train_cost"] == pytest.approx(FIXED_COST * weight + after**2, rel=1e-5)


@pytest.mark.parametrize("straight_through", [False, True])
def test_it_lowers_the_cost_of_the_greedy_policy_as_it_cools(straight_through):
    algorithm = learner(policy=from_afar(), straight_through=straight_through, learning_rate=0.05)

    @jax.jit
    def run(key):
        start = algorithm.init(key)
        last, metrics = jax.lax.scan(
            lambda state, _: algorithm.update(state, BATCH), start, None, STEPS
        )
        return start.variables, last.variables, metrics

    @jax.jit
    def cost(variables):
        act = greedy(gated(Categorical), variables)
        return jnp.mean(total(average_costs(ordering(), act, BATCH)))

    first, last, metrics = run(jax.random.key(0))
    assert cost(last) < 0.5 * cost(first)
    assert set(metrics) == {"train_cost", "gradient_norm", "entropy", "temperature"}
    assert all(np.all(np.isfinite(values)) for values in metrics.values())
    np.testing.assert_allclose(metrics["temperature"], np.geomspace(1.0, 0.1, STEPS), rtol=1e-4)


def test_orders_that_choose_no_regime_are_smoothed_over_their_sizes(tmp_path):
    """Straight through, costs are the true ones; the fixed cost has a derivative either way."""
    quantities = ("problem=fixed_cost_store", "policy.orders=quantity")
    built = build(small_config(tmp_path, *quantities))
    batch = draw(built.problem, built.train.params, jax.random.key(1), built.train.periods)
    seen = built.problem.observe(*jax.tree.map(lambda leaf: leaf[0], batch[:2]))

    def first_update(straight_through):
        config = RelaxedConfig("relaxed", straight_through=straight_through)
        algorithm = relaxed(built.problem, built.policy, seen, config, STEPS, burn_in=0)
        metrics = algorithm.update(algorithm.init(jax.random.key(0)), batch)[1]
        return metrics["train_cost"], metrics["gradient_norm"]

    def of_orders_as_they_are():
        given = HDPOConfig("hdpo")
        algorithm = hdpo(built.problem, built.policy, seen, given, STEPS, burn_in=0)
        metrics = algorithm.update(algorithm.init(jax.random.key(0)), batch)[1]
        return metrics["train_cost"], metrics["gradient_norm"]

    smooth, through, true = jax.jit(
        lambda: (first_update(False), first_update(True), of_orders_as_they_are())
    )()
    assert through[0] == pytest.approx(float(true[0]), rel=1e-5)
    assert smooth[0] < true[0], "an order that is hardly one does not pay all of its fixed cost"
    assert smooth[1] == pytest.approx(float(through[1]), rel=1e-4)
    assert smooth[1] != pytest.approx(float(true[1]), rel=1e-3)


def test_a_policy_with_nothing_to_relax_is_refused():
    certain = Policy(lambda key, seen: (), lambda variables, seen: Deterministic(seen))
    algorithm = learner(policy=certain)
    with pytest.raises(InputError, match=r"Deterministic and no cost jumps .* use algorithm hdpo"):
        jax.eval_shape(lambda key: algorithm.update(algorithm.init(key), BATCH), jax.random.key(0))
