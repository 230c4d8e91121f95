"""The graph of an inventory network: static, hashable, checked when it is built.

Nodes are of three kinds. A **supply** node has no limit and holds nothing. A **stocking** node
holds stock and ships it on. A **demand** node is a stocking node that also meets customers'
demand. Stocking and demand nodes together are the *locations*; arrays over locations and edges
keep the order in which nodes and edges were listed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32

from neuroinv.types import InputError

Kind = Literal["supply", "stocking", "demand"]


class Node(NamedTuple):
    """A node. One that may not hold stock ships on everything it has, every period."""

    name: str
    kind: Kind
    holds_stock: bool = True


class Edge(NamedTuple):
    """A way goods can be ordered along, by indices of nodes."""

    source: int
    destination: int


class Network(NamedTuple):
    """The static part of an inventory problem. Build it with `build_network`."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    lead_time_bound: int
    """No edge's lead time exceeds it; lead times themselves are parameters and may vary."""
    unmet_demand: Literal["lost", "backlogged"] = "backlogged"
    objective: Literal["cost", "profit"] = "cost"
    sized_edges: tuple[int, ...] = ()
    """Edges with costs or lead times that jump with the size of an order."""
    cells_of_sized: tuple[int, ...] = ()
    """How many cells the order on each of them has."""
    joint_orders: tuple[tuple[int, ...], ...] = ()
    """Edges that share a fixed cost."""

    @property
    def order_cells(self) -> int:
        """Most cells that the size of an order is divided into; 0 where no cost jumps with it."""
        return max(self.cells_of_sized, default=0)

    @property
    def pipeline_length(self) -> int:
        """Periods for which an order can be outstanding when a decision is taken."""
        return max(self.lead_time_bound - 1, 0)


def build_network(
    nodes: tuple[Node, ...],
    edges: tuple[Edge, ...],
    lead_time_bound: int,
    unmet_demand: Literal["lost", "backlogged"] = "backlogged",
    objective: Literal["cost", "profit"] = "cost",
) -> Network:
    """A checked network.

    Raises InputError for networks without demand, repeated names, edges from a node to itself,
    edges twice, edges into a supply node, and locations that no supply can reach or that can reach
    no demand.
    """
    if not any(node.kind == "demand" for node in nodes):
        raise InputError(
            "problem.nodes: no node is of kind 'demand'; add one, or there is nothing to optimise"
        )
    names = [node.name for node in nodes]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"problem.nodes: the name '{name}' is used twice; rename one of them")
    for index, edge in enumerate(edges):
        source, destination = (names[end] for end in edge)
        if edge.source == edge.destination:
            raise InputError(
                f"problem.edges: an edge goes from '{source}' to itself; "
                "name another node as its source or its destination"
            )
        if nodes[edge.destination].kind == "supply":
            raise InputError(
                f"problem.edges: the edge from '{source}' ends at the supply node '{destination}', "
                "which has no limit and orders nothing; reverse or remove it"
            )
        if edge in edges[:index]:
            raise InputError(
                f"problem.edges: two edges go from '{source}' to '{destination}'; "
                "keep one, or put a stocking node between"
            )
    reached = {index for index, node in enumerate(nodes) if node.kind == "supply"}
    serving = {index for index, node in enumerate(nodes) if node.kind == "demand"}
    for _ in nodes:
        reached |= {edge.destination for edge in edges if edge.source in reached}
        serving |= {edge.source for edge in edges if edge.destination in serving}
    for index, node in enumerate(nodes):
        if index not in reached:
            raise InputError(
                f"problem.edges: no supply node can reach the {node.kind} node '{node.name}'; "
                "add an edge that leads to it"
            )
        if node.kind != "supply" and index not in serving:
            raise InputError(
                f"problem.edges: no demand node can be reached from the stocking node "
                f"'{node.name}'; add an edge from it, or make it a demand node"
            )
    return Network(nodes, edges, lead_time_bound, unmet_demand, objective)


