"""Quantiles: looked up and back, scored by pinball loss, and never crossing."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from examples import numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.config import ForecasterConfig
from neuroinv.forecasting.quantile import (
    COUNT,
    PROBABILITIES,
    features_of,
    forecast,
    net_of,
    pinball,
    quantile_at,
)

WINDOW = 6
SMALL = ForecasterConfig(lead_times=(0, 2, 5), hidden=(8,))
gaps = hnp.arrays(np.float32, COUNT - 1, elements=st.floats(0.125, 100, width=32))
firsts = numbers(-1000, 1000)
lookup = jax.jit(quantile_at)
slope = jax.jit(jax.grad(quantile_at, argnums=1))


def rising(first, gaps):
    return np.float32(first) + np.concatenate([[0], np.cumsum(gaps)]).astype(np.float32)


def with_ends(quantiles):
    low, high = 2 * quantiles[0] - quantiles[1], 2 * quantiles[-1] - quantiles[-2]
    return np.concatenate([[low], quantiles, [high]]).astype(np.float64)


@settings(deadline=None)
@given(firsts, gaps, numbers(0, 1))
def test_lookup_is_linear_between_quantiles(first, gaps, probability):
    values = with_ends(rising(first, gaps))
    found = float(lookup(jnp.asarray(values[1:-1], jnp.float32), probability))
    expected = np.interp(probability, np.linspace(0, 1, COUNT + 2), values)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(values).max())


@settings(deadline=None, max_examples=30)
@given(gaps, st.integers(0, COUNT), st.floats(0.25, 0.75))
def test_slope_of_the_lookup_is_that_of_the_segment_and_their_mean_at_a_quantile(gaps, at, inside):
    quantiles = rising(0, gaps)
    slopes = np.diff(with_ends(quantiles)) * (COUNT + 1)
    within = float(slope(jnp.asarray(quantiles), (at + inside) / (COUNT + 1)))
    np.testing.assert_allclose(within, slopes[at], rtol=1e-3)
    # 0.25, 0.5 and 0.75 are exact in binary; a slope of 0 there would keep training from moving.
    for index in (4, 9, 14):
        at_quantile = float(slope(jnp.asarray(quantiles), PROBABILITIES[index]))
        np.testing.assert_allclose(at_quantile, slopes[index : index + 2].mean(), rtol=1e-3)


def test_pinball_is_least_on_average_at_the_true_quantile():
    """Against demand at evenly spread ranks the loss is least at the quantiles of the sample."""
    demand = np.sort(np.random.default_rng(0).gamma(2.0, 10.0, 1999)).astype(np.float32)
    true = demand[np.arange(1, COUNT + 1) * 2000 // (COUNT + 1) - 1]

    def loss(quantiles):
        repeated = jnp.broadcast_to(jnp.asarray(quantiles), (demand.size, COUNT))
        return np.asarray(pinball(repeated, jnp.asarray(demand)), np.float64).mean(axis=0)

    for change in (-2.0, -0.5, 0.5, 2.0):
        assert np.all(loss(true + np.float32(change)) > loss(true))


@settings(deadline=None, max_examples=30)
@given(firsts, gaps, firsts)
def test_pinball_is_the_newsvendor_cost_of_stocking_the_quantile(first, gaps, demand):
    quantiles = rising(first, gaps)
    short, surplus = np.maximum(demand - quantiles, 0), np.maximum(quantiles - demand, 0)
    expected = PROBABILITIES * short + (1 - PROBABILITIES) * surplus
    found = pinball(jnp.asarray(quantiles), jnp.asarray(demand, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


@functools.cache
def far_forecaster():
    """A forecaster far from its first variables, so that it reacts to all that it reads."""
    typical = jnp.float32(2.0)
    seen = features_of(typical, jnp.ones(WINDOW), jnp.zeros(1))
    generator = np.random.default_rng(1)
    net = jax.tree.map(
        lambda leaf: leaf + jnp.asarray(generator.normal(size=leaf.shape), leaf.dtype),
        net_of(SMALL).init(jax.random.key(0), seen),
    )
    variables = {"net": net, "typical_log_demand": typical}
    return jax.jit(lambda past, date: forecast(variables, past, date, SMALL))


windows = hnp.arrays(np.float32, WINDOW, elements=numbers(-100, 20_000))
dates = hnp.arrays(np.float32, 1, elements=numbers(-0.5, 0.5))


@settings(deadline=None)
@given(windows, dates)
def test_quantiles_of_any_window_are_finite_and_never_cross(past_demand, date):
    quantiles = np.asarray(far_forecaster()(past_demand, date))
    assert quantiles.shape == (3, COUNT)
    assert np.all(np.isfinite(quantiles))
    assert np.all(np.diff(quantiles, axis=1) >= 0)


@settings(deadline=None, max_examples=20)
@given(windows)
def test_half_a_year_before_and_after_a_date_are_the_same_season(past_demand):
    before, after = (far_forecaster()(past_demand, np.float32([d])) for d in (-0.5, 0.5))
    np.testing.assert_allclose(before, after, rtol=1e-3, atol=1e-2)


def test_what_the_forecast_depends_on():
    """On every period of the window, the date, and the size of the seller beyond its units."""
    generator = np.random.default_rng(2)
    past, date = generator.uniform(5, 15, WINDOW).astype(np.float32), np.float32([0.1])
    usual = np.asarray(far_forecaster()(past, date))
    for period in range(WINDOW):
        more = past + np.eye(WINDOW, dtype=np.float32)[period]
        assert not np.allclose(far_forecaster()(more, date), usual, rtol=1e-3)
    assert not np.allclose(far_forecaster()(past, date + np.float32(0.1)), usual, rtol=1e-3)
    assert not np.allclose(np.asarray(far_forecaster()(10 * past, date)) / 10, usual, rtol=1e-3)
    # Sellers far beyond what was trained on are forecast in proportion.
    huge, larger = (far_forecaster()(np.float32(size) * past, date) for size in (1e4, 4e4))
    np.testing.assert_allclose(larger, 4 * huge, rtol=1e-4)
