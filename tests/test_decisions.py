"""Decisions: probabilities add up to one, and samples, mode and entropy agree with them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.decisions import Categorical, Deterministic, Gaussian, HybridAction, Transformed

DRAWS = 40_000
KEYS = jax.random.split(jax.random.key(0), DRAWS)
ordinary = st.floats(-3, 3, width=32)


@settings(deadline=None, max_examples=15)
@given(ordinary, st.floats(-1, 1, width=32))
def test_gaussian_density_integrates_to_one_and_gives_the_entropy(mean, log_std):
    decision = Gaussian(jnp.asarray([mean]), jnp.asarray([log_std]))
    reach = 10 * np.exp(log_std)
    grid = np.linspace(mean - reach, mean + reach, 4001)
    log_density = np.asarray(jax.vmap(decision.log_prob)(jnp.asarray(grid)[:, None]), np.float64)
    density = np.exp(log_density)
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-4)
    entropy = -np.trapezoid(density * log_density, grid)
    assert float(decision.entropy()) == pytest.approx(entropy, abs=1e-3)
    assert grid[np.argmax(density)] == pytest.approx(float(decision.mode()[0]), abs=1e-2)


def test_gaussian_of_several_actions_is_a_product_of_normals():
    mean, log_std = np.array([1.0, -2.0, 0.5]), np.array([0.3, -0.5, 0.0])
    decision = Gaussian(jnp.asarray(mean), jnp.asarray(log_std))
    independent = scipy.stats.norm(mean, np.exp(log_std))
    action = np.array([0.7, -1.0, 2.0])
    assert float(decision.log_prob(jnp.asarray(action))) == pytest.approx(
        independent.logpdf(action).sum(), rel=1e-5
    )
    assert float(decision.entropy()) == pytest.approx(independent.entropy().sum(), rel=1e-5)


def test_gaussian_samples_have_its_moments_and_carry_its_gradient():
    mean, log_std = np.array([1.0, -2.0]), np.array([0.3, -0.5])
    decision = Gaussian(jnp.asarray(mean), jnp.asarray(log_std))
    samples = np.asarray(jax.vmap(decision.sample)(KEYS))
    std = np.exp(log_std)
    assert np.all(np.abs(samples.mean(axis=0) - mean) < 5 * std / np.sqrt(DRAWS))
    assert np.all(np.abs(samples.std(axis=0) / std - 1) < 5 / np.sqrt(2 * DRAWS))
    assert abs(np.corrcoef(samples.T)[0, 1]) < 5 / np.sqrt(DRAWS)
    gradient = jax.grad(lambda d: d.sample(KEYS[0])[0])(decision)
    np.testing.assert_allclose(gradient.mean, [1, 0])
    # The sample moves with the log of the standard deviation by its distance from the mean.
    np.testing.assert_allclose(gradient.log_std, [samples[0, 0] - mean[0], 0], rtol=1e-4)


def regimes(logits: np.ndarray) -> Categorical:
    quantity = {"order": jnp.arange(10.0, 10 + 3 * len(logits)).reshape(-1, 3)}
    return Categorical(jnp.asarray(logits, jnp.float32), quantity)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4))
def test_regime_probabilities_sum_to_one_and_give_the_entropy(logits):
    decision = regimes(np.asarray(logits))
    candidates = decision.candidates["order"]
    log_probabilities = np.array(
        [
            float(decision.log_prob(HybridAction(jnp.int32(regime), candidates[regime])))
            for regime in range(4)
        ]
    )
    probabilities = np.exp(log_probabilities)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        probabilities, scipy.special.softmax(np.asarray(logits, np.float64)), atol=1e-5
    )
    entropy = -np.sum(probabilities * log_probabilities)
    assert float(decision.entropy()) == pytest.approx(entropy, abs=1e-4)
    mode = decision.mode()
    assert logits[int(mode.regime)] == max(logits)
    np.testing.assert_array_equal(mode.quantity["order"], candidates[int(mode.regime)])


def test_regimes_are_drawn_by_probability_and_keep_their_candidate():
    decision = regimes(np.array([0.0, 1.0, -1.0, 0.5]))
    actions = jax.vmap(decision.sample)(KEYS)
    probabilities = scipy.special.softmax([0.0, 1.0, -1.0, 0.5])
    counts = np.bincount(actions.regime, minlength=4)
    assert scipy.stats.chisquare(counts, DRAWS * probabilities).pvalue > 1e-4
    np.testing.assert_array_equal(
        actions.quantity["order"], np.asarray(decision.candidates["order"])[actions.regime]
    )


def test_a_candidate_has_a_gradient_only_in_its_regime():
    decision = regimes(np.array([0.0, 2.0, 1.0]))
    gradient = jax.grad(lambda d: d.mode().quantity["order"].sum(), allow_int=True)(decision)
    np.testing.assert_array_equal(gradient.candidates["order"], [[0] * 3, [1] * 3, [0] * 3])


def test_deterministic_takes_its_action_for_certain():
    action = {"order": jnp.asarray([1.0, 2.0])}
    decision = Deterministic(action)
    assert decision.sample(KEYS[0]) is action
    assert decision.mode() is action
    assert float(decision.log_prob(action)) == 0
    assert float(decision.entropy()) == 0


def test_transformed_takes_the_transform_of_its_outputs_for_certain():
    decision = Transformed(jnp.asarray([0.0, -1.0]), lambda outputs: {"order": jnp.exp(outputs)})
    for action in (decision.mode(), decision.sample(KEYS[0]), decision.sample(KEYS[1])):
        np.testing.assert_allclose(action["order"], np.exp([0.0, -1.0]), rtol=1e-6)
    assert float(decision.log_prob(decision.mode())) == 0
    assert float(decision.entropy()) == 0
    slope = jax.grad(lambda outputs: decision._replace(outputs=outputs).mode()["order"].sum())
    np.testing.assert_allclose(slope(decision.outputs), np.exp([0.0, -1.0]), rtol=1e-6)
