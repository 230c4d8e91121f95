"""Networks: what a graph means, and one clear sentence for each that has no meaning."""

from __future__ import annotations

import numpy as np
import pytest
from examples import networks, one_store, serial_system, warehouse_tree
from hypothesis import given, settings

from neuroinv.problems.inventory.network import (
    Edge,
    Node,
    build_network,
    demand_locations,
    destinations,
    echelons,
    facing_demand,
    incoming,
    locations,
    longest_chain,
    outgoing,
    served,
    sources,
)
from neuroinv.types import InputError

SUPPLY, DEPOT, STORE = Node("mill", "supply"), Node("depot", "stocking"), Node("shop", "demand")
KIOSK = Node("kiosk", "demand")
CHAIN = (Edge(0, 1), Edge(1, 2))


@pytest.mark.parametrize(
    ("nodes", "edges", "words"),
    [
        ((SUPPLY, DEPOT, STORE), (*CHAIN, Edge(1, 1)), ["'depot'", "itself"]),
        ((SUPPLY, KIOSK, STORE), (Edge(0, 1), Edge(2, 1)), ["reach", "demand", "'shop'"]),
        ((SUPPLY, DEPOT, STORE), (*CHAIN, Edge(0, 1)), ["two edges", "'mill'", "'depot'"]),
        ((SUPPLY, DEPOT, STORE), (*CHAIN, Edge(2, 0)), ["'shop'", "supply", "'mill'"]),
        ((SUPPLY, DEPOT, DEPOT._replace(name="hub")), (*CHAIN, Edge(2, 1)), ["'demand'"]),
        (
            (SUPPLY, DEPOT, STORE),
            (Edge(0, 1), Edge(0, 2)),
            ["no demand", "'depot'"],
        ),
        ((SUPPLY, DEPOT, STORE._replace(name="mill")), CHAIN, ["'mill'", "twice"]),
    ],
    ids=["itself", "unreachable", "twice", "into supply", "no demand", "dead end", "same name"],
)
def test_a_graph_without_meaning_is_refused_in_one_sentence(nodes, edges, words):
    with pytest.raises(InputError) as refusal:
        build_network(nodes, edges, 2)
    message = str(refusal.value)
    assert message.startswith(("problem.nodes: ", "problem.edges: "))
    assert all(word in message for word in words)
    assert "\n" not in message
    assert "; " in message, "the remedy follows the fault"


def test_the_same_chain_is_accepted_where_nothing_is_wrong():
    network = build_network((SUPPLY, DEPOT, STORE), CHAIN, 2)
    assert network.unmet_demand == "backlogged"
    assert hash(network) == hash(build_network((SUPPLY, DEPOT, STORE), CHAIN, 2))


@pytest.mark.parametrize(("bound", "length"), [(0, 0), (1, 0), (2, 1), (7, 6)])
def test_pipeline_is_one_shorter_than_the_bound(bound, length):
    assert one_store(bound).pipeline_length == length


@settings(deadline=None, max_examples=60)
@given(networks())
def test_arrays_follow_the_order_of_nodes_and_edges(network):
    placed = [i for i, node in enumerate(network.nodes) if node.kind != "supply"]
    assert list(locations(network)) == placed
    facing = [placed[position] for position in demand_locations(network)]
    assert facing == [i for i in placed if network.nodes[i].kind == "demand"]
    for index, edge in enumerate(network.edges):
        assert placed[destinations(network)[index]] == edge.destination
        assert incoming(network)[:, index].tolist() == [i == edge.destination for i in placed]
        assert outgoing(network)[:, index].tolist() == [i == edge.source for i in placed]
        from_supply = network.nodes[edge.source].kind == "supply"
        assert (sources(network)[index] == -1) == from_supply
        assert from_supply or placed[sources(network)[index]] == edge.source
    np.testing.assert_array_equal(
        facing_demand(network), [[place == customer for customer in facing] for place in placed]
    )


@settings(deadline=None, max_examples=60)
@given(networks())
def test_served_is_what_a_walk_along_the_edges_finds(network):
    """Along those that lead down: not from one store to another that could send goods back."""
    placed = locations(network)

    def walk(start, edges):
        found, unvisited = {start}, [start]
        while unvisited:
            here = unvisited.pop()
            ahead = {edge.destination for edge in edges if edge.source == here} - found
            found |= ahead
            unvisited += ahead
        return found

    def is_lateral(edge):
        stores = {network.nodes[end].kind for end in edge} == {"demand"}
        return stores and edge.source in walk(edge.destination, network.edges)

    down = [edge for edge in network.edges if not is_lateral(edge)]
    reached = [walk(start, down) for start in placed]
    expected = [[placed[one] in found for one in demand_locations(network)] for found in reached]
    np.testing.assert_array_equal(served(network), np.asarray(expected, np.float32))


def test_every_stage_of_a_long_series_serves_its_customer():
    nodes = (SUPPLY, *(Node(f"stage_{index}", "stocking") for index in range(80)), STORE)
    edges = tuple(Edge(index, index + 1) for index in range(81))
    assert served(build_network(nodes, edges, 1)).min() == 1


def test_named_graphs_are_what_they_say():
    np.testing.assert_array_equal(served(serial_system()), np.ones((3, 1)))
    np.testing.assert_array_equal(served(warehouse_tree(2)), [[1, 0], [0, 1], [1, 1]])
    np.testing.assert_array_equal(outgoing(warehouse_tree(2)), [[0] * 3, [0] * 3, [1, 1, 0]])


def test_stores_that_help_each_other_out_are_no_echelons_of_each_other():
    nodes, roads = (SUPPLY, STORE, KIOSK), (Edge(0, 1), Edge(0, 2))
    apart = build_network(nodes, roads, 2)
    lateral = build_network(nodes, (*roads, Edge(1, 2), Edge(2, 1)), 2)
    np.testing.assert_array_equal(echelons(lateral), echelons(apart))
    assert longest_chain(lateral) == longest_chain(apart) == 0
    # One that sends on what the other cannot send back is above it.
    above = build_network(nodes, (*roads, Edge(1, 2)), 2)
    np.testing.assert_array_equal(echelons(above), [[1, 1], [0, 1]])
