"""Newsvendors: order up to a forecast quantile of the demand that the order must last for.

The quantile is that of a forecaster trained on recorded sales (`neuroinv.forecasting`) before the
policy is: `init` trains it, so that it lives in the policy's variables, and a checkpoint holds all
that deciding takes. What sets these policies apart is the probability of the quantile (spec 3.2 of
arXiv 2306.11246's public code). Its best choice is the critical ratio where demand is backlogged
and forecasts are right; where sales are lost, or forecasts wrong, a learned one does better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from neuroinv.config import (
    FixedQuantileConfig,
    ForecasterConfig,
    QuantileNewsvendorConfig,
    ReturnsNewsvendorConfig,
    TransformedNewsvendorConfig,
)
from neuroinv.decisions import Deterministic
from neuroinv.forecasting.quantile import forecast, quantile_at
from neuroinv.forecasting.training import periods_with_outcome, recorded_sales, train_forecaster
from neuroinv.policies.mlp import MLP
from neuroinv.policies.positions import inventory_position
from neuroinv.policies.stock_levels import check_one_supplier_each
from neuroinv.problems.inventory.dynamics import Observation, Parameters
from neuroinv.problems.inventory.network import Network, incoming
from neuroinv.problems.inventory.routing import route
from neuroinv.types import InputError, Policy

Demands = Float[Array, " demands"]
LEAST_RATIO = 1e-3  # a critical ratio of 0 or 1 has no logit


class Probability(NamedTuple):
    """Which quantile is ordered up to, as a function of the critical ratio p / (p + h)."""

    init: Callable[[PRNGKeyArray], PyTree]
    """key -> trainable variables."""
    apply: Callable[[PyTree, Demands], Demands]
    """(variables, critical ratios) -> probabilities."""


CRITICAL_RATIO = Probability(lambda key: {}, lambda variables, critical_ratio: critical_ratio)


def quantile_newsvendor(
    network: Network, train: Parameters, config: QuantileNewsvendorConfig
) -> Policy:
    """q = max(quantile of probability p / (p + h) - inventory position, 0).

    Nothing is trained but the forecaster. `train` are the parameters of all training scenarios.

    Raises (as do the other newsvendors):
        InputError: a location is not fed by exactly one edge, from a supply node; demand is not
            recorded; or a lead time is not among the forecaster's.
    """
    return _newsvendor(network, train, config.kind, config.forecaster, CRITICAL_RATIO)


def returns_newsvendor(
    network: Network, train: Parameters, config: ReturnsNewsvendorConfig
) -> Policy:
    """`quantile_newsvendor` that sends surplus stock back: orders may be negative.

    Not admissible, since no supplier takes goods back at their price, and stock that is sent back
    leaves only after the lead time. A reference for what too much stock costs; to be read where
    demand is backlogged (`problem.unmet_demand=backlogged problem.objective=cost`), because stock
    on hand may fall below zero with nobody waiting for it: where demand is lost, what is missing
    then counts as sold back by customers, who are paid what a unit earns.
    """
    return _newsvendor(network, train, config.kind, config.forecaster, CRITICAL_RATIO, True)


def fixed_quantile(network: Network, train: Parameters, config: FixedQuantileConfig) -> Policy:
    """`quantile_newsvendor` with one trainable probability, whatever the costs."""

    def init(key: PRNGKeyArray) -> PyTree:
        del key
        return {"logit": jax.scipy.special.logit(jnp.float32(config.initial_probability))}

    def apply(variables: PyTree, critical_ratio: Demands) -> Demands:
        return jnp.full_like(critical_ratio, jax.nn.sigmoid(variables["logit"]))

    probability = Probability(init, apply)
    return _newsvendor(network, train, config.kind, config.forecaster, probability)


def transformed_newsvendor(
    network: Network, train: Parameters, config: TransformedNewsvendorConfig
) -> Policy:
    """`quantile_newsvendor` with a trainable probability: the critical ratio, corrected by a small
    perceptron that reads it. Untrained it is close to no correction."""
    net = MLP(config.hidden, 1, "elu")

    def logits_of(critical_ratio: Demands) -> Demands:
        inside = jnp.clip(critical_ratio, LEAST_RATIO, 1 - LEAST_RATIO)
        return jax.scipy.special.logit(inside)

    def init(key: PRNGKeyArray) -> PyTree:
        return net.init(key, jnp.zeros(1))

    def apply(variables: PyTree, critical_ratio: Demands) -> Demands:
        logits = logits_of(critical_ratio)
        correction = jax.vmap(lambda logit: net.apply(variables, logit[None])[0])(logits)
        return jax.nn.sigmoid(logits + jnp.asarray(correction))

    probability = Probability(init, apply)
    return _newsvendor(network, train, config.kind, config.forecaster, probability)


def levels(
    network: Network,
    variables: PyTree,
    config: ForecasterConfig,
    probability: Demands,
    observation: Observation,
) -> Demands:
    """The base-stock level of every demand node, in units: the quantile of given probability, by
    the forecaster of these variables.

    It is not a number where the forecaster does not know the lead time.
    """
    lead_time = route(incoming(network), observation.lead_time.astype(jnp.float32))

    def level(past_demand: Array, lead_time: Array, probability: Array) -> Array:
        quantiles = forecast(variables, past_demand, observation.calendar, config)
        known = lead_time == np.asarray(config.lead_times)
        chosen = jnp.sum(jnp.where(known[:, None], quantiles, 0.0), axis=0)
        return jnp.where(jnp.any(known), quantile_at(chosen, probability), jnp.nan)

    return jax.vmap(level, in_axes=(1, 0, 0))(observation.past_demand, lead_time, probability)


def _newsvendor(
    network: Network,
    train: Parameters,
    kind: str,
    config: ForecasterConfig,
    probability: Probability,
    takes_back: bool = False,
) -> Policy:
    _check_fed_by_supply(network, kind)
    sales = recorded_sales(train)
    check_lead_times(train, config)
    periods_with_outcome(sales, config)  # so that sales too short are refused before a run begins

    def init(key: PRNGKeyArray, example: Observation) -> PyTree:
        del example
        forecaster_key, probability_key = jax.random.split(key)
        return {
            "forecaster": train_forecaster(forecaster_key, sales, config),
            "probability": probability.init(probability_key),
        }

    def apply(variables: PyTree, observation: Observation) -> Deterministic:
        # Forecasts are learned from sales alone. A gradient of costs would turn them into whatever
        # lowers the simulated cost, of which no probability would be true.
        forecaster = jax.lax.stop_gradient(variables["forecaster"])
        # Every location is a demand node here, so costs, positions and levels are in one order.
        costs = observation.underage_cost + observation.holding_cost
        critical_ratio = observation.underage_cost / jnp.maximum(costs, jnp.finfo(costs.dtype).tiny)
        chosen = probability.apply(variables["probability"], critical_ratio)
        wanted = levels(network, forecaster, config, chosen, observation)
        orders = wanted - inventory_position(observation)
        if not takes_back:
            orders = jnp.maximum(orders, 0.0)
        return Deterministic(route(incoming(network).T, orders))

    trained = bool(jax.tree.leaves(jax.eval_shape(probability.init, jax.random.key(0))))
    return Policy(init, apply, trained)


def _check_fed_by_supply(network: Network, kind: str) -> None:
    check_one_supplier_each(network, kind)
    for edge in network.edges:
        source, destination = (network.nodes[end] for end in edge)
        if source.kind != "supply":
            raise InputError(
                f"policy.kind {kind} orders from supply nodes only, but '{destination.name}' is "
                f"fed by the {source.kind} node '{source.name}'; use another policy"
            )


def check_lead_times(params: Parameters, config: ForecasterConfig) -> None:
    """Raise InputError where scenarios have a lead time that the forecaster does not know."""
    for lead_time in np.unique(params.lead_time):
        if lead_time not in config.lead_times:
            raise InputError(
                f"policy.forecaster.lead_times is {list(config.lead_times)}, but an edge of the "
                f"problem has lead time {lead_time}; train a forecaster that knows it"
            )
