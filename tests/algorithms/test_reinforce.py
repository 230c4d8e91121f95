"""REINFORCE: it learns from costs alone, from the same first network as HDPO."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import PRNGKeyArray, PyTree
from small_runs import small_config

from neuroinv.algorithms.hdpo import hdpo
from neuroinv.algorithms.noise import output_noise
from neuroinv.algorithms.reinforce import reinforce
from neuroinv.algorithms.value import learned_value, seen_by_value
from neuroinv.build import Experiment, build, dev_scenarios
from neuroinv.config.algorithm import HDPOConfig, ReinforceConfig
from neuroinv.gradients import cost_to_go, moments_of_others, score_function
from neuroinv.rollout import average_costs, draw, greedy, sample, total
from neuroinv.training import checkpoint
from neuroinv.types import Algorithm, InputError, Scenarios, TrainState

PERIODS, STEPS = 20, 300
VARIED_COST = "problem.nodes.store.underage_cost={low: 1, high: 30, vary: scenario}"


def config(baseline="batch_mean", **given) -> ReinforceConfig:
    defaults = {"learning_rate": 0.01, "value_hidden": (16,), "value_learning_rate": 0.03}
    return ReinforceConfig("reinforce", baseline=baseline, **(defaults | given))


def one_store(tmp_path, *overrides: str, net=True) -> Experiment:
    return build(small_config(tmp_path, "problem.edges.order.lead_time=1", *overrides, net=net))


def seen_first(built: Experiment) -> PyTree:
    dev = jax.tree.map(lambda leaf: leaf[0], dev_scenarios(built))
    return built.problem.observe(dev.params, dev.state)


def learner(built: Experiment, given: ReinforceConfig) -> Algorithm:
    return reinforce(built.problem, built.policy, seen_first(built), given, STEPS, burn_in=2)


def scenarios(built: Experiment, key: PRNGKeyArray) -> Scenarios:
    return draw(built.problem, built.train.params, key, PERIODS)


def trained(built: Experiment, given: ReinforceConfig) -> tuple[TrainState, TrainState]:
    """The first state, and the one after all updates, each on scenarios of its own."""
    algorithm = learner(built, given)

    @jax.jit
    def run(key):
        def update(state, key):
            return algorithm.update(state, scenarios(built, key))[0], None

        first = algorithm.init(key)
        return first, jax.lax.scan(update, first, jax.random.split(jax.random.key(1), STEPS))[0]

    return run(jax.random.key(0))


@pytest.mark.parametrize("baseline", ["none", "batch_mean", "learned_value"])
def test_it_lowers_the_cost_of_one_store(tmp_path, baseline):
    built = one_store(tmp_path, "policy.orders=quantity")  # levels are too good to start from
    dev = dev_scenarios(built)

    @jax.jit
    def cost(variables):
        act = greedy(built.policy, variables)
        return jnp.mean(total(average_costs(built.problem, act, dev, built.dev.burn_in)))

    first, last = trained(built, config(baseline))
    assert cost(last.variables) < 0.8 * cost(first.variables)
    assert np.all(last.optimizer_state.noise < first.optimizer_state.noise - 0.2)


def test_a_learned_value_tells_scenarios_of_different_cost_apart(tmp_path):
    """Where underage cost differs, what is seen explains some of what the batch mean does not."""
    built = one_store(tmp_path, VARIED_COST)
    given = config("learned_value")
    _, last = trained(built, given)
    aside = last.optimizer_state
    value = learned_value(given.value_hidden, given.value_learning_rate)
    keys = jax.random.split(jax.random.key(3), (64, PERIODS))

    @jax.jit
    def squared_errors():
        decide = score_function(built.policy, last.variables, lambda seen: aside.noise)
        sampled = sample(built.problem, decide, scenarios(built, jax.random.key(2)), keys)
        actual = cost_to_go(sampled.cost)
        learned = value.apply(aside.value, actual, seen_by_value(sampled.observation))
        return [jnp.mean((actual - b) ** 2) for b in (moments_of_others(actual)[0], learned)]

    of_mean, of_value = squared_errors()
    assert of_value < 0.95 * of_mean


def test_it_starts_from_the_network_that_hdpo_starts_from_and_acts_without_noise(tmp_path):
    built = one_store(tmp_path)
    seen = seen_first(built)
    other = hdpo(built.problem, built.policy, seen, HDPOConfig("hdpo"), STEPS, burn_in=2)
    algorithm = learner(built, config())
    state, start = (jax.jit(one.init)(jax.random.key(5)) for one in (algorithm, other))
    jax.tree.map(np.testing.assert_array_equal, state.variables, start.variables)
    np.testing.assert_array_equal(
        algorithm.act(state.variables)(seen), built.policy.apply(state.variables, seen).mode()
    )


def test_every_update_draws_anew_and_every_seed_by_itself(tmp_path):
    built = one_store(tmp_path)
    algorithm = learner(built, config(noise="fixed"))
    batch = scenarios(built, jax.random.key(0))
    update = jax.jit(algorithm.update)
    stacked = jax.jit(jax.vmap(algorithm.init))(jax.vmap(jax.random.key)(jnp.arange(2)))
    states = [jax.tree.map(lambda leaf, seed=seed: leaf[seed], stacked) for seed in range(2)]
    together, metrics = jax.jit(jax.vmap(algorithm.update, (0, None)))(stacked, batch)
    costs = set()
    for seed, state in enumerate(states):
        following, of_seed = update(state, batch)
        jax.tree.map(
            partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5),
            jax.tree.map(lambda leaf, seed=seed: leaf[seed], (together.variables, metrics)),
            (following.variables, of_seed),
        )
        np.testing.assert_allclose(following.optimizer_state.noise, np.log(0.5))
        later = state._replace(step=jnp.int32(1))
        costs |= {float(update(one, batch)[1]["train_cost"]) for one in (state, state, later)}
    assert len(costs) == 4


def test_a_state_survives_a_checkpoint(tmp_path):
    state = jax.jit(learner(one_store(tmp_path), config("none")).init)(jax.random.key(0))
    checkpoint.save(tmp_path / "kept", 0, state)
    restored = checkpoint.restore(checkpoint.latest(tmp_path / "kept"), state)
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, restored[:2], state[:2])


def test_a_policy_without_outputs_is_refused(tmp_path):
    built = one_store(tmp_path, "policy=base_stock", net=False)
    with pytest.raises(InputError, match=r"decision is Deterministic.*algorithm hdpo"):
        learner(built, config()).init(jax.random.key(0))


def test_a_batch_of_one_has_no_mean_of_the_others(tmp_path):
    built = one_store(tmp_path)
    algorithm = learner(built, config())
    batch = jax.tree.map(lambda leaf: leaf[:1], scenarios(built, jax.random.key(0)))
    with pytest.raises(InputError, match=r"training\.batch is 1"):
        jax.eval_shape(lambda key: algorithm.update(algorithm.init(key), batch), jax.random.key(0))


def test_noise_of_a_state_is_drawn_and_trained(tmp_path):
    """Its network leaves the start of the policy as it is, and differs between states later on."""
    built, given = one_store(tmp_path), config("none", noise="by_state")
    algorithm = learner(built, given)
    start = jax.jit(algorithm.init)(jax.random.key(0))
    batch = scenarios(built, jax.random.key(0))
    once, metrics = jax.jit(algorithm.update)(start, batch)
    assert metrics["noise_std"] == pytest.approx(given.std, rel=0.1)
    seen = jax.vmap(built.problem.observe)(batch.params, batch.state)
    log_std = jax.vmap(output_noise(built.policy, given).log_std, (None, 0))
    moved = log_std(once.optimizer_state.noise, seen) - log_std(start.optimizer_state.noise, seen)
    assert np.all(np.std(moved, axis=0) > 1e-6)
