"""Echelon-stock policies: orders by hand, nested levels, and the exact cost of a serial system."""

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
    sizes,
    states,
    warehouse_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.optima.clark_scarf import serial_cost_normal, serial_optimum_normal
from neuroinv.policies.echelon_stock import echelon_levels, echelon_stock, variables_of_levels
from neuroinv.problems.inventory.demand import Normal
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network, locations
from neuroinv.rollout import greedy, total
from neuroinv.training.evaluation import streamed_average_costs
from neuroinv.types import InputError

DEEP = build_network(
    # A store, listed before the central depot that serves it beside a regional one with two more.
    (
        Node("store_0", "demand"),
        Node("central", "stocking"),
        Node("regional", "stocking"),
        Node("store_1", "demand"),
        Node("supplier", "supply"),
        Node("store_2", "demand"),
    ),
    (Edge(1, 0), Edge(1, 2), Edge(2, 3), Edge(2, 5), Edge(4, 1)),
    4,
)
NETWORKS = {"serial": serial_system(), "warehouse": warehouse_tree(), "deep": DEEP}
stocks = numbers(-1e3, 1e4)


def observation(network, params):
    problem = inventory_problem(network)
    return problem.observe(first(params), first(states(network, params)))


@functools.cache
def set_up(name):
    """A policy compiled once, its first variables, and an observation."""
    network = NETWORKS[name]
    policy, seen = echelon_stock(network, 0.8), observation(network, parameters(network))
    variables = policy.init(jax.random.key(0), seen)
    return jax.jit(lambda seen: policy.apply(variables, seen).mode()), variables, seen


def echelon(network, node):
    """Indices of a node and all nodes that are served through it."""
    served = (echelon(network, edge.destination) for edge in network.edges if edge.source == node)
    return {node}.union(*served)


def levels_and_orders_by_hand(network, seen, cover):
    """Node by node, and edge by edge, each with its sums over the echelon written out."""
    place = {node: index for index, node in enumerate(locations(network))}
    customers = [node for node in place if network.nodes[node].kind == "demand"]
    scale = dict(zip(customers, np.asarray(seen.demand_scale, np.float64), strict=True))
    lead_time = {
        edge.destination: int(periods)
        for edge, periods in zip(network.edges, seen.lead_time, strict=True)
    }
    typical = {node: sum(scale.get(i, 0.0) for i in echelon(network, node)) for node in place}
    increment = {node: cover * typical[node] * (1 + lead_time[node]) for node in place}
    stock = np.asarray(seen.on_hand, np.float64) + np.asarray(seen.pipeline).sum(axis=1)
    levels = np.array([sum(increment[i] for i in echelon(network, node)) for node in place])
    orders = np.zeros(len(network.edges))
    for index, edge in enumerate(network.edges):
        position = sum(stock[place[i]] for i in echelon(network, edge.destination))
        orders[index] = max(levels[place[edge.destination]] - position, 0.0)
    for node in place:
        leaving = np.array([edge.source == node for edge in network.edges])
        there = max(float(seen.on_hand[place[node]]), 0.0)
        orders[leaving] *= min(1.0, there / max(orders[leaving].sum(), 1e-30))
    return levels, orders


@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_levels_and_orders_on_any_stock_are_those_by_hand(name, data):
    network = NETWORKS[name]
    apply, variables, seen = set_up(name)
    on_hand = data.draw(hnp.arrays(np.float32, sizes(network)[0], elements=stocks))
    pipeline = data.draw(hnp.arrays(np.float32, seen.pipeline.shape, elements=numbers(0, 50)))
    lead_time = data.draw(hnp.arrays(np.int32, sizes(network)[2], elements=st.integers(0, 4)))
    seen = seen._replace(on_hand=on_hand, pipeline=pipeline, lead_time=lead_time)
    levels, orders = levels_and_orders_by_hand(network, seen, 0.8)
    np.testing.assert_allclose(echelon_levels(network, variables, seen), levels, rtol=1e-5)
    np.testing.assert_allclose(apply(seen), orders, rtol=1e-4, atol=4e-3)


@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=15)
@given(st.data())
def test_variables_of_levels_give_the_levels_back(name, data):
    network = NETWORKS[name]
    seen = set_up(name)[2]
    covers = hnp.arrays(np.float64, sizes(network)[0], elements=st.just(0) | st.floats(0.01, 30))
    cover = data.draw(covers)
    before_softplus = np.log(np.expm1(np.maximum(cover, 1e-30)))
    levels = np.asarray(echelon_levels(network, {"cover": before_softplus}, seen), np.float64)
    again = variables_of_levels(network, levels, seen)
    np.testing.assert_allclose(echelon_levels(network, again, seen), levels, rtol=1e-5, atol=1e-4)


