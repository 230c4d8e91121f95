"""How a quantile forecaster learns from recorded sales, and how well it then forecasts others.

How the reference of arXiv 2306.11246 was trained is not published; this is ours. Training is one
pure function of a key: a policy's `init` can run it, for one seed or for many at once.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from neuroinv.config import ForecasterConfig
from neuroinv.forecasting.quantile import (
    features_of,
    forecast,
    net_of,
    pinball,
    usual_demand,
)
from neuroinv.problems.inventory.demand import Series
from neuroinv.problems.inventory.dynamics import Parameters
from neuroinv.types import InputError


class Sales(NamedTuple):
    """Recorded sales, in units per period."""

    history: Float[Array, "series window"]
    """What preceded the first recorded period. Forecasts are made from windows of this length."""
    recorded: Float[Array, "series periods"]
    calendar: Float[Array, "periods features"]
    """Of each recorded period, in years from a yearly date."""


class Example(NamedTuple):
    """What is known when a decision is taken, and what then happened."""

    past_demand: Float[Array, " window"]
    calendar: Float[Array, " features"]
    total_demand: Float[Array, " lead_times"]
    """Of the period of the decision and the L that follow, in units."""


class Scores(NamedTuple):
    """How good forecasts were, on average over series and periods."""

    coverage: Float[Array, "lead_times quantiles"]
    """Share of demand at or below the quantile; its probability, where forecasts are calibrated."""
    pinball: Float[Array, "lead_times quantiles"]
    """Pinball loss, in units."""


def recorded_sales(params: Parameters) -> Sales:
    """The sales of all demand nodes of all scenarios (with which leaves of `params` lead), each a
    series. Raises InputError where demand is drawn, not recorded."""
    if not isinstance(params.demand, Series):
        raise InputError(
            "problem.demand.distribution is not series, but a quantile forecaster learns from "
            "recorded sales; give a sales table, or use another policy"
        )

    def by_series(sales: Float[Array, "scenarios periods demands"]) -> Float[Array, "series t"]:
        return jnp.swapaxes(sales, 1, 2).reshape(-1, sales.shape[1])

    recorded = by_series(params.demand.recorded)
    # All scenarios share their periods; the calendar has one more than was recorded.
    return Sales(by_series(params.history), recorded, params.calendar[0, : recorded.shape[1]])


def train_forecaster(key: PRNGKeyArray, sales: Sales, config: ForecasterConfig) -> PyTree:
    """Variables, for `forecast`, that minimise the pinball loss over all windows of `sales`.

    Raises InputError where the sales are too short for the longest lead time.
    """
    examples = periods_with_outcome(sales, config)
    net, net_key, batch_key = net_of(config), *jax.random.split(key)
    # Outside of the net's variables: it is measured, not learned.
    typical = jnp.mean(jnp.log(usual_demand(sales.recorded)))
    variables = net.init(net_key, features_of(typical, sales.history[0], sales.calendar[0]))
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.steps, 0.01)
    optimizer = optax.adam(schedule)

    def loss(variables: PyTree, key: PRNGKeyArray) -> Float[Array, ""]:
        series_key, period_key = jax.random.split(key)
        shape = (config.batch,)
        chosen = jax.random.randint(series_key, shape, 0, len(sales.recorded))
        periods = jax.random.randint(period_key, shape, 0, examples)
        batch = jax.vmap(_example, (None, 0, 0, None))(sales, chosen, periods, config)
        forecaster = {"net": variables, "typical_log_demand": typical}
        quantiles = jax.vmap(forecast, (None, 0, 0, None))(
            forecaster, batch.past_demand, batch.calendar, config
        )
        # Sales are counts, whose noise grows like the root of their size: divided by it, neither
        # large nor small sellers own the loss.
        root = jnp.sqrt(usual_demand(batch.past_demand))
        of_examples = jnp.mean(pinball(quantiles, batch.total_demand), axis=(1, 2))
        return jnp.mean(of_examples / root) / jnp.mean(root)

    def update(
        carried: tuple[PyTree, PyTree], key: PRNGKeyArray
    ) -> tuple[tuple[PyTree, PyTree], None]:
        variables, optimizer_state = carried
        gradient = jax.grad(loss)(variables, key)
        change, optimizer_state = optimizer.update(gradient, optimizer_state)
        return (optax.apply_updates(variables, change), optimizer_state), None

    start = (variables, optimizer.init(variables))
    (trained, _), _ = jax.lax.scan(update, start, jax.random.split(batch_key, config.steps))
    return {"net": trained, "typical_log_demand": typical}


def score(variables: PyTree, sales: Sales, config: ForecasterConfig) -> Scores:
    """Scores of the forecasts for all series, in all periods that the longest lead time fits after.

    Raises InputError where the sales are too short for it.
    """
    series = jnp.arange(len(sales.recorded))

    def of_period(period: Int[Array, ""]) -> Scores:
        def of_series(one: Int[Array, ""]) -> Scores:
            example = _example(sales, one, period, config)
            quantiles = forecast(variables, example.past_demand, example.calendar, config)
            covered = example.total_demand[:, None] <= quantiles
            return Scores(covered, pinball(quantiles, example.total_demand))

        return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), jax.vmap(of_series)(series))

    of_periods = jax.lax.map(of_period, jnp.arange(periods_with_outcome(sales, config)))
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), of_periods)


def periods_with_outcome(sales: Sales, config: ForecasterConfig) -> int:
    """Periods whose demand over the longest lead time was recorded whole. Raises InputError where
    there are none."""
    periods, longest = sales.recorded.shape[1], max(config.lead_times)
    if periods <= longest:
        raise InputError(
            f"policy.forecaster.lead_times has {longest}, but a table's range has only {periods} "
            f"periods after its history of {sales.history.shape[1]}; widen problem.demand.train"
        )
    return periods - longest


def _example(
    sales: Sales, series: Int[Array, ""], period: Int[Array, ""], config: ForecasterConfig
) -> Example:
    window, longest = sales.history.shape[1], max(config.lead_times)
    sequence = jnp.concatenate([sales.history[series], sales.recorded[series]])
    here = jax.lax.dynamic_slice(sequence, (period,), (window + longest + 1,))
    totals = jnp.cumsum(here[window:])[np.asarray(config.lead_times)]
    return Example(here[:window], sales.calendar[period], totals)
