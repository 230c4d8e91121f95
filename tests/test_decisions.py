"""Decisions: probabilities add up to one, and samples, mode and entropy agree with them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.decisions import Categorical, Deterministic, Gaussian, Hybrid, Transformed

DRAWS = 40_000
KEYS = jax.random.split(jax.random.key(0), DRAWS)
ordinary = st.floats(-3, 3, width=32)


def as_it_is(outputs):
    return outputs


@settings(deadline=None, max_examples=15)
@given(ordinary, st.floats(-1, 1, width=32))
def test_gaussian_density_integrates_to_one_and_gives_the_entropy(mean, log_std):
    decision = Gaussian(jnp.asarray([mean]), jnp.asarray([log_std]), as_it_is)
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
    decision = Gaussian(jnp.asarray(mean), jnp.asarray(log_std), as_it_is)
    independent = scipy.stats.norm(mean, np.exp(log_std))
    action = np.array([0.7, -1.0, 2.0])
    assert float(decision.log_prob(jnp.asarray(action))) == pytest.approx(
        independent.logpdf(action).sum(), rel=1e-5
    )
    assert float(decision.entropy()) == pytest.approx(independent.entropy().sum(), rel=1e-5)


def test_gaussian_samples_have_its_moments_and_carry_its_gradient():
    mean, log_std = np.array([1.0, -2.0]), np.array([0.3, -0.5])
    decision = Gaussian(jnp.asarray(mean), jnp.asarray(log_std), as_it_is)
    samples = np.asarray(jax.vmap(decision.sample)(KEYS))
    std = np.exp(log_std)
    assert np.all(np.abs(samples.mean(axis=0) - mean) < 5 * std / np.sqrt(DRAWS))
    assert np.all(np.abs(samples.std(axis=0) / std - 1) < 5 / np.sqrt(2 * DRAWS))
    assert abs(np.corrcoef(samples.T)[0, 1]) < 5 / np.sqrt(DRAWS)
    of_mean, of_log_std = jax.grad(
        lambda *given: Gaussian(*given, as_it_is).sample(KEYS[0])[0], argnums=(0, 1)
    )(decision.mean, decision.log_std)
    np.testing.assert_allclose(of_mean, [1, 0])
    # The sample moves with the log of the standard deviation by its distance from the mean.
    np.testing.assert_allclose(of_log_std, [samples[0, 0] - mean[0], 0], rtol=1e-4)


def weighted(weights, outputs):
    """The action: the weighted outputs."""
    return jnp.sum(weights[..., None] * outputs, axis=-2)


def regimes(logits: np.ndarray) -> Categorical:
    """Three outputs in each regime."""
    logits = jnp.asarray(logits, jnp.float32)
    outputs = jnp.arange(10.0, 10 + 3 * logits.size).reshape(*logits.shape, 3)
    return Categorical(logits, outputs, weighted)


def enumerated(decision: Categorical) -> np.ndarray:
    """All that may be drawn."""
    *choices, count = decision.logits.shape
    return np.stack(np.meshgrid(*[np.arange(count)] * int(np.prod(choices))), axis=-1).reshape(
        -1, *choices
    )


logit = st.floats(-5, 5, width=32, allow_subnormal=False)


@settings(deadline=None, max_examples=30)
@given(st.lists(logit, min_size=6, max_size=6), st.sampled_from([(6,), (1, 6), (2, 3), (3, 2)]))
def test_probabilities_of_all_draws_sum_to_one_and_give_the_entropy(logits, shape):
    logits = np.asarray(logits).reshape(shape)
    decision = regimes(logits)
    draws = enumerated(decision)
    log_probabilities = np.asarray(jax.vmap(decision.log_prob)(jnp.asarray(draws)), np.float64)
    probabilities = np.exp(log_probabilities)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    entropy = -np.sum(probabilities * log_probabilities)
    assert float(decision.entropy()) == pytest.approx(entropy, abs=1e-4)
    likeliest = np.asarray(decision.to_action(jnp.asarray(logits.argmax(axis=-1))))
    np.testing.assert_array_equal(decision.mode(), likeliest)


def test_regimes_are_drawn_by_probability_and_keep_their_outputs():
    logits = np.array([[0.0, 1.0, -1.0, 0.5], [2.0, 0.0, 0.0, 0.0]])
    decision = regimes(logits)
    drawn = np.asarray(jax.vmap(decision.sample)(KEYS))
    for choice, probabilities in enumerate(scipy.special.softmax(logits, axis=1)):
        counts = np.bincount(drawn[:, choice], minlength=4)
        assert scipy.stats.chisquare(counts, DRAWS * probabilities).pvalue > 1e-4
    together = np.corrcoef(drawn.T)[0, 1]
    assert abs(together) < 5 / np.sqrt(DRAWS)
    action = decision.to_action(jnp.asarray([1, 3]))
    np.testing.assert_array_equal(action, np.asarray(decision.outputs)[[0, 1], [1, 3]])


def test_outputs_have_a_gradient_only_in_their_regime():
    decision = regimes(np.array([0.0, 2.0, 1.0]))
    gradient = jax.grad(lambda outputs: decision._replace(outputs=outputs).mode().sum())(
        decision.outputs
    )
    np.testing.assert_array_equal(gradient, [[0] * 3, [1] * 3, [0] * 3])


def test_hybrid_scores_the_regime_and_the_noise_on_its_outputs_alone():
    logits, log_std = np.array([0.3, -0.2]), np.array([[0.0, -1.0, 0.5], [0.2, 0.1, -0.3]])
    decision = Hybrid(regimes(logits), jnp.asarray(log_std, jnp.float32))
    drawn = decision.sample(KEYS[0])
    regime, outputs = int(drawn.regime), np.asarray(drawn.outputs)
    of_noise = scipy.stats.norm(np.asarray(decision.regimes.outputs), np.exp(log_std))
    expected = scipy.special.log_softmax(logits)[regime] + of_noise.logpdf(outputs)[regime].sum()
    assert float(decision.log_prob(drawn)) == pytest.approx(expected, rel=1e-4)
    np.testing.assert_array_equal(decision.to_action(drawn), outputs[regime])
    np.testing.assert_array_equal(decision.mode(), decision.regimes.outputs[0])
    all_outputs = np.asarray(jax.vmap(decision.sample)(KEYS).outputs)
    error = 5 * np.exp(log_std) / np.sqrt(DRAWS)
    assert np.all(np.abs(all_outputs.mean(axis=0) - decision.regimes.outputs) < error)


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