def test_a_level_above_the_one_upstream_is_lowered_to_it():
    network = NETWORKS["serial"]
    seen = set_up("serial")[2]
    variables = variables_of_levels(network, np.array([20.0, 35.0, 10.0]), seen)
    np.testing.assert_allclose(echelon_levels(network, variables, seen), [20, 20, 10], rtol=1e-5)


def test_a_level_below_those_of_the_locations_supplied_is_refused():
    levels = np.array([20.0, 20.0, 20.0, 50.0])
    with pytest.raises(InputError, match=r"^levels: 'warehouse' has 50, less than the 60 .*raise"):
        variables_of_levels(NETWORKS["warehouse"], levels, set_up("warehouse")[2])


def test_two_suppliers_of_a_store_are_refused():
    nodes = (Node("near", "supply"), Node("far", "supply"), Node("shop", "demand"))
    network = build_network(nodes, (Edge(0, 2), Edge(1, 2)), 2)
    with pytest.raises(InputError, match=r"echelon_stock .*'shop' has 2; use another policy"):
        echelon_stock(network, 1.0)


HOLDING, UNDERAGE, MEAN, STD = (0.1, 0.5, 1.0), 9.0, 5.0, 2.0
SCENARIOS, PERIODS, BURN_IN = 400, 600, 100


def exact_cost(levels, lead_times):
    return serial_cost_normal(levels, MEAN, STD, lead_times, HOLDING, UNDERAGE, clipped=True)


def serial_scenarios(lead_times):
    demand = Normal(
        jnp.full((SCENARIOS, 1), MEAN),
        jnp.full((SCENARIOS, 1), STD),
        jnp.zeros(SCENARIOS),
        jnp.zeros(SCENARIOS),
    )
    given_values = {"lead_time": lead_times, "holding_cost": HOLDING, "underage_cost": UNDERAGE}
    params = parameters(NETWORKS["serial"], 0, SCENARIOS, procurement_cost=0.0, **given_values)
    return params._replace(demand=demand)


@jax.jit
def simulated_costs(variables, params):
    """Average cost per period of every scenario."""
    network = NETWORKS["serial"]
    act = greedy(echelon_stock(network, 1.0), variables)
    key = jax.random.key(3)
    return total(
        streamed_average_costs(inventory_problem(network), act, params, key, PERIODS, BURN_IN)
    )


@pytest.mark.parametrize("lead_times", [(2, 3, 4), (0, 2, 1), (3, 0, 0)])
def test_simulation_reproduces_the_exact_cost_of_the_optimum_and_of_other_levels(lead_times):
    network, params = NETWORKS["serial"], serial_scenarios(lead_times)
    seen = observation(network, params)
    optimum = serial_optimum_normal(MEAN, STD, lead_times, HOLDING, UNDERAGE, clipped=True)
    assert optimum.cost == exact_cost(optimum.levels, lead_times)
    for shift in ((0.0, 0.0, 0.0), (-5.0, 2.0, -1.5), (4.0, -6.0, 40.0)):
        levels = optimum.levels + np.array(shift)
        costs = simulated_costs(variables_of_levels(network, levels, seen), params)
        error = float(jnp.std(costs)) / np.sqrt(SCENARIOS)
        exact = exact_cost(levels, lead_times)
        assert error < 0.01 * exact
        assert abs(float(jnp.mean(costs)) - exact) < 4 * error


def test_the_gradient_through_the_simulator_is_that_of_the_exact_cost():
    network, lead_times = NETWORKS["serial"], (2, 1, 1)
    params = serial_scenarios(lead_times)
    seen = observation(network, params)
    optimum = serial_optimum_normal(MEAN, STD, lead_times, HOLDING, UNDERAGE, clipped=True)
    variables = variables_of_levels(network, optimum.levels + np.array([-6.0, -4.0, -2.0]), seen)

    def exact(cover):
        levels = np.asarray(echelon_levels(network, {"cover": cover}, seen), np.float64)
        return exact_cost(levels, lead_times)

    slopes = jax.grad(lambda variables: jnp.mean(simulated_costs(variables, params)))(variables)
    expected = central_differences(exact, np.asarray(variables["cover"], np.float64), 0.02)
    np.testing.assert_allclose(slopes["cover"], expected, rtol=0.02)
