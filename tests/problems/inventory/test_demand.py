"""Demand: what is drawn has the distribution that the config names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from examples import problem_config

from neuroinv.problems.inventory.demand import Discrete, Normal, Series
from neuroinv.problems.inventory.instance import build_instance, draw_parameters

DRAWS = 40_000
ERRORS = 5.0  # standard errors that a seeded estimate may be off
KEY = jax.random.key(11)
STORES = {
    "supplier": {"kind": "supply"},
    "store": {"kind": "demand", "count": 3, "underage_cost": 9.0},
}


def drawn(**demand):
    """Draws [periods, 3] of three stores, and the distribution behind them, through the config."""
    instance = build_instance(problem_config(nodes=STORES, demand=demand))
    params = draw_parameters(instance, "train", 2)
    distribution = jax.tree.map(lambda leaf: leaf[1], params.demand)
    sample = jax.jit(lambda key: distribution.sample(key, DRAWS))(KEY)
    return np.asarray(sample, np.float64), distribution


def assert_moments(draws, mean, variance, kurtosis=3.0):
    """Sample mean and variance of every column within a few standard errors."""
    mean, variance = np.broadcast_to(mean, 3), np.broadcast_to(variance, 3)
    assert np.all(np.abs(draws.mean(axis=0) - mean) < ERRORS * np.sqrt(variance / DRAWS))
    error = variance * np.sqrt((kurtosis - 1) / DRAWS)
    assert np.all(np.abs(draws.var(axis=0) - variance) < ERRORS * error)


def assert_independent(draws):
    """No correlation between the stores, nor between one period and the next."""
    between = np.corrcoef(draws.T) - np.eye(3)
    onward = np.array([np.corrcoef(column[1:], column[:-1])[0, 1] for column in draws.T])
    assert max(np.abs(between).max(), np.abs(onward).max()) < ERRORS / np.sqrt(DRAWS)


def test_unclipped_normal_demand_keeps_mean_std_and_correlation():
    mean, std = np.array([2.0, 5.0, 8.0]), np.array([3.0, 1.0, 2.0])
    draws, distribution = drawn(
        distribution="normal", mean=mean.tolist(), std=std.tolist(), correlation=0.5, clipped=False
    )
    assert isinstance(distribution, Normal)
    assert_moments(draws, mean, std**2)
    correlations = np.corrcoef(draws.T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlations - 0.5) < ERRORS * (1 - 0.5**2) / np.sqrt(DRAWS))
    onward = np.corrcoef(draws[1:, 0], draws[:-1, 0])[0, 1]
    assert abs(onward) < ERRORS / np.sqrt(DRAWS)
    assert scipy.stats.kstest((draws[:, 0] - 2.0) / 3.0, "norm").pvalue > 1e-4


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_correlation_reaches_from_none_to_full(correlation, expected):
    draws, _ = drawn(
        distribution="normal", mean=5.0, std=2.0, correlation=correlation, clipped=False
    )
    between = np.corrcoef(draws.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(between, expected, atol=ERRORS / np.sqrt(DRAWS))


def test_clipped_normal_demand_has_the_moments_of_its_positive_part():
    mean, std = 2.0, 3.0  # a quarter is clipped
    draws, _ = drawn(
        distribution="normal", mean=mean, coefficient_of_variation=std / mean, clipped=True
    )
    below, density = scipy.stats.norm.cdf(-mean / std), scipy.stats.norm.pdf(mean / std)
    first = mean * (1 - below) + std * density
    second = (mean**2 + std**2) * (1 - below) + mean * std * density
    assert_moments(draws, first, second - first**2, kurtosis=5.0)
    assert_independent(draws)
    assert draws.min() == 0
    error = np.sqrt(below * (1 - below) / DRAWS)
    assert np.all(np.abs((draws == 0).mean(axis=0) - below) < ERRORS * error)


INTEGER = {
    "poisson": ({"distribution": "poisson"}, lambda mean: scipy.stats.poisson(mean)),
    "geometric": (
        {"distribution": "geometric"},
        # Failures before the first success, whose probability makes the mean what it is.
        lambda mean: scipy.stats.nbinom(1, 1 / (1 + mean)),
    ),
    "negative_binomial": (
        {"distribution": "negative_binomial", "variance": 30.0},
        lambda mean: scipy.stats.nbinom(mean / (30.0 / mean - 1), mean / 30.0),
    ),
}


@pytest.mark.parametrize("name", INTEGER)
def test_whole_demand_has_its_probabilities(name):
    config, exact = INTEGER[name]
    means = [0.8, 5.0, 12.5]
    draws, distribution = drawn(**config, mean=means)
    assert isinstance(distribution, Discrete)
    np.testing.assert_array_equal(draws, np.round(draws))
    assert draws.min() == 0
    for column, mean in zip(draws.T, means, strict=True):
        law = exact(mean)
        assert law.mean() == pytest.approx(mean)
        most = int(law.isf(20 / DRAWS))
        probabilities = np.append(law.pmf(np.arange(most)), law.sf(most - 1))
        counts = np.bincount(np.minimum(column, most).astype(int), minlength=most + 1)
        likely = probabilities * DRAWS >= 10
        rare = (counts[~likely].sum(), probabilities[~likely].sum() * DRAWS)
        observed, expected = counts[likely], probabilities[likely] * DRAWS
        if rare[1] > 0:
            observed, expected = np.append(observed, rare[0]), np.append(expected, rare[1])
        assert scipy.stats.chisquare(observed, expected).pvalue > 1e-4
    variances = np.array([exact(mean).var() for mean in means])
    kurtosis = np.array([float(exact(mean).stats("k")) for mean in means]) + 3
    assert_moments(draws, means, variances, kurtosis)
    assert_independent(draws)


def test_the_table_of_a_whole_distribution_is_its_exact_cumulative():
    instance = build_instance(
        problem_config(nodes=STORES, demand={"distribution": "poisson", "mean": [1.0, 4.0, 9.0]})
    )
    table = np.asarray(draw_parameters(instance, "dev", 2).demand.cumulative)
    assert table.shape[:2] == (2, 3)
    for column, mean in zip(table[0], [1.0, 4.0, 9.0], strict=True):
        exact = scipy.stats.poisson(mean).cdf(np.arange(table.shape[2]))
        np.testing.assert_allclose(column, exact, rtol=1e-6)
        assert column[-1] == 1, "what is left out is too rare to be drawn"


def test_no_uniform_number_draws_beyond_the_table():
    cumulative = jnp.array([[0.25, 0.5, 1.0]])
    draws = Discrete(jnp.array([1.25]), jnp.array([1.0]), cumulative).sample(KEY, 1000)
    assert sorted(np.unique(draws)) == [0, 1, 2]


def test_series_replays_its_record_whatever_the_key():
    recorded = jnp.asarray(np.random.default_rng(0).normal(5, 9, (8, 2)), jnp.float32)
    series = Series(jnp.ones(2), jnp.ones(2), recorded)
    for key in jax.random.split(KEY, 2):
        np.testing.assert_array_equal(series.sample(key, 5), recorded[:5])
