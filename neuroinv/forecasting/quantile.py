"""A forecaster of demand over a lead time: 19 quantiles of it, from what was sold lately.

A perceptron reads the last periods' demand and the calendar, and answers, for every lead time L it
was trained for, with quantiles of the total demand of the L + 1 periods that an order placed now
must last for. Forecasts are multiples of the seller's own recent demand, so one net serves sellers
of any size. The newsvendor policies of arXiv 2306.11246 order by such forecasts.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from neuroinv.config import ForecasterConfig
from neuroinv.problems.inventory.dynamics import LEAST_TYPICAL_SALES
from neuroinv.problems.inventory.seasons import year_waves

COUNT = 19
PROBABILITIES = np.arange(1, COUNT + 1, dtype=np.float32) / (COUNT + 1)
MOST_LOG_SCALE = 4.0  # beyond 50 times the typical size, or below a 50th, size says no more
FIRST_LOWEST, FIRST_GAP = 0.5, 0.08  # an untrained net's quantiles go from half to twice as usual

Quantiles = Float[Array, " quantiles"]
Probability = Float[Array, ""]
Units = Float[Array, ""]
Window = Float[Array, " window"]
Calendar = Float[Array, " features"]


class QuantileNet(nn.Module):
    """Rising quantiles for every lead time, as multiples of usual demand."""

    hidden: tuple[int, ...]
    lead_times: int

    @nn.compact
    def __call__(self, features: Float[Array, " features"]) -> Float[Array, "lead_times quantiles"]:
        """The quantiles for one vector of features."""
        for width in self.hidden:
            features = nn.silu(nn.Dense(width)(features))
        near_zero = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        outputs = nn.Dense(self.lead_times * COUNT, kernel_init=near_zero)(features)
        lowest, rises = jnp.split(outputs.reshape(self.lead_times, COUNT), [1], axis=1)
        gaps = nn.softplus(rises + np.log(np.expm1(FIRST_GAP)))
        return jnp.cumsum(jnp.concatenate([FIRST_LOWEST + lowest, gaps], axis=1), axis=1)


def net_of(config: ForecasterConfig) -> QuantileNet:
    """The net whose variables a forecaster keeps."""
    return QuantileNet(config.hidden, len(config.lead_times))


def usual_demand(past_demand: Float[Array, "*more periods"]) -> Float[Array, "*more"]:
    """Mean demand per period, in units, returns counted as demand; at least one unit, below which
    it says little and would only blow up what is divided by it."""
    return jnp.maximum(jnp.mean(jnp.abs(past_demand), axis=-1), LEAST_TYPICAL_SALES)


def features_of(
    typical_log_demand: Units, past_demand: Window, calendar: Calendar
) -> Float[Array, " features"]:
    """What the net reads: the shape of past demand, how large the seller is, and the season."""
    usual = usual_demand(past_demand)
    # Small sellers vary more, relative to their size. Against the typical seller, the size is free
    # of units: sales counted in dozens give the same forecasts, in dozens.
    size = jnp.clip(jnp.log(usual) - typical_log_demand, -MOST_LOG_SCALE, MOST_LOG_SCALE)
    return jnp.concatenate([past_demand / usual, size[None], year_waves(calendar)])


def forecast(
    variables: PyTree, past_demand: Window, calendar: Calendar, config: ForecasterConfig
) -> Float[Array, "lead_times quantiles"]:
    """Quantiles of the total demand, in units, of this period and the L that follow it.

    `past_demand` ends with the period before this one; `calendar` is this one's, in years from a
    yearly date. Quantiles rise with their probability by construction: they cannot cross.
    """
    features = features_of(variables["typical_log_demand"], past_demand, calendar)
    multiples = jnp.asarray(net_of(config).apply(variables["net"], features))
    periods = 1.0 + np.asarray(config.lead_times, np.float32)
    return usual_demand(past_demand) * periods[:, None] * multiples


def quantile_at(quantiles: Quantiles, probability: Probability) -> Units:
    """The quantile of any probability: linear between those forecast, and carried on beyond the
    outermost two to probabilities 0 and 1."""
    values = _with_ends(quantiles)
    # A sum over segments, not a search for one: under vmap and in gradients it is all dense, and
    # where two segments meet the slope is their mean.
    passed = jnp.clip(probability * len(values[1:]) - np.arange(len(values[1:])), 0.0, 1.0)
    return values[0] + jnp.sum(passed * jnp.diff(values))


def pinball(
    quantiles: Float[Array, "*more quantiles"], demand: Float[Array, "*more"]
) -> Float[Array, "*more quantiles"]:
    """max(p (d - q), (p - 1) (d - q)) for every quantile q, of probability p; in units. On average
    over demand d it is least at the true quantile (Koenker and Bassett 1978)."""
    excess = demand[..., None] - quantiles
    return jnp.maximum(PROBABILITIES * excess, (PROBABILITIES - 1.0) * excess)


def _with_ends(quantiles: Quantiles) -> Float[Array, " quantiles_and_two"]:
    lowest, highest = 2 * quantiles[0] - quantiles[1], 2 * quantiles[-1] - quantiles[-2]
    return jnp.concatenate([lowest[None], quantiles, highest[None]])
