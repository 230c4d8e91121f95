"""The simulator: nothing is lost on the way, and special cases equal what they reduce to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import (
    demand_noise,
    example,
    first,
    networks,
    numbers,
    one_store,
    parameters,
    period_costs,
    replay,
    replay_feasible,
    seeds,
    serial_system,
    sizes,
    states,
    warehouse_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.policies.allocation import proportional
from neuroinv.problems.inventory.dynamics import Noise, inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network, locations
from neuroinv.types import Scenarios

COUNT = 12  # scenarios, each with lead times of its own


@settings(deadline=None, max_examples=10)  # each compiles a program
@given(networks(), seeds)
def test_stock_is_conserved_and_never_negative_where_orders_are_feasible(network, seed):
    generator = np.random.default_rng(seed)
    location_count, customers, edge_count = sizes(network)
    params = parameters(network, seed, COUNT)
    faces_demand = np.array([network.nodes[node].kind == "demand" for node in locations(network)])
    before = states(network, params, seed)
    if network.unmet_demand == "backlogged":
        owed = generator.uniform(0, 20, (COUNT, location_count)) * faces_demand
        before = before._replace(on_hand=before.on_hand - owed)
    demand = jnp.asarray(generator.integers(-2, 15, (COUNT, customers)), float)  # with returns
    wanted = jnp.asarray(generator.uniform(0, 12, (COUNT, edge_count)))
    problem = inventory_problem(network)

    @jax.jit
    @jax.vmap
    def step(params, state, wanted, noise):
        orders = proportional(network, wanted, state.on_hand)
        return orders, *problem.step(params, state, orders, noise)

    noise = Noise(demand, jnp.zeros((COUNT, 0)))
    orders, after, outcome = step(params, before, wanted, noise)

    def everywhere(state):
        return np.asarray(state.on_hand).sum(axis=1) + np.asarray(state.pipeline).sum(axis=(1, 2))

    from_supply = np.array([network.nodes[edge.source].kind == "supply" for edge in network.edges])
    bought = np.asarray(orders)[:, from_supply].sum(axis=1)
    sold = np.asarray(outcome.flows.sales).sum(axis=1)
    np.testing.assert_allclose(everywhere(after) - everywhere(before), bought - sold, atol=2e-4)

    may_owe = faces_demand & (network.unmet_demand == "backlogged")
    assert np.asarray(after.on_hand)[:, ~may_owe].min(initial=0) > -1e-4
    assert np.asarray(after.pipeline).min(initial=0) >= 0
    np.testing.assert_array_equal(outcome.flows.orders, orders)
    np.testing.assert_array_equal(outcome.flows.demand, demand)
    assert np.all(outcome.flows.sales <= demand)
    if network.unmet_demand == "backlogged":
        np.testing.assert_array_equal(outcome.flows.sales, demand)


def one_store_by_hand(scenario, orders, unmet_demand, objective):
    """One store in plain NumPy: arrivals are booked in the period in which they can be used."""
    params, state, noise = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), scenario)
    lead_time, periods = int(params.lead_time[0]), len(orders)
    arrivals = np.zeros(periods + lead_time + len(state.pipeline[0]) + 1)
    arrivals[0] = state.on_hand[0]
    arrivals[1 : 1 + len(state.pipeline[0])] = state.pipeline[0]
    stock, costs = 0.0, []
    for period, (order, demand) in enumerate(zip(orders, noise.demand[:, 0], strict=True)):
        arrivals[period + lead_time] += order
        stock += arrivals[period]
        cost = params.procurement_cost[0] * order
        cost += params.holding_cost[0] * max(stock - demand, 0)
        if objective == "cost":
            cost += params.underage_cost[0] * max(demand - stock, 0)
        else:
            cost -= params.underage_cost[0] * min(stock, demand)
        costs.append(cost)
        stock = stock - demand
        if unmet_demand == "lost":
            stock = max(stock, 0)
    return np.array(costs)


amounts = numbers(0, 30)


@pytest.mark.parametrize("objective", ["cost", "profit"])
@pytest.mark.parametrize("unmet_demand", ["lost", "backlogged"])
@settings(deadline=None, max_examples=25)
@given(
    orders=hnp.arrays(float, 10, elements=amounts),
    demand=hnp.arrays(float, 10, elements=numbers(-5, 30)),
    lead_time=st.integers(0, 4),
    seed=seeds,
)
def test_one_store_equals_a_loop_by_hand(unmet_demand, objective, orders, demand, lead_time, seed):
    network = one_store(unmet_demand=unmet_demand, objective=objective)
    params = parameters(network, seed, scenarios=1, lead_time=lead_time)
    noise = Noise(jnp.asarray(demand[None, :, None]), jnp.zeros((1, 10, 0)))
    scenarios = Scenarios(params, states(network, params, seed), noise)
    rollout = replay(network, scenarios, jnp.asarray(orders[None, :, None]))
    by_hand = one_store_by_hand(first(scenarios), orders, unmet_demand, objective)
    np.testing.assert_allclose(
        period_costs(rollout.trajectory.outcome)[0], by_hand, rtol=1e-4, atol=2e-3
    )


def unit_order(lead_times, demand_periods):
    """Sales of an empty store that orders one unit in period 0; one scenario per lead time."""
    network = one_store(unmet_demand="lost")
    count, periods = len(lead_times), 8
    params = parameters(
        network, scenarios=count, lead_time=np.array(lead_times)[:, None], initial_inventory=0.0
    )
    empty = jax.tree.map(jnp.zeros_like, states(network, params))
    demand = np.isin(np.arange(periods), demand_periods).astype(float)
    noise = Noise(jnp.tile(demand[None, :, None], (count, 1, 1)), jnp.zeros((count, periods, 0)))
    orders = jnp.zeros((count, periods, 1)).at[:, 0].set(1.0)
    rollout = replay(network, Scenarios(params, empty, noise), orders)
    return np.asarray(rollout.trajectory.outcome.flows.sales)[:, :, 0]


def test_an_order_is_usable_after_exactly_its_lead_time_and_at_once_where_that_is_zero():
    lead_times = [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(unit_order(lead_times, range(8)), np.eye(8)[lead_times])
    # Demand of the period before finds nothing; demand of any later period finds the unit.
    np.testing.assert_array_equal(unit_order(lead_times, [3])[:, 3], [1, 1, 1, 1, 0])


def test_two_ways_to_the_same_store_keep_their_own_lead_times():
    nodes = (Node("near", "supply"), Node("far", "supply"), Node("store", "demand"))
    network = build_network(nodes, (Edge(0, 2), Edge(1, 2)), 3, "lost")
    params = parameters(network, scenarios=1, lead_time=[1, 3])
    empty = jax.tree.map(jnp.zeros_like, states(network, params))
    noise = Noise(jnp.zeros((1, 5, 1)), jnp.zeros((1, 5, 0)))
    orders = jnp.zeros((1, 5, 2)).at[0, 0].set(jnp.array([10.0, 100.0]))
    rollout = replay(network, Scenarios(params, empty, noise), orders)
    np.testing.assert_array_equal(rollout.trajectory.state.on_hand[0, :, 0], [0, 10, 10, 110, 110])


def test_stock_that_arrives_at_a_warehouse_can_be_shipped_only_when_it_is_there():
    network = serial_system(3, unmet_demand="lost")
    params = parameters(network, scenarios=1, lead_time=[2, 1, 1])
    empty = jax.tree.map(jnp.zeros_like, states(network, params))
    noise = Noise(jnp.ones((1, 8, 1)), jnp.zeros((1, 8, 0)))
    wanted = jnp.full((1, 8, 3), 1.0).at[:, 1:, 0].set(0.0)  # the supplier ships in period 0 only
    rollout = replay_feasible(network, Scenarios(params, empty, noise), wanted)
    moved = np.asarray(rollout.trajectory.outcome.flows.orders)[0]
    np.testing.assert_array_equal(moved, np.eye(8)[[0, 2, 3]].T)
    sales = np.asarray(rollout.trajectory.outcome.flows.sales)[0, :, 0]
    np.testing.assert_array_equal(sales, np.eye(8)[4])


def test_the_bound_on_lead_times_changes_no_result():
    results = []
    for bound in (4, 9):
        network = warehouse_tree(lead_time_bound=bound, unmet_demand="lost")
        scenarios = example(network, 12, scenarios=2, lead_time=[0, 2, 4, 3])
        narrow = states(warehouse_tree(lead_time_bound=4), scenarios.params)
        unused = network.pipeline_length - narrow.pipeline.shape[2]
        pipeline = jnp.pad(narrow.pipeline, ((0, 0), (0, 0), (0, unused)))
        scenarios = scenarios._replace(state=narrow._replace(pipeline=pipeline))
        wanted = jnp.asarray(np.random.default_rng(0).uniform(0, 9, (2, 12, 4)))
        results.append(replay_feasible(network, scenarios, wanted).trajectory)
    narrow, wide = results
    # The compiler may add up in another order; nothing else may differ.
    np.testing.assert_allclose(period_costs(narrow.outcome), period_costs(wide.outcome), rtol=1e-5)
    np.testing.assert_allclose(narrow.state.on_hand, wide.state.on_hand, rtol=1e-5, atol=1e-5)


def test_the_first_stock_lies_within_its_range_and_only_where_the_lead_time_reaches():
    network = warehouse_tree()
    lead_time = np.array([[0, 1, 4, 2]] * 200)  # to the three stores, and to the warehouse
    params = parameters(network, scenarios=200, lead_time=lead_time, initial_inventory=[0.5, 2.0])
    keys = jax.random.split(jax.random.key(0), 200)
    drawn = jax.jit(jax.vmap(inventory_problem(network).init))(params, keys)
    stock = np.concatenate([drawn.on_hand[:, :, None], drawn.pipeline], axis=2)
    expected = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(stock > 0, np.broadcast_to(expected, stock.shape))
    multiples = stock[:, :3] / np.asarray(params.demand.mean)[:, :, None]
    used = multiples[multiples > 0]
    assert used.min() == pytest.approx(0.5, abs=0.02)
    assert used.max() == pytest.approx(2.0, abs=0.02)
    assert used.mean() == pytest.approx(1.25, abs=5 * 1.5 / np.sqrt(12 * used.size))


def test_what_is_observed_is_the_past_and_a_scale_of_at_least_one_unit():
    network = one_store()
    params = parameters(network, scenarios=1, past_periods=3)
    problem, one = inventory_problem(network), first(params)
    state = first(states(network, params))
    demands = demand_noise(network, 1, 4).demand[0]
    for demand in demands:
        seen, window = problem.observe(one, state), np.asarray(state.past_demand)
        np.testing.assert_allclose(seen.demand_scale, np.abs(window).mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(seen.demand_std, window.std(axis=0), rtol=1e-5)
        state, _ = problem.step(one, state, jnp.zeros(1), Noise(demand, jnp.zeros(0)))
    np.testing.assert_array_equal(state.past_demand, demands[-3:])
    slow = problem.observe(one, state._replace(past_demand=jnp.array([[0.0], [1.0], [-1.0]])))
    np.testing.assert_array_equal(slow.demand_scale, [1.0])
    np.testing.assert_allclose(slow.demand_std, [np.sqrt(2 / 3)], rtol=1e-6)


def test_without_a_window_the_scale_and_the_spread_observed_are_those_of_the_distribution():
    network, spread = warehouse_tree(), jnp.array([0.5, 1.0, 2.0])
    scenarios = parameters(network, scenarios=1)
    params, state = first((scenarios, states(network, scenarios)))
    params = params._replace(demand=params.demand._replace(std=spread))
    seen = inventory_problem(network).observe(params, state)
    np.testing.assert_array_equal(seen.demand_scale, params.demand.mean)
    np.testing.assert_array_equal(seen.demand_std, spread)


def test_the_calendar_observed_is_that_of_the_period():
    network = one_store()
    problem, calendar = inventory_problem(network), np.arange(10.0).reshape(5, 2)
    params = first(parameters(network, scenarios=1))._replace(calendar=jnp.asarray(calendar))
    state = problem.init(params, jax.random.key(0))
    noise = problem.exogenous(params, jax.random.key(0), 4)
    for period in range(5):
        np.testing.assert_array_equal(problem.observe(params, state).calendar, calendar[period])
        if period < 4:
            now = jax.tree.map(lambda leaf, at=period: leaf[at], noise)
            state, _ = problem.step(params, state, jnp.zeros(1), now)
