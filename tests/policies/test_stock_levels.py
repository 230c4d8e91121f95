"""Base-stock policies: the order lifts the position to the level, within what there is."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest
from examples import (
    first,
    numbers,
    one_store,
    parameters,
    serial_system,
    sizes,
    states,
    warehouse_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.policies.stock_levels import base_stock, capped_base_stock, caps, levels
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import (
    Edge,
    Node,
    build_network,
    destinations,
    outgoing,
    served,
    sources,
)
from neuroinv.types import InputError

NETWORKS = {"one store": one_store(), "serial": serial_system(), "warehouse": warehouse_tree()}
KINDS = {
    "base_stock": lambda network: base_stock(network, 1.2),
    "capped_base_stock": lambda network: capped_base_stock(network, 1.2, 0.7),
}
stocks = numbers(-1e3, 1e4)


@functools.cache
def set_up(kind, name):
    """A policy compiled once, its first variables, and an observation."""
    network = NETWORKS[name]
    policy, params = KINDS[kind](network), parameters(network)
    seen = first(jax.vmap(inventory_problem(network).observe)(params, states(network, params)))
    variables = policy.init(jax.random.key(0), seen)
    return jax.jit(lambda observation: policy.apply(variables, observation).mode()), seen


def orders_by_hand(network, seen, cover, cap):
    """Edge by edge: lift the position of its end to the level, then share what is short."""
    scale = served(network) @ np.asarray(seen.demand_scale, np.float64)
    position = np.asarray(seen.on_hand, np.float64) + np.asarray(seen.pipeline).sum(axis=1)
    wanted = np.zeros(len(network.edges))
    for index, end in enumerate(destinations(network)):
        level = cover * scale[end] * (1 + int(seen.lead_time[index]))
        wanted[index] = min(max(level - position[end], 0), cap * scale[end])
    for location in set(sources(network)) - {-1}:
        leaving = sources(network) == location
        there = max(float(seen.on_hand[location]), 0)
        wanted[leaving] *= min(1, there / max(wanted[leaving].sum(), 1e-30))
    return wanted


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_orders_on_any_stock_are_those_by_hand_and_feasible(kind, name, data):
    network = NETWORKS[name]
    apply, seen = set_up(kind, name)
    on_hand = data.draw(hnp.arrays(np.float32, sizes(network)[0], elements=stocks))
    pipeline = data.draw(hnp.arrays(np.float32, seen.pipeline.shape, elements=numbers(0, 50)))
    lead_time = data.draw(hnp.arrays(np.int32, sizes(network)[2], elements=st.integers(0, 4)))
    seen = seen._replace(on_hand=on_hand, pipeline=pipeline, lead_time=lead_time)
    orders = np.asarray(apply(seen))
    cap = np.inf if kind == "base_stock" else 0.7
    np.testing.assert_allclose(
        orders, orders_by_hand(network, seen, 1.2, cap), rtol=1e-4, atol=2e-3
    )
    assert orders.min() >= 0
    leaving = outgoing(network) @ orders
    assert np.all(leaving <= np.maximum(on_hand, 0) * (1 + 1e-5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cross_dock_ships_everything_even_where_its_stores_want_nothing(kind):
    network = warehouse_tree(holds_stock=False)
    params = parameters(network)
    state = first(states(network, params))
    for stock_of_stores in (0.0, 1000.0):
        on_hand = np.array([stock_of_stores] * 3 + [12.0], np.float32)
        seen = inventory_problem(network).observe(first(params), state._replace(on_hand=on_hand))
        policy = KINDS[kind](network)
        orders = policy.apply(policy.init(jax.random.key(0), seen), seen).mode()
        np.testing.assert_allclose(outgoing(network)[3] @ orders, 12.0, rtol=1e-5)


def test_levels_and_caps_start_at_the_given_multiples():
    network = NETWORKS["warehouse"]
    seen = set_up("capped_base_stock", "warehouse")[1]
    seen = seen._replace(
        demand_scale=np.array([1.0, 2.0, 4.0], np.float32), lead_time=np.array([0, 1, 2, 3])
    )
    variables = capped_base_stock(network, 1.5, 2.0).init(jax.random.key(0), seen)
    np.testing.assert_allclose(
        levels(network, variables, seen), 1.5 * np.array([1, 2 * 2, 4 * 3, 7 * 4]), rtol=1e-5
    )
    np.testing.assert_allclose(caps(network, variables, seen), [2, 4, 8, 14], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_two_suppliers_of_a_store_are_refused(kind):
    nodes = (Node("near", "supply"), Node("far", "supply"), Node("shop", "demand"))
    network = build_network(nodes, (Edge(0, 2), Edge(1, 2)), 2)
    with pytest.raises(InputError, match=f"^policy.kind {kind} .*'shop' has 2; use another policy"):
        KINDS[kind](network)
