"""Groups of nodes and edges, as a config has them, and the network that they stand for."""

from __future__ import annotations

from neuroinv.config import EdgeConfig, InventoryConfig, NodeConfig, nearest, numbers
from neuroinv.problems.inventory.network import Edge, Network, Node, build_network
from neuroinv.problems.inventory.order_sizes import (
    check_whole,
    edge_cells,
    has_sizes,
    lead_times_by_size,
)
from neuroinv.types import InputError


def network_of(config: InventoryConfig) -> Network:
    """Groups of nodes and edges expanded, and checked. Raises InputError for all that is wrong with
    the graph, its lead times or its sizes of orders."""
    nodes = [node for group in config.nodes.items() for node in _members(*group)]
    indices = {node.name: range(i, i + 1) for i, node in enumerate(nodes)}
    for name, node in config.nodes.items():
        if name in indices and node.count > 1:
            raise InputError(
                f"problem.nodes.{name} has the name of one member of another group; rename it"
            )
    for name, node in config.nodes.items():
        first = indices[_members(name, node)[0].name].start
        indices[name] = range(first, first + node.count)
    edges: list[Edge] = []
    sized_edges: list[int] = []
    cells_of_sized: list[int] = []
    joint_orders: list[tuple[int, ...]] = []
    for name, edge in config.edges.items():
        for end in ("source", "destination"):
            if getattr(edge, end) not in indices:
                raise InputError(
                    f"problem.edges.{name}.{end} is '{getattr(edge, end)}', which is not a node; "
                    f"{nearest(getattr(edge, end), indices)}"
                )
        receivers = indices[edge.destination]
        for member in edge.members or ():
            if member >= len(receivers):
                raise InputError(
                    f"problem.edges.{name}.members names {member}, but '{edge.destination}' has "
                    f"members 0 to {len(receivers) - 1}; remove it or raise the group's count"
                )
        longest = max((*numbers(edge.lead_time), *lead_times_by_size(edge)))
        if longest > config.lead_time_bound:
            raise InputError(
                f"problem.edges.{name}.lead_time is {longest:g}, over the bound "
                f"problem.lead_time_bound={config.lead_time_bound}; raise the bound"
            )
        chosen = receivers if edge.members is None else [receivers[m] for m in edge.members]
        own = [Edge(i, j) for i in indices[edge.source] for j in chosen]
        members = tuple(range(len(edges), len(edges) + len(own)))
        edges += own
        if edge.order_sizes is not None and nodes[indices[edge.source][0]].kind != "supply":
            raise InputError(
                f"problem.edges.{name}.order_sizes is given but '{edge.source}' is no supply node "
                "and may have to cut an order to its stock; give a fixed_cost, or order_sizes on "
                "edges from supply"
            )
        if has_sizes(edge):
            sized_edges += members
            cells = edge_cells(name, edge)
            if config.whole_units:
                check_whole(name, cells)
            cells_of_sized += len(members) * [len(cells.lower)]
        if edge.joint_fixed_cost:
            joint_orders.append(members)
    network = build_network(
        tuple(nodes), tuple(edges), config.lead_time_bound, config.unmet_demand, config.objective
    )
    return network._replace(
        sized_edges=tuple(sized_edges),
        cells_of_sized=tuple(cells_of_sized),
        joint_orders=tuple(joint_orders),
    )


def _members(name: str, group: NodeConfig) -> list[Node]:
    labels = [name] if group.count == 1 else [f"{name}_{index}" for index in range(group.count)]
    return [Node(label, group.kind, group.holds_stock) for label in labels]


def edge_count(config: InventoryConfig, edge: EdgeConfig) -> int:
    """How many edges a group of them stands for."""
    ships, receives = (
        config.nodes[end].count if end in config.nodes else 1
        for end in (edge.source, edge.destination)
    )
    return ships * (receives if edge.members is None else len(edge.members))
