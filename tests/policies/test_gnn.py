"""The graph network: blind to order and size of the graph, feasible, and able to learn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import networks, problem_config
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.config import GNNConfig
from neuroinv.policies.gnn import gnn, graph_of, loops
from neuroinv.problems.inventory.dynamics import ABSENT_SCALE, Observation, inventory_problem
from neuroinv.problems.inventory.instance import build_instance, draw_parameters
from neuroinv.problems.inventory.network import (
    Network,
    build_network,
    demand_locations,
    locations,
    outgoing,
)

KEY = jax.random.key(3)
SMALL = GNNConfig("gnn", width=8, hidden=(8,), rounds=2)


def random_observation(network: Network, key: jax.Array) -> Observation:
    keys = iter(jax.random.split(key, 8))
    places, customers, edges = (
        len(locations(network)),
        len(demand_locations(network)),
        len(network.edges),
    )

    def draw(*shape: int) -> jax.Array:
        return jax.random.uniform(next(keys), shape, minval=0.5, maxval=9.0)

    return Observation(
        on_hand=draw(places) - 2.0,
        pipeline=draw(places, network.pipeline_length),
        past_demand=jnp.zeros((0, customers)),
        calendar=jnp.zeros(0),
        holding_cost=draw(places),
        underage_cost=draw(customers),
        procurement_cost=draw(edges),
        lead_time=jax.random.randint(next(keys), (edges,), 0, network.lead_time_bound + 1),
        demand_scale=draw(customers),
        demand_std=draw(customers),
        present=jnp.ones(customers),
    )


def relabelled(
    network: Network, seen: Observation, order: list[int], edge_order: list[int]
) -> tuple[Network, Observation]:
    """The same graph with its nodes and its edges listed in another order."""
    rank = {old: new for new, old in enumerate(order)}
    edges = [network.edges[e] for e in edge_order]
    other = build_network(
        tuple(network.nodes[n] for n in order),
        tuple(e._replace(source=rank[e.source], destination=rank[e.destination]) for e in edges),
        network.lead_time_bound,
    )
    places = np.argsort([rank[node] for node in locations(network)])
    customers = np.argsort([rank[locations(network)[p]] for p in demand_locations(network)])
    by_edge = np.asarray(edge_order)
    return other, seen._replace(
        on_hand=seen.on_hand[places],
        pipeline=seen.pipeline[places],
        past_demand=seen.past_demand[:, customers],
        holding_cost=seen.holding_cost[places],
        underage_cost=seen.underage_cost[customers],
        procurement_cost=seen.procurement_cost[by_edge],
        lead_time=seen.lead_time[by_edge],
        demand_scale=seen.demand_scale[customers],
        demand_std=seen.demand_std[customers],
        present=seen.present[customers],
    )


@pytest.mark.parametrize("allocation", ["proportional", "softmax"])
@settings(max_examples=4, deadline=None)
@given(network=networks(), data=st.data())
def test_orders_follow_the_labels_of_the_graph_and_never_exceed_stock(allocation, network, data):
    config = GNNConfig("gnn", width=8, hidden=(8,), rounds=2, allocation=allocation)
    seen = random_observation(network, KEY)
    policy = gnn(network, config)
    # Untrained outputs are near zero; larger ones make every edge tell itself from the others.
    variables = jax.tree.map(lambda x: 2.0 * x, policy.init(KEY, seen))
    orders = policy.apply(variables, seen).mode()
    shipped = outgoing(network) @ np.asarray(orders)
    assert (np.asarray(orders) >= 0).all()
    assert (shipped <= np.maximum(seen.on_hand, 0.0) * (1 + 1e-5) + 1e-5).all()

    order = data.draw(st.permutations(range(len(network.nodes))))
    edge_order = data.draw(st.permutations(range(len(network.edges))))
    other, seen_by_other = relabelled(network, seen, order, edge_order)
    again = gnn(other, config).apply(variables, seen_by_other).mode()
    np.testing.assert_allclose(again, np.asarray(orders)[edge_order], rtol=2e-4, atol=2e-4)


def warehouse_and_stores(
    stores: int, lead_times: tuple[int, ...] | int = 2
) -> tuple[Network, Observation]:
    config = problem_config(
        nodes={
            "supplier": {"kind": "supply"},
            "warehouse": {"kind": "stocking", "holding_cost": 0.3},
            "store": {"kind": "demand", "count": stores, "holding_cost": 1.0, "underage_cost": 9.0},
        },
        edges={
            "in": {"source": "supplier", "destination": "warehouse", "lead_time": 3},
            "out": {"source": "warehouse", "destination": "store", "lead_time": lead_times},
        },
    )
    instance = build_instance(config)
    params = jax.tree.map(lambda leaf: leaf[0], draw_parameters(instance, "test", 1))
    problem = inventory_problem(instance.network)
    return instance.network, problem.observe(params, problem.init(params, KEY))


def test_the_same_variables_serve_any_number_of_stores():
    few, seen_few = warehouse_and_stores(3)
    many, seen_many = warehouse_and_stores(7)
    variables = gnn(few, SMALL).init(KEY, seen_few)
    shapes = jax.tree.map(jnp.shape, variables)
    assert shapes == jax.tree.map(jnp.shape, gnn(many, SMALL).init(KEY, seen_many))
    # Stores that are alike in all respects get alike orders, in either network.
    for network, seen in ((few, seen_few), (many, seen_many)):
        alike = seen._replace(on_hand=jnp.full_like(seen.on_hand, 4.0))
        alike = alike._replace(pipeline=jnp.ones_like(alike.pipeline))
        orders = gnn(network, SMALL).apply(variables, alike).mode()
        np.testing.assert_allclose(orders[1:], orders[1], rtol=1e-5)


@pytest.mark.parametrize("there", [(0, 2, 5), (3,)], ids=["three", "one"])
def test_stores_that_only_fill_up_the_graph_change_nothing(there):
    """Alone, or padded to seven with stores that are farther away."""
    lead_times = (1, 4, 2, 1, 4, 3, 4)
    present = np.isin(np.arange(7), there).astype(np.int32)
    few, seen_few = warehouse_and_stores(len(there), tuple(lead_times[store] for store in there))
    many, seen_many = warehouse_and_stores(7, lead_times)
    variables = gnn(many, SMALL).init(KEY, seen_many)
    kept = [0, *(1 + np.flatnonzero(present))]  # the warehouse comes first
    filled = seen_many._replace(
        present=jnp.asarray(present, jnp.float32),
        demand_scale=jnp.where(present > 0, seen_many.demand_scale, ABSENT_SCALE),
        demand_std=present * seen_many.demand_std,
        on_hand=jnp.concatenate([jnp.full(1, 3.0), jnp.asarray(2.0 * present, jnp.float32)]),
    )
    filled = filled._replace(pipeline=filled.on_hand[:, None] * jnp.ones_like(filled.pipeline))
    alone = seen_few._replace(
        on_hand=filled.on_hand[np.asarray(kept)], pipeline=filled.pipeline[np.asarray(kept)]
    )
    orders = gnn(few, SMALL).apply(variables, alone).mode()
    padded = gnn(many, SMALL).apply(variables, filled).mode()
    np.testing.assert_allclose(padded[np.asarray(kept)], orders, rtol=1e-4)
    np.testing.assert_allclose(padded[1:] * (1 - present), 0.0, atol=1e-3)


def test_a_lead_time_changes_what_is_ordered_on_its_edge():
    network, seen = warehouse_and_stores(3)
    policy = gnn(network, SMALL)
    variables = policy.init(KEY, seen)
    longer = seen._replace(lead_time=seen.lead_time.at[2].set(0))
    before, after = (policy.apply(variables, s).outputs for s in (seen, longer))
    assert abs(float(after[2] - before[2])) > 1e-6


def test_the_graph_lists_edges_then_loops_where_stock_may_be_kept():
    network, seen = warehouse_and_stores(3)
    graph = graph_of(network, seen, SMALL.observes)
    assert loops(network) == (0,)
    assert graph.senders.tolist() == [0, 1, 1, 1, 1]
    assert graph.receivers.tolist() == [1, 2, 3, 4, 1]
    np.testing.assert_array_equal(graph.edges[:, -1], [0, 0, 0, 0, 1])
    assert graph.nodes.shape[0] == 5
    # The supplier shows nothing but its kind.
    np.testing.assert_array_equal(graph.nodes[0], [*[0] * (graph.nodes.shape[1] - 3), 1, 0, 0])
