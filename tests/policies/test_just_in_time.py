"""Just-in-time: told the future, it holds nothing and misses nothing."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import one_store, parameters, sizes, states, trajectory, warehouse_tree
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.policies.just_in_time import just_in_time
from neuroinv.problems.inventory.dynamics import Noise, inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network, outgoing
from neuroinv.rollout import greedy
from neuroinv.types import InputError, Scenarios

PERIODS = 16
KINDS = ("supply", "stocking", "stocking", "demand", "demand", "demand", "demand")
DEEP = build_network(
    # A central depot, a regional one that serves two stores, and two stores served centrally, one
    # of which passes goods on to the last.
    tuple(Node(f"node_{index}", kind) for index, kind in enumerate(KINDS)),
    (Edge(0, 1), Edge(1, 2), Edge(2, 3), Edge(2, 4), Edge(1, 5), Edge(5, 6)),
    4,
    "lost",
)
NETWORKS = {"one store": one_store(unmet_demand="lost"), "tree": DEEP}


@functools.cache
def program(name):
    """Costs and state of an empty network, period by period, for given demand and lead times."""
    network = NETWORKS[name]
    params = jax.tree.map(lambda leaf: leaf[0], parameters(network, scenarios=1))
    empty = jax.tree.map(
        lambda leaf: jnp.zeros_like(leaf[0]), states(network, parameters(network, scenarios=1))
    )

    def run(demand, lead_time):
        noise = Noise(demand, jnp.zeros((PERIODS, 0)))
        scenario = Scenarios(params._replace(lead_time=lead_time), empty, noise)
        return trajectory(network, greedy(just_in_time(network), {}), scenario).trajectory

    return jax.jit(run)


def longest_path(network, lead_time):
    """Most periods from a supply to a location: the warm-up."""
    delay = np.zeros(len(network.nodes), int)
    for _ in network.nodes:
        for edge, periods in zip(network.edges, lead_time, strict=True):
            passed_on = any(other.source == edge.destination for other in network.edges)
            delay[edge.destination] = delay[edge.source] + max(periods, int(passed_on))
    return delay.max()


def run_and_check(name, demand, lead_time, nothing_held=True):
    network = NETWORKS[name]
    happened = program(name)(jnp.asarray(demand), jnp.asarray(lead_time, jnp.int32))
    warm_up = longest_path(network, lead_time)
    costs, largest = happened.outcome.costs, max(demand.max(), 1)
    assert np.all(np.asarray(costs.underage)[warm_up:] <= 1e-4 * largest)
    if nothing_held:
        assert np.all(np.asarray(costs.holding)[warm_up:] <= 1e-4 * largest)
    shipped = np.asarray(happened.outcome.flows.orders) @ outgoing(network).T
    on_hand = np.asarray(happened.state.on_hand)
    assert np.all(shipped <= np.maximum(on_hand, 0) * (1 + 1e-5))
    assert np.asarray(happened.action).min() >= 0


@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=25)
@given(st.data())
def test_after_the_warm_up_nothing_is_missed_and_nothing_held(name, data):
    network = NETWORKS[name]
    customers = sizes(network)[1]
    demand = data.draw(
        hnp.arrays(np.float32, (PERIODS, customers), elements=st.floats(0, 1000, width=32))
    )
    # A lead time of 0 only on the way to a last customer; see the test below.
    ends = {edge.source for edge in network.edges}
    shortest = [int(edge.destination in ends) for edge in network.edges]
    lead_time = [data.draw(st.integers(least, 4)) for least in shortest]
    run_and_check(name, demand, lead_time)


def test_a_lead_time_of_zero_on_the_way_leaves_nothing_missed():
    """What arrives at once where it is shipped on waits there for a period, whoever ordered it."""
    demand = np.random.default_rng(0).uniform(1, 10, (PERIODS, 4)).astype(np.float32)
    run_and_check("tree", demand, [0, 1, 1, 1, 2, 1], nothing_held=False)


def test_orders_of_one_store_are_the_demand_they_meet_and_the_last_one_goes_on():
    demand = np.arange(1.0, PERIODS + 1, dtype=np.float32)[:, None]
    happened = program("one store")(jnp.asarray(demand), jnp.array([3], jnp.int32))
    ahead = np.minimum(np.arange(PERIODS) + 3, PERIODS - 1)
    np.testing.assert_array_equal(happened.action[:, 0], demand[ahead, 0])


def test_returned_goods_are_not_ordered():
    demand = np.array([-3.0] * PERIODS, np.float32)[:, None]
    happened = program("one store")(jnp.asarray(demand), jnp.array([1], jnp.int32))
    np.testing.assert_array_equal(happened.action, np.zeros((PERIODS, 1)))


@settings(deadline=None, max_examples=20)
@given(
    hnp.arrays(np.float32, 4, elements=st.floats(-100, 1000, width=32)),
    hnp.arrays(np.float32, (6, 3), elements=st.floats(-5, 100, width=32)),
    st.booleans(),
)
def test_orders_on_any_stock_are_feasible(on_hand, demand, holds_stock):
    network = warehouse_tree(holds_stock=holds_stock)
    orders = np.asarray(one_decision(holds_stock)(on_hand, demand))
    leaving = (outgoing(network) @ orders)[3]
    assert orders.min() >= 0
    assert leaving <= max(on_hand[3], 0) * (1 + 1e-5)


@functools.cache
def one_decision(holds_stock):
    network = warehouse_tree(holds_stock=holds_stock)
    params = parameters(network, scenarios=1)
    one = jax.tree.map(lambda leaf: leaf[0], (params, states(network, params)))
    seen = inventory_problem(network).observe(*one)
    policy = just_in_time(network)

    def decide(on_hand, demand):
        noise = Noise(demand, jnp.zeros((6, 0)))
        return policy.apply({}, seen._replace(on_hand=on_hand), noise, jnp.int32(1)).mode()

    return jax.jit(decide)


def test_two_suppliers_of_a_store_are_refused():
    nodes = (Node("near", "supply"), Node("far", "supply"), Node("shop", "demand"))
    network = build_network(nodes, (Edge(0, 2), Edge(1, 2)), 2)
    with pytest.raises(InputError, match=r"just_in_time .*'shop' has 2; use another policy"):
        just_in_time(network)
