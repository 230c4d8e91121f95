"""The graph network: blind to order and size of the graph, feasible, and able to learn."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import networks, one_store, problem_config, serial_system, warehouse_tree
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import PyTree

from neuroinv.config import GNNConfig, SymmetryAwareConfig
from neuroinv.policies.gnn import gnn, graph_of, in_slots, loops
from neuroinv.policies.wanted_orders import missing_orders
from neuroinv.problems.inventory.dynamics import ABSENT_SCALE, Observation, inventory_problem
from neuroinv.problems.inventory.instance import build_instance, draw_parameters
from neuroinv.problems.inventory.network import (
    Network,
    build_network,
    demand_locations,
    locations,
    outgoing,
)
from neuroinv.types import InputError

KEY = jax.random.key(3)
SMALL = GNNConfig("gnn", width=8, hidden=(8,), rounds=2)


def initial(network: Network, seen: Observation, config: GNNConfig = SMALL) -> PyTree:
    """Variables, by one program instead of one for every layer."""
    return jax.jit(gnn(network, config).init)(KEY, seen)


def decided(
    network: Network, variables: PyTree, seen: Observation, config: GNNConfig = SMALL
) -> tuple[jax.Array, jax.Array]:
    """(outputs, orders), likewise."""

    @jax.jit
    def decide(variables: PyTree, seen: Observation) -> tuple[jax.Array, jax.Array]:
        decision = gnn(network, config).apply(variables, seen)
        return decision.outputs, decision.mode()

    return decide(variables, seen)


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


@pytest.mark.parametrize("allocation", ["proportional", "softmax", "balanced"])
@settings(max_examples=4, deadline=None)
@given(network=networks(), data=st.data())
def test_orders_follow_the_labels_of_the_graph_and_never_exceed_stock(allocation, network, data):
    config = GNNConfig("gnn", width=8, hidden=(8,), rounds=2, allocation=allocation)
    seen = random_observation(network, KEY)
    # Untrained outputs are near zero; larger ones make every edge tell itself from the others.
    variables = jax.tree.map(lambda x: 2.0 * x, initial(network, seen, config))
    outputs, orders = decided(network, variables, seen, config)
    shipped = np.asarray(jnp.asarray(outgoing(network)) @ orders)
    assert (np.asarray(orders) >= 0).all()
    assert (shipped <= np.maximum(seen.on_hand, 0.0) * (1 + 1e-5) + 1e-5).all()

    order = data.draw(st.permutations(range(len(network.nodes))))
    edge_order = data.draw(st.permutations(range(len(network.edges))))
    other, seen_by_other = relabelled(network, seen, order, edge_order)
    outputs_again, again = decided(other, variables, seen_by_other, config)
    np.testing.assert_allclose(again, np.asarray(orders)[edge_order], rtol=2e-4, atol=2e-4)
    # Orders may all be nothing, outputs are not: of the edges, then of the loops.
    owners = [order[locations(other)[position]] for position in loops(other)]
    rows = [locations(network)[position] for position in loops(network)]
    by_row = [*edge_order, *(len(network.edges) + rows.index(owner) for owner in owners)]
    parts = 2 if allocation == "balanced" else 1
    expected = np.asarray(outputs).reshape(parts, -1)[:, by_row]
    assert np.any(expected)
    np.testing.assert_allclose(
        outputs_again, expected.ravel(), rtol=2e-4, atol=2e-4 * np.abs(expected).max()
    )


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


def test_what_a_balanced_allocation_gives_up_is_in_standard_deviations_of_demand():
    network = warehouse_tree(2, holds_stock=False)
    seen = random_observation(network, KEY)
    seen = seen._replace(
        on_hand=jnp.asarray([0.0, 0.0, 30.0]),
        pipeline=jnp.zeros_like(seen.pipeline),
        lead_time=jnp.full_like(seen.lead_time, 2),
        demand_scale=jnp.asarray([5.0, 5.0]),
        demand_std=jnp.asarray([1.0, 3.0]),
    )
    config = dataclasses.replace(SMALL, allocation="balanced")
    says_nothing = jax.tree.map(jnp.zeros_like, initial(network, seen, config))
    _, orders = decided(network, says_nothing, seen, config)
    assert float(orders[0] + orders[1]) == pytest.approx(30)
    missing = missing_orders(network, seen, jnp.zeros(3), "up_to")
    given_up = np.asarray(missing - orders)[:2]
    assert given_up[1] == pytest.approx(3 * given_up[0], rel=1e-4)


def test_the_same_variables_serve_any_number_of_stores():
    few, seen_few = warehouse_and_stores(3)
    many, seen_many = warehouse_and_stores(7)
    variables = initial(few, seen_few)
    shapes = jax.tree.map(jnp.shape, variables)
    of_many = jax.eval_shape(gnn(many, SMALL).init, KEY, seen_many)
    assert shapes == jax.tree.map(lambda leaf: leaf.shape, of_many)
    # Stores that are alike in all respects get alike orders, in either network.
    for network, seen in ((few, seen_few), (many, seen_many)):
        alike = seen._replace(on_hand=jnp.full_like(seen.on_hand, 4.0))
        alike = alike._replace(pipeline=jnp.ones_like(alike.pipeline))
        _, orders = decided(network, variables, alike)
        np.testing.assert_allclose(orders[1:], orders[1], rtol=1e-5)


@pytest.mark.parametrize("allocation", ["proportional", "balanced", "softmax"])
@pytest.mark.parametrize("there", [(0, 2, 5), (3,)], ids=["three", "one"])
def test_stores_that_only_fill_up_the_graph_change_nothing(there, allocation):
    """Alone, or padded to seven with stores that are farther away."""
    config = dataclasses.replace(SMALL, allocation=allocation)
    lead_times = (1, 4, 2, 1, 4, 3, 4)
    present = np.isin(np.arange(7), there).astype(np.int32)
    few, seen_few = warehouse_and_stores(len(there), tuple(lead_times[store] for store in there))
    many, seen_many = warehouse_and_stores(7, lead_times)
    variables = initial(many, seen_many, config)
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
    _, orders = decided(few, variables, alone, config)
    _, padded = decided(many, variables, filled, config)
    np.testing.assert_allclose(padded[np.asarray(kept)], orders, rtol=1e-4)
    np.testing.assert_allclose(padded[1:] * (1 - present), 0.0, atol=1e-3)


def test_with_means_more_stores_like_the_others_change_little():
    """Summed over the root of their number, a warehouse hears the more, the more stores it serves;
    in a mean its own loop alone counts for less."""
    network, seen = warehouse_and_stores(2)
    variables = jax.tree.map(lambda x: 3.0 * x, initial(network, seen))

    def on_first_edges(stores: int, aggregation: str) -> jax.Array:
        """Every store holds one unit, and the warehouse one for each of them."""
        network, seen = warehouse_and_stores(stores)
        config = dataclasses.replace(SMALL, aggregation=aggregation)
        units = jnp.ones(1 + stores).at[0].set(stores)
        pipeline = units[:, None] * jnp.ones_like(seen.pipeline)
        alike = jax.tree.map(jnp.ones_like, seen)._replace(on_hand=units, pipeline=pipeline)
        return decided(network, variables, alike, config)[0][:2]

    change = {
        aggregation: np.max(
            np.abs(on_first_edges(40, aggregation) - on_first_edges(10, aggregation))
        )
        for aggregation in ("root", "mean")
    }
    assert change["mean"] < 0.2 * change["root"]


def test_a_lead_time_changes_what_is_ordered_on_its_edge():
    network, seen = warehouse_and_stores(3)
    variables = initial(network, seen)
    longer = seen._replace(lead_time=seen.lead_time.at[2].set(0))
    before, after = (decided(network, variables, s)[0] for s in (seen, longer))
    assert abs(float(after[2] - before[2])) > 1e-6

    def told(observes):
        config = dataclasses.replace(SMALL, observes=observes)
        before, after = (graph_of(network, s, config).edges for s in (seen, longer))
        return np.any(before != after, axis=1).tolist()

    assert told(SMALL.observes) == [False, False, True, False, False]
    assert not any(told(("costs",)))


def test_the_graph_lists_edges_then_loops_where_stock_may_be_kept():
    network, seen = warehouse_and_stores(3)
    graph = graph_of(network, seen, SMALL)
    assert loops(network) == (0,)
    assert graph.senders.tolist() == [0, 1, 1, 1, 1]
    assert graph.receivers.tolist() == [1, 2, 3, 4, 1]
    np.testing.assert_array_equal(graph.edges[:, -1], [0, 0, 0, 0, 1])
    assert graph.nodes.shape[0] == 5
    # The supplier shows nothing but its kind.
    np.testing.assert_array_equal(graph.nodes[0], [*[0] * (graph.nodes.shape[1] - 3), 1, 0, 0])


@pytest.mark.parametrize("slots", [1, 2, 3, 5])
def test_a_pipeline_of_any_length_fits_its_slots_and_loses_no_unit(slots):
    for length in range(7):
        pipeline = jnp.arange(1.0, 1 + 2 * length).reshape(2, length)
        read = np.asarray(in_slots(pipeline, slots))
        assert read.shape == (2, slots)
        np.testing.assert_array_equal(read.sum(axis=1), pipeline.sum(axis=1))
        alike = min(length, slots - 1)
        np.testing.assert_array_equal(read[:, :alike], pipeline[:, :alike])


def test_what_is_read_of_a_graph_does_not_hang_on_the_bound_of_its_lead_times():
    short, long = (serial_system(lead_time_bound=bound) for bound in (2, 9))
    seen = random_observation(short, KEY)
    unused = jnp.zeros((3, long.pipeline_length - short.pipeline_length))
    seen_by_long = seen._replace(pipeline=jnp.concatenate([seen.pipeline, unused], axis=1))
    variables = initial(short, seen)
    _, orders = decided(short, variables, seen)
    np.testing.assert_allclose(decided(long, variables, seen_by_long)[1], orders)
    # Nor on anything else: one store that gets its orders at once is read by the same variables.
    small = one_store(lead_time_bound=0)
    decided(small, variables, random_observation(small, KEY))


@pytest.mark.parametrize("allocation", ["softmax", "balanced"])
def test_orders_of_regimes_are_cut_in_proportion_or_refused(allocation):
    network = one_store()._replace(sized_edges=(0,), cells_of_sized=(2,))
    with pytest.raises(
        InputError, match=f"policy.allocation is {allocation}, but where costs jump"
    ):
        gnn(network, GNNConfig("gnn", allocation=allocation))


@pytest.mark.parametrize("config", [GNNConfig, SymmetryAwareConfig])
def test_a_net_that_would_see_nothing_is_refused(config):
    network = one_store()
    blind = config("gnn" if config is GNNConfig else "symmetry_aware", observes=("past_demand",))
    with pytest.raises(InputError, match=r"of which this problem shows nothing; add inventory"):
        graph_of(network, random_observation(network, KEY), blind)


def dense(kernels: dict, *inputs: np.ndarray) -> np.ndarray:
    """A perceptron with one hidden layer, whose first layer has a kernel for each input."""
    hidden = kernels["Dense_0"]["bias"]
    for index, values in enumerate(inputs):
        hidden = hidden + values @ kernels[f"Dense_{index}"]["kernel"]
    last = kernels[f"Dense_{len(inputs)}"]
    return np.tanh(hidden) @ last["kernel"] + last["bias"]


def test_on_one_store_it_is_the_net_written_out_by_hand():
    """A supplier, a store and one edge: everything is heard in full, so no sum is scaled."""
    network = one_store(lead_time_bound=4)
    config = GNNConfig("gnn", width=3, hidden=(4,), rounds=2, activation="tanh", pipeline_slots=2)
    with jax.enable_x64(True):
        seen = random_observation(network, KEY)
        variables = jax.tree.map(lambda x: 3.0 * x, initial(network, seen, config))
        outputs, orders = map(np.asarray, decided(network, variables, seen, config))
    nets = jax.tree.map(np.asarray, variables["params"])
    seen = jax.tree.map(np.asarray, seen)
    demand, lead_time = seen.demand_scale[0], seen.lead_time[0]
    on_hand, pipeline = seen.on_hand[0], seen.pipeline[0]
    cover = (on_hand + pipeline.sum()) / demand - (lead_time + 1)
    read_of_store = [
        *np.clip([on_hand / demand, pipeline[0] / demand, pipeline[1:].sum() / demand], -10, 10),
        np.clip(cover, -10, 10),
        *np.log1p([seen.holding_cost[0], seen.underage_cost[0]]),
        seen.demand_std[0] / demand,
        *(0, 0, 1),  # supply, stocking, demand
    ]
    read_of_supplier = [0] * 7 + [1, 0, 0]
    read_of_edge = [np.log1p(seen.procurement_cost[0]), lead_time / 8, 0]  # the last: no loop

    supplier, store = (
        dense(nets["embed_nodes"], np.asarray(read)) for read in (read_of_supplier, read_of_store)
    )
    edge = dense(nets["embed_edges"], np.asarray(read_of_edge), supplier, store)
    nothing = np.zeros(3)
    for _ in range(2):
        supplier, store = (
            supplier + dense(nets["update_nodes"], supplier, nothing, edge),  # what left it
            store + dense(nets["update_nodes"], store, edge, nothing),  # what came to it
        )
        edge = edge + dense(nets["update_edges"], edge, supplier, store)
    (output,) = dense(nets["read"], edge)
    level = 1 + (output if output > 0 else 10 * np.tanh(output / 10))
    np.testing.assert_allclose(outputs, [output], rtol=1e-6)
    np.testing.assert_allclose(orders, [demand * max(level - cover, 0)], rtol=1e-6)
    assert abs(output) > 0.01, "far enough from nothing to tell"
    assert orders[0] > 0