@lru_cache
def locations(network: Network) -> tuple[int, ...]:
    """Indices of the nodes that hold stock, in order."""
    return tuple(i for i, node in enumerate(network.nodes) if node.kind != "supply")


@lru_cache
def demand_locations(network: Network) -> tuple[int, ...]:
    """Positions, among the locations, of those that face demand."""
    return tuple(
        position
        for position, node in enumerate(locations(network))
        if network.nodes[node].kind == "demand"
    )


@lru_cache
def destinations(network: Network) -> Int32[np.ndarray, " edges"]:
    """Position, among the locations, of each edge's destination."""
    position = {node: i for i, node in enumerate(locations(network))}
    return np.asarray([position[edge.destination] for edge in network.edges], np.int32)


@lru_cache
def sources(network: Network) -> Int32[np.ndarray, " edges"]:
    """Position, among the locations, of each edge's source; -1 where it is a supply node."""
    position = {node: i for i, node in enumerate(locations(network))}
    return np.asarray([position.get(edge.source, -1) for edge in network.edges], np.int32)


@lru_cache
def incoming(network: Network) -> Float32[np.ndarray, "locations edges"]:
    """1 where the edge ends at the location."""
    return _incidence(destinations(network), len(locations(network)))


@lru_cache
def outgoing(network: Network) -> Float32[np.ndarray, "locations edges"]:
    """1 where the edge leaves the location."""
    return _incidence(sources(network), len(locations(network)))


@lru_cache
def reaches(network: Network) -> Bool[np.ndarray, "locations locations"]:
    """Whether goods that are at the first location can get to the second, the same included."""
    return _closure(network, sources(network) >= 0)


@lru_cache
def leads_down(network: Network) -> Bool[np.ndarray, " edges"]:
    """Whether an edge leads down an echelon: not out of supply, nor from one customer's location to
    another that could send goods back."""
    starts, ends = sources(network), destinations(network)
    faces = np.isin(np.arange(len(locations(network))), demand_locations(network))
    lateral = reaches(network)[ends, starts] & faces[starts] & faces[ends]
    return (starts >= 0) & ~lateral


@lru_cache
def echelons(network: Network) -> Float32[np.ndarray, "locations locations"]:
    """1 where the second location belongs to the echelon of the first: it is the same, or goods
    that are at the first can get down to it."""
    return _closure(network, leads_down(network)).astype(np.float32)


@lru_cache
def served(network: Network) -> Float32[np.ndarray, "locations demands"]:
    """1 where goods at the location can reach the demand location (itself included)."""
    return echelons(network)[:, list(demand_locations(network))]


@lru_cache
def longest_chain(network: Network) -> int:
    """Edges between locations on the longest way down; no more than there are locations, where
    goods could go in a circle."""
    hops = np.zeros(len(locations(network)), np.int32)
    down = leads_down(network)
    for length in range(len(hops)):
        farther = hops.copy()
        np.maximum.at(farther, sources(network)[down], 1 + hops[destinations(network)[down]])
        if (farther == hops).all():
            return length
        hops = farther
    return len(hops)


@lru_cache
def facing_demand(network: Network) -> Float32[np.ndarray, "locations demands"]:
    """1 where the location is the demand location."""
    return _incidence(np.asarray(demand_locations(network), np.int32), len(locations(network)))


def _closure(
    network: Network, along: Bool[np.ndarray, " edges"]
) -> Bool[np.ndarray, "locations locations"]:
    """Where a walk along these edges between locations leads, from each location."""
    reach = np.eye(len(locations(network)), dtype=bool)
    starts, ends = sources(network)[along], destinations(network)[along]
    for _ in reach:  # no path is longer than there are locations
        np.logical_or.at(reach, starts, reach[ends])
    return reach


def _incidence(ends: Int32[np.ndarray, " edges"], count: int) -> Float32[np.ndarray, "l e"]:
    return (ends[None, :] == np.arange(count)[:, None]).astype(np.float32)
