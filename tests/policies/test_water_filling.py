"""Water filling: stores equally safe, everything shipped, and a cost that attains the bound."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import (
    central_differences,
    first,
    numbers,
    parameters,
    serial_system,
    states,
    warehouse_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.optima.transshipment import transshipment_bound
from neuroinv.policies.water_filling import water_filling
from neuroinv.problems.inventory.demand import Normal
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network
from neuroinv.rollout import greedy, total
from neuroinv.training.evaluation import streamed_average_costs
from neuroinv.types import InputError

STORES = 4
NETWORK = warehouse_tree(STORES, holds_stock=False)
POLICY = water_filling(NETWORK)
MEANS, STDS = np.array([3.7, 4.8, 4.6, 6.9]), np.array([1.8, 2.1, 0.9, 1.7])
stocks = numbers(-200, 200)


def scenarios(count, lead_times, underage, correlation):
    """Stores with one lead time and a centre, whose costs and demands are those of the bound."""
    store, centre = lead_times
    params = parameters(
        NETWORK,
        scenarios=count,
        lead_time=[store] * STORES + [centre],
        holding_cost=1.0,
        underage_cost=underage,
        procurement_cost=0.0,
    )
    moments = (jnp.asarray(np.tile(values, (count, 1)), jnp.float32) for values in (MEANS, STDS))
    demand = Normal(*moments, jnp.full(count, correlation), jnp.full(count, -jnp.inf))
    return params._replace(demand=demand)


def observation(params):
    return inventory_problem(NETWORK).observe(first(params), first(states(NETWORK, params)))


@functools.cache
def seen_once():
    return observation(scenarios(1, (2, 3), 9.0, 0.5))


@jax.jit
def orders_for(level, seen):
    return POLICY.apply({"level": level}, seen).mode()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_everything_is_shipped_and_the_stores_that_get_any_are_equally_safe(data):
    on_hand = data.draw(hnp.arrays(np.float32, STORES + 1, elements=stocks))
    pipeline = data.draw(
        hnp.arrays(np.float32, seen_once().pipeline.shape, elements=numbers(0, 50))
    )
    std = data.draw(hnp.arrays(np.float32, STORES, elements=st.floats(0.25, 8, width=32)))
    lead_time = data.draw(hnp.arrays(np.int32, STORES + 1, elements=st.integers(0, 4)))
    seen = seen_once()._replace(on_hand=on_hand, pipeline=pipeline, demand_std=std)
    seen = seen._replace(lead_time=lead_time)
    orders = np.asarray(orders_for(300.0, seen), np.float64)
    shipped, there = orders[:STORES], max(float(on_hand[-1]), 0.0)
    np.testing.assert_allclose(shipped.sum(), there, rtol=1e-5, atol=1e-6)
    assert shipped.min() >= 0.0
    before = (on_hand + pipeline.sum(axis=1)).astype(np.float64)
    assert orders[-1] == pytest.approx(max(300.0 - before.sum(), 0.0), abs=1e-2)
    periods = 1 + lead_time[:STORES]
    safety = (before[:STORES] + shipped - periods * MEANS) / (np.sqrt(periods) * std)
    if there > 0.1:
        rounding = 2e-2 / std.min()
        got_some = shipped > 1e-3
        assert np.ptp(safety[got_some]) < rounding
        assert safety.min() > safety[got_some].max() - rounding


def test_slopes_of_the_orders_are_those_of_central_differences():
    seen, weights = seen_once(), jnp.arange(1.0, STORES + 2)
    on_hand = np.array([6.0, 3.0, 30.0, 4.0, 15.0], np.float32)

    def weighed(on_hand):
        return jnp.sum(weights * orders_for(300.0, seen._replace(on_hand=on_hand)))

    expected = central_differences(weighed, on_hand, 0.25)
    np.testing.assert_allclose(jax.grad(weighed)(on_hand), expected, rtol=1e-3, atol=1e-2)
    nothing_there = np.array([6.0, 6.0, 6.0, 6.0, 0.0], np.float32)
    assert np.all(np.isfinite(jax.grad(weighed)(nothing_there)))


def test_a_store_whose_demand_never_varied_gets_what_it_will_sell():
    seen = seen_once()._replace(
        on_hand=np.array([0.0, 0.0, 0.0, 0.0, 60.0], np.float32),
        pipeline=np.zeros_like(seen_once().pipeline),
        demand_std=np.array([0.0, 2.0, 2.0, 2.0], np.float32),
    )
    shipped = orders_for(300.0, seen)[:STORES]
    np.testing.assert_allclose(shipped[0], 3 * MEANS[0], rtol=5e-3)


@pytest.mark.parametrize("centre", [0, 3])
def test_the_level_starts_at_that_of_the_bound_with_perfect_correlation(centre):
    params = scenarios(1, (2, centre), 9.0, 0.5)
    level = POLICY.init(jax.random.key(0), observation(params))["level"]
    bound = transshipment_bound(MEANS, STDS, 1.0, centre, 2, 1.0, 9.0)
    assert level.shape == ()
    assert float(level) == pytest.approx(bound.level, rel=1e-5)


SCENARIOS, PERIODS, BURN_IN = 400, 500, 50


@jax.jit
def simulated_costs(level, params):
    """Average cost per period of every scenario."""
    act, key = greedy(POLICY, {"level": level}), jax.random.key(5)
    return total(
        streamed_average_costs(inventory_problem(NETWORK), act, params, key, PERIODS, BURN_IN)
    )


@pytest.mark.parametrize(
    ("lead_times", "underage", "correlation"),
    [((2, 3), 4.0, 0.5), ((4, 1), 9.0, 0.0), ((1, 0), 9.0, 0.8)],
)
def test_the_bound_is_attained_and_never_beaten(lead_times, underage, correlation):
    params = scenarios(SCENARIOS, lead_times, underage, correlation)
    # What a centre that ships at once has on hand after shipping is a charge the bound leaves out.
    params = params._replace(holding_cost=params.holding_cost.at[:, STORES].set(0.0))
    store, centre = lead_times
    bound = transshipment_bound(MEANS, STDS, correlation, centre, store, 1.0, underage)
    for shift, attained in ((0.0, True), (-12.0, False), (15.0, False)):
        costs = simulated_costs(bound.level + shift, params)
        error = float(jnp.std(costs)) / np.sqrt(SCENARIOS)
        excess = float(jnp.mean(costs)) - bound.cost
        assert error < 0.01 * bound.cost
        assert abs(excess) < 4 * error if attained else excess > 4 * error


def cross_dock(*edges, stocking=("dock",), holds_stock=False):
    nodes = (
        Node("supplier", "supply"),
        *(Node(name, "stocking", holds_stock) for name in stocking),
        Node("shop", "demand"),
        Node("kiosk", "demand"),
    )
    return build_network(nodes, tuple(Edge(*edge) for edge in edges), 2)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (cross_dock((0, 1), (1, 2), (1, 3), (2, 3)), "'kiosk' has 2"),
        (serial_system(), "one stocking node but there are 2"),
        (cross_dock((0, 1), (0, 2), stocking=()), "one stocking node but there are 0"),
        (cross_dock((0, 1), (1, 2), (1, 3), holds_stock=True), "'dock' may hold stock; set its"),
        (cross_dock((0, 1), (1, 2), (0, 3)), "'kiosk' is supplied by 'supplier'"),
        (cross_dock((0, 1), (1, 2), (2, 3)), "'kiosk' is supplied by 'shop'"),
    ],
)
def test_networks_that_are_no_cross_dock_with_stores_are_refused(network, message):
    with pytest.raises(
        InputError, match=f"^policy.kind water_filling .*{message}.* another policy"
    ):
        water_filling(network)


@pytest.mark.parametrize("name", ["holding_cost", "underage_cost"])
def test_costs_of_nothing_start_from_a_level_all_the_same(name):
    seen = seen_once()
    free = seen._replace(**{name: jnp.zeros_like(getattr(seen, name))})
    variables = POLICY.init(jax.random.key(0), free)
    assert np.isfinite(variables["level"])
