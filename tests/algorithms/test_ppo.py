"""PPO with hybrid heads: from costs alone, on drawn regimes and noisy outputs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_gradients import DEMAND, FIXED_COST, GATE, POINT, QUANTITY, Order, gated, ordering

from neuroinv.algorithms.noise import output_noise
from neuroinv.algorithms.ppo import ppo
from neuroinv.config import PPOConfig
from neuroinv.decisions import Categorical, Deterministic, Transformed
from neuroinv.rollout import average_costs, greedy, total
from neuroinv.types import InputError, Policy, Problem, Scenarios

COUNT, STEPS = 64, 150
STOCK = jnp.linspace(-1.0, 3.0, COUNT)
BATCH = Scenarios(
    jnp.full(COUNT, FIXED_COST), STOCK, jnp.tile(jnp.asarray(DEMAND, jnp.float32), (COUNT, 1))
)

FAR = jnp.array([-1.0, 0.5, 0.5, 0.3, 0.9])  # hardly ever orders, and then too little


def from_afar() -> Policy:
    return Policy(lambda key, seen: FAR, gated(Categorical).apply)


def learner(policy=None, **given):
    config = PPOConfig("ppo", **({"value_hidden": (8,), "std": 0.5} | given))
    return ppo(ordering(), policy or gated(Categorical), STOCK[0], config, STEPS, burn_in=0)


def cost(variables):
    policy = gated(Categorical)
    return jnp.mean(total(average_costs(ordering(), greedy(policy, variables), BATCH)))


@pytest.fixture(scope="module")
def trained():
    """The first state, the last one, and the metrics of every update."""
    algorithm = learner(from_afar(), learning_rate=0.01)

    @jax.jit
    def run(key):
        start = algorithm.init(key)
        last, metrics = jax.lax.scan(
            lambda state, _: algorithm.update(state, BATCH), start, None, STEPS
        )
        return start, last, metrics

    return run(jax.random.key(0))


def test_it_lowers_the_cost_of_the_greedy_policy_and_its_own_noise(trained):
    start, last, metrics = trained
    assert cost(last.variables) < 0.5 * cost(start.variables)
    assert metrics["train_cost"][-10:].mean() < 0.6 * metrics["train_cost"][:10].mean()
    assert metrics["noise_std"][-1] < 0.9 * metrics["noise_std"][0]
    assert last.step == STEPS


def test_metrics_are_finite_and_say_how_far_it_went(trained):
    metrics = trained[2]
    shown = {"train_cost", "gradient_norm", "noise_std", "entropy", "divergence", "stopped_early"}
    assert set(metrics) == shown
    assert all(np.all(np.isfinite(values)) for values in metrics.values())
    assert np.all(metrics["divergence"] >= 0)
    assert np.all(metrics["entropy"] <= np.log(2) + 1e-6)


def test_an_update_moves_the_gate_and_the_quantity_and_draws_anew():
    algorithm = learner()
    update, start = jax.jit(algorithm.update), jax.jit(algorithm.init)(jax.random.key(0))
    np.testing.assert_allclose(start.variables, POINT, rtol=1e-6)
    once, metrics = update(start, BATCH)
    for part in (GATE, QUANTITY):
        assert np.all(np.abs(once.variables - start.variables)[part] > 1e-5)
    _, again = update(start._replace(step=jnp.int32(1)), BATCH)
    assert metrics["train_cost"] != again["train_cost"]


def test_first_and_last_decisions_are_lived_with_and_not_trained():
    """A policy of other variables in every period moves those of the inner one alone."""
    periods, ordered, gate = len(DEMAND), ordering(), gated(Categorical)

    def step(fixed_cost, state, action, demand):
        stock, outcome = ordered.step(fixed_cost, state[0], action, demand)
        return (stock, state[1] + 1), outcome

    problem = Problem(lambda *_: None, lambda *_: None, lambda params, state: state, step)
    policy = Policy(
        lambda key, seen: jnp.tile(jnp.asarray(POINT), (periods, 1)),
        lambda variables, seen: gate.apply(variables[seen[1].astype(int)], seen[0]),
    )
    state = (STOCK, jnp.zeros(COUNT))
    config = PPOConfig("ppo", value_hidden=(8,), first_decisions=1, last_decisions=1)
    algorithm = ppo(problem, policy, (STOCK[0], jnp.zeros(())), config, STEPS, burn_in=0)
    start = jax.jit(algorithm.init)(jax.random.key(0))
    once, _ = jax.jit(algorithm.update)(start, BATCH._replace(state=state))
    moved = np.any(once.variables != start.variables, axis=1)
    np.testing.assert_array_equal(moved, [False, True, False])


def test_first_and_last_decisions_leave_some_to_train():
    algorithm = learner(first_decisions=2, last_decisions=1)
    said = "first_decisions is 2 and .*last_decisions is 1, which leaves none of 3 periods to train"
    with pytest.raises(InputError, match=said):
        jax.eval_shape(lambda key: algorithm.update(algorithm.init(key), BATCH), jax.random.key(0))


def test_of_outputs_without_regimes_no_entropy_is_rewarded():
    policy = Policy(
        lambda key, seen: jnp.zeros(1),
        lambda variables, seen: Transformed(variables, lambda outputs: jax.nn.softplus(outputs[0])),
    )
    problem = ordering()

    def step(fixed_cost, stock, order, demand):
        return problem.step(fixed_cost, stock, Order(jnp.ones(()), order), demand)

    def after(entropy):
        config = PPOConfig("ppo", value_hidden=(8,), entropy=entropy)
        algorithm = ppo(problem._replace(step=step), policy, STOCK[0], config, STEPS, burn_in=0)
        return jax.jit(lambda key: algorithm.update(algorithm.init(key), BATCH)[0])(
            jax.random.key(0)
        )

    without, rewarded = after(0.0), after(10.0)
    np.testing.assert_array_equal(without.optimizer_state.noise, rewarded.optimizer_state.noise)


def test_noise_that_is_not_trained_stays():
    algorithm = learner(noise="fixed")
    start = jax.jit(algorithm.init)(jax.random.key(0))
    once, metrics = jax.jit(algorithm.update)(start, BATCH)
    np.testing.assert_array_equal(once.optimizer_state.noise, start.optimizer_state.noise)
    assert metrics["noise_std"] == pytest.approx(0.5)
    assert np.any(once.variables != start.variables)


def test_noise_of_a_state_differs_between_states_once_it_has_learned():
    algorithm = learner(noise="by_state")
    start = jax.jit(algorithm.init)(jax.random.key(0))
    once, metrics = jax.jit(algorithm.update)(start, BATCH)
    assert metrics["noise_std"] == pytest.approx(0.5, rel=0.1)
    config = PPOConfig("ppo", value_hidden=(8,), noise="by_state")
    of_states = jax.vmap(output_noise(gated(Categorical), config).log_std, (None, 0))
    spread = of_states(once.optimizer_state.noise, STOCK)
    assert spread.shape == (COUNT, 2, 1)
    moved = spread - of_states(start.optimizer_state.noise, STOCK)
    assert np.all(np.std(moved, axis=0) > 1e-5)


@pytest.mark.parametrize("noise", ["fixed", "by_output", "by_state"])
def test_the_noise_that_is_drawn_is_the_noise_that_is_scored(noise):
    """So that the first update from a batch finds the policy no farther than rounding from it."""
    algorithm = learner(noise=noise, epochs=1, minibatches=1)
    start = jax.jit(algorithm.init)(jax.random.key(0))
    spread = jax.tree.map(lambda leaf: leaf + 0.1, start.optimizer_state.noise)
    start = start._replace(optimizer_state=start.optimizer_state._replace(noise=spread))
    _, metrics = jax.jit(algorithm.update)(start, BATCH)
    assert metrics["divergence"] < 1e-9


def test_further_epochs_may_train_the_regimes_alone():
    """One epoch of all and three of the regimes move the quantity as one epoch does."""
    start = jax.jit(learner().init)(jax.random.key(0))

    def after(epochs, further):
        algorithm = learner(epochs=epochs, further_epochs=further, most_divergence=1.0)
        own = jax.jit(algorithm.init)(jax.random.key(0))
        np.testing.assert_array_equal(own.variables, start.variables)
        return jax.jit(algorithm.update)(own, BATCH)[0]

    one, regimes, everything = after(1, "all"), after(4, "regimes"), after(4, "all")
    np.testing.assert_array_equal(one.variables[QUANTITY], regimes.variables[QUANTITY])
    np.testing.assert_array_equal(one.optimizer_state.noise, regimes.optimizer_state.noise)
    assert np.all(one.variables[GATE] != regimes.variables[GATE])
    assert np.all(one.variables[QUANTITY] != everything.variables[QUANTITY])


def test_regimes_alone_need_a_policy_that_has_some():
    always = Policy(
        lambda key, seen: jnp.zeros(1),
        lambda variables, seen: Transformed(variables, lambda outputs: Order(1.0, outputs[0])),
    )
    algorithm = learner(always, further_epochs="regimes")
    with pytest.raises(InputError, match=r"further_epochs is regimes .*set it to all"):
        algorithm.init(jax.random.key(0))


def test_it_acts_in_the_likeliest_regime_without_noise():
    policy = gated(Categorical)
    order = learner().act(jnp.asarray(POINT))(STOCK[5])
    expected = policy.apply(jnp.asarray(POINT), STOCK[5]).mode()
    jax.tree.map(np.testing.assert_array_equal, order, expected)


def test_a_policy_without_outputs_is_refused():
    certain = Policy(lambda key, seen: (), lambda variables, seen: Deterministic(seen))
    with pytest.raises(InputError, match="decision is Deterministic, which has none"):
        learner(certain).init(jax.random.key(0))


def test_a_batch_of_one_has_no_others_to_compare_with():
    algorithm, alone = learner(), jax.tree.map(lambda leaf: leaf[:1], BATCH)
    with pytest.raises(InputError, match=r"training\.batch is 1"):
        jax.eval_shape(lambda key: algorithm.update(algorithm.init(key), alone), jax.random.key(0))
