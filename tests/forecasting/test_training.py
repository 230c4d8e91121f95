"""Training: known quantiles are found, in any units; scores and examples are those by hand."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from examples import one_store, parameters

from neuroinv.config import ForecasterConfig
from neuroinv.forecasting.quantile import COUNT, PROBABILITIES, forecast
from neuroinv.forecasting.training import Sales, recorded_sales, score, train_forecaster
from neuroinv.problems.inventory.demand import Series
from neuroinv.types import InputError

WINDOW = 8
SETTINGS = ForecasterConfig(lead_times=(1, 4), hidden=(32, 32), steps=600, batch=256)
PERIODS_A_YEAR = 26
train = jax.jit(train_forecaster, static_argnums=2)
scores = jax.jit(score, static_argnums=2)


def season(period):
    return np.sin(2 * np.pi * period / PERIODS_A_YEAR)


def dated(sales):
    """Sales whose first recorded period is on the yearly date."""
    recorded = sales[:, WINDOW:]
    date = (np.arange(recorded.shape[1]) / PERIODS_A_YEAR + 0.5) % 1 - 0.5
    of_calendar = jnp.asarray(date[:, None], jnp.float32)
    return Sales(jnp.float32(sales[:, :WINDOW]), jnp.float32(recorded), of_calendar)


def poisson_sellers(seed, series=1000, periods=WINDOW + 24):
    """Sellers of all sizes: Poisson demand whose mean is log-uniform from 1 to 300."""
    generator = np.random.default_rng(seed)
    mean = np.exp(generator.uniform(0, np.log(300), (series, 1)))
    return generator.poisson(mean, (series, periods))


def best_pinball(sales, quantiles_of, config):
    """Pinball loss of the true quantiles, given (window, first period, lead time)."""
    losses = []
    for lead_time in config.lead_times:
        of_periods = []
        for period in range(sales.shape[1] - WINDOW - max(config.lead_times)):
            seen = sales[:, period : period + WINDOW]
            total = sales[:, period + WINDOW : period + WINDOW + lead_time + 1].sum(axis=1)
            excess = total[:, None] - quantiles_of(seen, period, lead_time)
            of_periods.append(np.maximum(PROBABILITIES * excess, (PROBABILITIES - 1) * excess))
        losses.append(np.mean(of_periods, axis=(0, 1)))
    return np.array(losses)


def test_poisson_sellers_of_all_sizes_are_forecast_as_well_as_bayes_would():
    """With a log-uniform prior the mean given a window is gamma, and the total negative
    binomial."""

    def true_quantiles(seen, period, lead_time):
        del period
        observed, ratio = seen.sum(axis=1), WINDOW / (WINDOW + lead_time + 1)
        return scipy.stats.nbinom.ppf(PROBABILITIES, np.maximum(observed, 0.5)[:, None], ratio)

    variables = train(jax.random.key(0), dated(poisson_sellers(0)), SETTINGS)
    held_out = poisson_sellers(1, 400)
    held_out = held_out[np.argsort(held_out[:, :WINDOW].sum(axis=1))]
    for sellers in np.split(held_out, 2):  # small ones, large ones
        found = scores(variables, dated(sellers), SETTINGS)
        best = best_pinball(sellers, true_quantiles, SETTINGS)
        assert np.all(np.asarray(found.pinball).mean(axis=1) < 1.02 * best.mean(axis=1))
        nominal = np.broadcast_to(PROBABILITIES, (2, COUNT))
        # Demand in whole units is at or below a quantile more often than its probability says.
        np.testing.assert_allclose(found.coverage, nominal, atol=0.05)


def test_a_season_is_learned_and_carried_over_to_the_next_year():
    def seasonal_sales(seed, periods):
        generator = np.random.default_rng(seed)
        mean = 100 * (1 + 0.4 * season(np.arange(-WINDOW, periods)))
        return generator.normal(mean, 10, (300, periods + WINDOW))

    def true_quantiles(seen, period, lead_time):
        ahead = np.arange(period, period + lead_time + 1)
        mean = np.sum(100 * (1 + 0.4 * season(ahead)))
        spread = scipy.stats.norm.ppf(PROBABILITIES) * 10 * np.sqrt(lead_time + 1)
        return np.broadcast_to(mean + spread, (len(seen), COUNT))

    variables = train(jax.random.key(0), dated(seasonal_sales(0, 2 * PERIODS_A_YEAR)), SETTINGS)
    held_out = seasonal_sales(1, PERIODS_A_YEAR + 4)
    found = np.asarray(scores(variables, dated(held_out), SETTINGS).pinball).mean(axis=1)
    best = best_pinball(held_out, true_quantiles, SETTINGS).mean(axis=1)
    # Without the season the loss would be several times the best.
    assert np.all(found < 1.05 * best)


BRIEF = ForecasterConfig(lead_times=(0, 3), hidden=(8,), steps=60, batch=64)
forecast_briefly = jax.jit(functools.partial(forecast, config=BRIEF))


def test_sales_counted_in_fours_give_the_same_forecasts_in_fours():
    sales = dated(poisson_sellers(2, 50) + 4.0)
    in_fours = sales._replace(history=sales.history / 4, recorded=sales.recorded / 4)
    of_units, of_fours = (train(jax.random.key(3), one, BRIEF) for one in (sales, in_fours))
    for window in np.asarray(sales.history[:5]):
        date = np.float32([0.2])
        np.testing.assert_allclose(
            forecast_briefly(of_units, window, date),
            4 * forecast_briefly(of_fours, window / 4, date),
            rtol=1e-3,
        )


def test_seeds_trained_together_are_those_trained_alone_and_differ():
    sales = dated(poisson_sellers(4, 50))
    keys = jax.random.split(jax.random.key(0), 2)
    together = jax.jit(jax.vmap(lambda key: train_forecaster(key, sales, BRIEF)))(keys)
    for index in range(2):
        alone = train(keys[index], sales, BRIEF)
        jax.tree.map(
            lambda a, b, index=index: np.testing.assert_allclose(a, b[index], atol=2e-3),
            alone,
            together,
        )
    first, second = (
        forecast_briefly(
            jax.tree.map(lambda leaf, i=index: leaf[i], together),
            jnp.full(WINDOW, 9.0),
            jnp.zeros(1),
        )
        for index in range(2)
    )
    assert not np.allclose(first, second, rtol=1e-3)


def test_scores_are_those_by_hand():
    """Window, date and totals of every decision, written out."""
    sales = dated(poisson_sellers(5, 4, WINDOW + 9))
    variables = train(jax.random.key(0), sales, BRIEF)
    covered, losses = [], []
    for history, recorded in zip(
        np.asarray(sales.history), np.asarray(sales.recorded), strict=True
    ):
        for period in range(9 - 3):
            past = np.concatenate([history, recorded[:period]])[-WINDOW:]
            quantiles = forecast_briefly(variables, past, sales.calendar[period])
            totals = np.array([recorded[period], recorded[period : period + 4].sum()])
            excess = totals[:, None] - np.asarray(quantiles)
            covered.append(excess <= 0)
            losses.append(np.maximum(PROBABILITIES * excess, (PROBABILITIES - 1) * excess))
    found = scores(variables, sales, BRIEF)
    np.testing.assert_allclose(found.pinball, np.mean(losses, axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.coverage, np.mean(covered, axis=0), atol=1e-6)


def test_sales_of_all_stores_are_series_of_one_calendar():
    params = parameters(one_store(), scenarios=2, past_periods=3)
    history = jnp.arange(2 * 3 * 2.0).reshape(2, 3, 2)
    recorded = 100 + jnp.arange(2 * 4 * 2.0).reshape(2, 4, 2)
    calendar = jnp.broadcast_to(jnp.arange(5.0)[:, None] / 10, (2, 5, 1))
    demand = Series(history.mean(axis=1), history.std(axis=1), recorded)
    sales = recorded_sales(params._replace(demand=demand, history=history, calendar=calendar))
    np.testing.assert_array_equal(sales.history[1], [1, 3, 5])
    np.testing.assert_array_equal(sales.recorded[2], [108, 110, 112, 114])
    np.testing.assert_allclose(sales.calendar[:, 0], [0.0, 0.1, 0.2, 0.3])
    with pytest.raises(InputError, match=r"^problem.demand.distribution is not series"):
        recorded_sales(params)


@pytest.mark.parametrize("periods", [1, 4])
def test_sales_too_short_for_a_lead_time_are_refused(periods):
    sales = dated(np.ones((3, WINDOW + periods)))
    with pytest.raises(InputError, match=f"lead_times has 4, .* only {periods} periods"):
        train_forecaster(jax.random.key(0), sales, SETTINGS)
    with pytest.raises(InputError, match=f"lead_times has 4, .* only {periods} periods"):
        score({}, sales, SETTINGS)
