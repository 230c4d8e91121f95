"""Newsvendors: the order lifts the position to a forecast quantile; only its probability learns."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from examples import central_differences, first, numbers, parameters, states, warehouse_tree
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from neuroinv.config import (
    FixedQuantileConfig,
    ForecasterConfig,
    QuantileNewsvendorConfig,
    ReturnsNewsvendorConfig,
    TransformedNewsvendorConfig,
)
from neuroinv.forecasting.quantile import COUNT, PROBABILITIES, forecast
from neuroinv.policies.newsvendor import (
    fixed_quantile,
    levels,
    quantile_newsvendor,
    returns_newsvendor,
    transformed_newsvendor,
)
from neuroinv.problems.inventory.demand import Series
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network
from neuroinv.types import InputError

WINDOW, MEAN, LEAD_TIME = 6, 40.0, 2
BRIEF = ForecasterConfig(lead_times=(1, 2), hidden=(16,), steps=400, batch=128)
KINDS = {
    "quantile_newsvendor": (quantile_newsvendor, QuantileNewsvendorConfig),
    "returns_newsvendor": (returns_newsvendor, ReturnsNewsvendorConfig),
    "fixed_quantile": (fixed_quantile, FixedQuantileConfig),
    "transformed_newsvendor": (transformed_newsvendor, TransformedNewsvendorConfig),
}


def two_stores():
    """Each fed by its own edge; the edges are listed the other way round."""
    nodes = (Node("supplier", "supply"), Node("store_0", "demand"), Node("store_1", "demand"))
    return build_network(nodes, (Edge(0, 2), Edge(0, 1)), 4)


def recorded(network, stores=2, scenarios=200, periods=12):
    """Poisson sales, the same mean everywhere, with lead times 1 and 2."""
    generator = np.random.default_rng(0)
    sales = jnp.float32(generator.poisson(MEAN, (scenarios, WINDOW + periods, stores)))
    history, rest = sales[:, :WINDOW], sales[:, WINDOW:]
    params = parameters(network, scenarios=scenarios, past_periods=WINDOW, lead_time=[1, LEAD_TIME])
    return params._replace(
        demand=Series(history.mean(axis=1), history.std(axis=1), rest),
        history=history,
        calendar=jnp.zeros((scenarios, periods + 1, 1)),
    )


@functools.cache
def set_up(kind):
    """A policy whose forecaster is trained, its variables, and an observation."""
    network = two_stores()
    params = recorded(network)
    make, config = KINDS[kind]
    policy = make(network, params, config(kind, forecaster=BRIEF))
    seen = first(jax.vmap(inventory_problem(network).observe)(params, states(network, params)))
    return policy, jax.jit(policy.init)(jax.random.key(0), seen), seen


def critical_ratio(seen):
    return np.asarray(seen.underage_cost / (seen.underage_cost + seen.holding_cost))


@pytest.mark.parametrize("kind", ["quantile_newsvendor", "returns_newsvendor"])
@settings(deadline=None, max_examples=30)
@given(stock=hnp.arrays(np.float32, 2, elements=numbers(-300, 300)))
def test_orders_on_any_stock_are_those_by_hand(kind, stock):
    policy, variables, seen = set_up(kind)
    seen = seen._replace(on_hand=stock)
    orders = np.asarray(jax.jit(policy.apply)(variables, seen).mode())
    for store, edge in enumerate((1, 0)):
        row = list(BRIEF.lead_times).index(int(seen.lead_time[edge]))
        past = seen.past_demand[:, store]
        quantiles = np.asarray(forecast(variables["forecaster"], past, seen.calendar, BRIEF))[row]
        ends = 2 * quantiles[0] - quantiles[1], 2 * quantiles[-1] - quantiles[-2]
        known = np.concatenate([ends[:1], quantiles, ends[1:]])
        level = np.interp(critical_ratio(seen)[store], np.linspace(0, 1, COUNT + 2), known)
        wanted = level - stock[store] - np.asarray(seen.pipeline)[store].sum()
        least = -np.inf if kind == "returns_newsvendor" else 0.0
        np.testing.assert_allclose(orders[edge], max(wanted, least), rtol=1e-4, atol=1e-2)


def test_the_level_of_steady_demand_is_its_quantile():
    """Of Poisson demand over a lead time and a period; within a twentieth of its spread."""
    _, variables, seen = set_up("quantile_newsvendor")
    seen = seen._replace(past_demand=jnp.full((WINDOW, 2), MEAN), lead_time=jnp.array([1, 2]))
    for probability in (0.5, 0.9):
        asked = jnp.full(2, probability)
        found = levels(two_stores(), variables["forecaster"], BRIEF, asked, seen)
        total = MEAN * np.array([LEAD_TIME + 1, 2])  # the edges are listed the other way round
        expected = scipy.stats.poisson.ppf(probability, total)
        np.testing.assert_allclose(found, expected, atol=0.4 * np.sqrt(total).max())


def test_an_unknown_lead_time_has_no_level():
    _, variables, seen = set_up("quantile_newsvendor")
    found = levels(
        two_stores(),
        variables["forecaster"],
        BRIEF,
        jnp.full(2, 0.5),
        seen._replace(lead_time=jnp.array([1, 4])),
    )
    np.testing.assert_array_equal(np.isnan(found), [True, False])


@pytest.mark.parametrize("kind", KINDS)
def test_costs_teach_the_probability_and_leave_the_forecaster_alone(kind):
    policy, variables, seen = set_up(kind)
    seen = seen._replace(on_hand=jnp.zeros(2), pipeline=jnp.zeros_like(seen.pipeline))
    if kind == "fixed_quantile":
        middle = np.mean(PROBABILITIES[-3:-1])
        logit = jnp.float32(scipy.special.logit(middle))
        variables = variables | {"probability": {"logit": logit}}

    @jax.jit
    def ordered(variables):
        return jnp.sum(policy.apply(variables, seen).mode())

    gradient = jax.grad(ordered)(variables)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient["forecaster"]))
    learned = jax.tree.leaves(gradient["probability"])
    assert policy.trained == bool(learned) == (kind in ("fixed_quantile", "transformed_newsvendor"))
    if kind == "fixed_quantile":

        def at(logit):
            return ordered(variables | {"probability": {"logit": jnp.float32(logit)}})

        # Linear between quantiles: a step from the middle of a gap has no error but rounding.
        expected = central_differences(at, variables["probability"]["logit"], 0.02)
        np.testing.assert_allclose(learned[0], expected, rtol=0.01)
    if kind == "transformed_newsvendor":
        assert all(np.any(leaf) for leaf in learned)


def test_a_transformed_newsvendor_reads_each_stores_costs():
    policy, variables, seen = set_up("transformed_newsvendor")
    apply = jax.jit(lambda seen: policy.apply(variables, seen).mode())
    seen = seen._replace(on_hand=jnp.zeros(2), pipeline=jnp.zeros_like(seen.pipeline))
    dearer = seen._replace(underage_cost=seen.underage_cost * np.float32([1, 5]))
    change = np.asarray(apply(dearer) - apply(seen))
    assert change[0] > 1
    np.testing.assert_allclose(change[1], 0, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_what_newsvendors_cannot_do_is_refused(kind):
    make, config = KINDS[kind]
    network = two_stores()
    params = recorded(network)
    with pytest.raises(InputError, match=r"lead_times is \[1\], but an edge .* lead time 2"):
        make(network, params, config(kind, forecaster=ForecasterConfig(lead_times=(1,))))
    with pytest.raises(InputError, match="only 2 periods after its history"):
        make(network, recorded(network, periods=2), config(kind, forecaster=BRIEF))
    drawn = parameters(network, lead_time=1)
    with pytest.raises(InputError, match=r"^problem.demand.distribution is not series"):
        make(network, drawn, config(kind, forecaster=BRIEF))
    tree = warehouse_tree()
    with pytest.raises(InputError, match=f"^policy.kind {kind} orders from supply nodes only"):
        make(tree, parameters(tree, lead_time=1), config(kind, forecaster=BRIEF))
