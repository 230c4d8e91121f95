"""Further updates from one batch: the score's gradient at first, and a limit to how far they go."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neuroinv.algorithms.proximal import Proximal, Rows, proximal_updates, rows_of, standardised
from neuroinv.decisions import Categorical
from neuroinv.rollout import Sampled
from neuroinv.types import InputError

COUNT, SIZE = 12, 3
ONCE = Proximal(epochs=1, minibatches=1, clip_ratio=0.2, most_divergence=1.0)
descend = optax.sgd(1.0)


def score(variables, observation, drawn):
    """Regimes whose logits are linear in what is seen."""
    decision = Categorical(variables @ observation, jnp.zeros((4, 0)), lambda *parts: parts)
    return decision.log_prob(drawn), decision.entropy()


def batch(old=None):
    """Variables, and decisions of the old ones (the same, unless given)."""
    generator = np.random.default_rng(0)
    variables = jnp.asarray(generator.normal(size=(4, SIZE)), jnp.float32)
    observation = jnp.asarray(generator.normal(size=(COUNT, SIZE)), jnp.float32)
    drawn = jnp.asarray(generator.integers(0, 4, COUNT), jnp.int32)
    old = variables if old is None else old
    log_prob = jax.vmap(score, (None, 0, 0))(old, observation, drawn)[0]
    advantage = jnp.asarray(generator.normal(size=COUNT), jnp.float32)
    return variables, Rows(observation, drawn, log_prob, advantage)


def updated(variables, rows, how, entropy_weight=0.0, optimizer=descend):
    state = optimizer.init(variables)
    run = jax.jit(
        lambda key: proximal_updates(
            score, optimizer, variables, state, rows, key, how, entropy_weight
        )
    )
    return run(jax.random.key(0))


def test_the_first_step_takes_the_gradient_of_the_plain_score():
    variables, rows = batch()

    def plain(variables):
        log_prob, entropy = jax.vmap(score, (None, 0, 0))(variables, rows.observation, rows.drawn)
        return jnp.mean(rows.advantage * log_prob) - 0.3 * jnp.mean(entropy)

    moved, _, metrics = updated(variables, rows, ONCE, entropy_weight=0.3)
    np.testing.assert_allclose(variables - moved, jax.grad(plain)(variables), rtol=1e-4, atol=1e-6)
    assert metrics["divergence"] == pytest.approx(0, abs=1e-6)
    assert not metrics["stopped_early"]


def test_a_decision_that_has_become_likely_enough_is_not_made_likelier():
    """Beyond the clipped ratio only what was too good to be true is still corrected."""
    variables, rows = batch()
    ahead = rows._replace(log_prob=rows.log_prob - 0.5)  # all are likelier than they were
    far = ONCE._replace(most_divergence=10.0)
    for advantage, moves in ((-jnp.ones(COUNT), False), (jnp.ones(COUNT), True)):
        moved, *_ = updated(variables, ahead._replace(advantage=advantage), far)
        assert np.any(np.asarray(moved) != np.asarray(variables)) == moves


def test_nothing_moves_where_the_policy_is_too_far_already():
    variables, rows = batch(old=jnp.zeros((4, SIZE)))
    many = Proximal(epochs=3, minibatches=2, clip_ratio=0.2, most_divergence=0.01)
    optimizer = optax.adam(0.1)
    moved, state, metrics = updated(variables, rows, many, optimizer=optimizer)
    assert metrics["stopped_early"]
    assert metrics["divergence"] > 0.01
    np.testing.assert_array_equal(moved, variables)
    jax.tree.map(np.testing.assert_array_equal, state, optimizer.init(variables))


def test_epochs_end_at_the_first_step_from_a_policy_too_far():
    variables, rows = batch()
    fast = optax.sgd(5.0)
    short, long = (ONCE._replace(epochs=epochs, most_divergence=0.01) for epochs in (2, 9))
    first, *_ = updated(variables, rows, ONCE, optimizer=fast)
    for how in (short, long):
        moved, _, metrics = updated(variables, rows, how, optimizer=fast)
        np.testing.assert_array_equal(moved, first)
        assert metrics["stopped_early"]


@pytest.mark.parametrize("minibatches", [2, 3])
def test_every_decision_of_an_epoch_is_used_once(minibatches):
    """Each of several parts moves about as far as all of them at once."""
    variables, rows = batch()
    slow = optax.sgd(1e-3)
    at_once, of_parts = (
        updated(variables, rows, ONCE._replace(minibatches=parts), optimizer=slow)[0] - variables
        for parts in (1, minibatches)
    )
    np.testing.assert_allclose(of_parts, minibatches * at_once, rtol=0.02, atol=1e-6)


def test_rows_are_the_decisions_of_the_counted_periods():
    values = jnp.arange(12.0).reshape(3, 4)
    seen = {"seen": values[..., None] + 2, "empty": jnp.zeros((3, 4, 0, 2))}
    sampled = Sampled(values, values + 1, values, seen, values + 3)
    rows = rows_of(sampled, values**2, slice(1, 3))
    counted = np.asarray(values)[:, 1:3].ravel()
    np.testing.assert_array_equal(rows.log_prob, counted + 1)
    np.testing.assert_array_equal(rows.observation["seen"][:, 0], counted + 2)
    np.testing.assert_array_equal(rows.drawn, counted + 3)
    assert rows.observation["empty"].shape == (6, 0, 2)
    np.testing.assert_allclose(rows.advantage, standardised(jnp.asarray(counted**2)), rtol=1e-5)
    assert np.mean(rows.advantage) == pytest.approx(0, abs=1e-6)
    assert np.std(rows.advantage) == pytest.approx(1, rel=1e-5)


def test_more_minibatches_than_decisions_are_refused():
    variables, rows = batch()
    with pytest.raises(InputError, match=r"minibatches is 13 but a batch has 12 decisions; lower"):
        jax.eval_shape(partial(updated, how=ONCE._replace(minibatches=13)), variables, rows)
