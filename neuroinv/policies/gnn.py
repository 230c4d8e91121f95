"""A graph neural network that reads any inventory network and orders on every edge (spec 3.4).

Nodes are the network's own, supply nodes included; edges are its edges and, where stock may be kept
back from shipping, a loop from a location to itself. Nodes and edges are embedded, hear of their
neighbours for a few rounds through nets that all nodes and all edges share, and every edge then
says what it wants (`neuroinv.policies.wanted_orders`). What demand does to a store
is among the features of its node: an edge to the customers would decide nothing.

No weight depends on the number of nodes or edges, nor on their order: the same variables serve any
graph. The graph travels as a jraph.GraphsTuple; sums along it are those of
`neuroinv.problems.inventory.routing`.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import jraph
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from neuroinv.config import Feature, GNNConfig, SymmetryAwareConfig
from neuroinv.decisions import Categorical, Transformed
from neuroinv.policies import allocation
from neuroinv.policies.mlp import ACTIVATIONS, MOST_RATIO
from neuroinv.policies.order_regimes import check_regimes, fixed_cost_features, order_regimes
from neuroinv.policies.positions import (
    location_scale,
    protected_spread,
    safety_cover,
    served_edges,
)
from neuroinv.policies.wanted_orders import missing_orders, wanted_orders
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import (
    Network,
    facing_demand,
    incoming,
    locations,
    outgoing,
    sources,
)
from neuroinv.problems.inventory.routing import route
from neuroinv.problems.inventory.seasons import year_waves
from neuroinv.types import InputError, Policy

KINDS = ("supply", "stocking", "demand")
LONG_LEAD_TIME = 8.0  # periods; a unit, the same for every network, and no bound
MOST_LOG_AREA = 2.0  # an edge gives up between a seventh and seven times its share


class Perceptron(nn.Module):
    """A perceptron on several inputs joined, each spread along the graph first.

    Its first layer acts on each input before or after it is spread, which gives the same numbers as
    the joined input would: whichever has fewer rows to multiply. The first input has the bias.
    """

    widths: tuple[int, ...]
    activation: str
    last_initializer: Callable = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, *inputs: tuple[Float[Array, "from features"], np.ndarray | None]) -> Array:
        """Outputs [to, last width] of pairs (values, incidence [to, from] or None for as it is)."""
        total: Array | float = 0.0
        for index, (values, incidence) in enumerate(inputs):
            layer = nn.Dense(self.widths[0], use_bias=index == 0)
            total = total + (
                layer(values) if incidence is None else spread(layer, incidence, values)
            )
        for index, width in enumerate(self.widths[1:], start=2):
            last = index == len(self.widths)
            initializer = self.last_initializer if last else nn.initializers.lecun_normal()
            activated = ACTIVATIONS[self.activation](jnp.asarray(total))
            total = nn.Dense(width, kernel_init=initializer)(activated)
        return jnp.asarray(total)


def spread(layer: nn.Module, incidence: np.ndarray, values: Array) -> Float[Array, "to features"]:
    """`incidence @ layer(values)`. Empty rows and columns, as of nodes that send nothing, are left
    out, and the layer acts on what is sent or on what is received, whichever has fewer rows."""
    to, used = (np.asarray(incidence.any(axis=axis)) for axis in (1, 0))
    core = incidence[np.ix_(to, used)]
    values = route(np.eye(used.size, dtype=np.float32)[used], values)
    few = layer(route(core, values)) if len(core) < len(values) else route(core, layer(values))
    return route(np.eye(to.size, dtype=np.float32)[:, to], few)


class MessagePassing(nn.Module):
    """Embeds nodes and edges, updates them for some rounds, and reads numbers off every edge."""

    config: GNNConfig
    outputs: int

    @nn.compact
    def __call__(
        self, graph: jraph.GraphsTuple, present: Float[Array, " edges"]
    ) -> Float[Array, "edges outputs"]:
        """Outputs of every edge of one graph; edges that are not `present` say nothing to nodes."""
        config = self.config
        ends = np.arange(graph.nodes.shape[0])
        sent = (np.asarray(graph.senders)[:, None] == ends).astype(np.float32)
        received = (np.asarray(graph.receivers)[:, None] == ends).astype(np.float32)

        def heard_by(incidence: np.ndarray) -> Float[Array, "edges 1"]:
            terms = route(incidence, jnp.maximum(route(incidence.T, present), 1.0))
            # The spread of a sum grows with the root of its terms.
            divisor = jnp.sqrt(terms) if config.aggregation == "root" else terms
            return (present / divisor)[:, None]

        heard_by_receiver, heard_by_sender = heard_by(received), heard_by(sent)

        def net(name: str) -> Perceptron:
            return Perceptron((*config.hidden, config.width), config.activation, name=name)

        update_nodes, update_edges = net("update_nodes"), net("update_edges")
        nodes = net("embed_nodes")((graph.nodes, None))
        edges = net("embed_edges")((graph.edges, None), (nodes, sent), (nodes, received))
        for _ in range(config.rounds):
            nodes = nodes + update_nodes(
                (nodes, None),
                (heard_by_receiver * edges, received.T),
                (heard_by_sender * edges, sent.T),
            )
            edges = edges + update_edges((edges, None), (nodes, sent), (nodes, received))
        near_zero = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        widths = (*config.hidden, self.outputs)
        return Perceptron(widths, config.activation, near_zero, name="read")((edges, None))


def loops(network: Network) -> tuple[int, ...]:
    """Positions of the locations that may keep stock back while several others want it: each has a
    loop. Where one edge leaves, ordering less on it is keeping it back."""
    return tuple(
        position
        for position, node in enumerate(locations(network))
        if network.nodes[node].holds_stock and np.sum(sources(network) == position) > 1
    )


def present_edges(network: Network, observation: Observation) -> Float[Array, " edges_and_loops"]:
    """1 where an edge leads to customers who are there, and where a loop competes with two such
    edges or more; else 0."""
    of_edges = served_edges(network, observation)
    leaving = route(outgoing(network)[np.asarray(loops(network), np.int32)], of_edges)
    return jnp.concatenate([of_edges, (leaving > 1).astype(of_edges.dtype)])


def in_slots(
    pipeline: Float[Array, "locations pipeline"], slots: int
) -> Float[Array, "locations slots"]:
    """A pipeline of any length in a given number of columns: the last holds all that is due later
    than the others say, and a short pipeline ends in zeros."""
    near, far = pipeline[:, : slots - 1], pipeline[:, slots - 1 :]
    columns = jnp.concatenate([near, jnp.sum(far, axis=1, keepdims=True)], axis=1)
    return jnp.pad(columns, ((0, 0), (0, slots - columns.shape[1])))


def graph_of(
    network: Network, observation: Observation, config: GNNConfig | SymmetryAwareConfig
) -> jraph.GraphsTuple:
    """What is observed, laid out on the graph: the network's edges in their order, then the loops.

    Quantities are multiples of typical demand, bounded as in `neuroinv.policies.mlp`. Rows of
    supply nodes hold nothing but their kind. How many features there are hangs on the config, on
    the history and calendar of demand, and on whether costs jump with the size of an order, never
    on the graph.

    Raises InputError where nothing that is to be observed exists in this problem.
    """
    at_locations = location_scale(network, observation)
    facing = facing_demand(network)

    def bounded(ratios: Array) -> Array:
        return jnp.clip(ratios, -MOST_RATIO, MOST_RATIO)

    def at_customers(values: Array) -> Array:
        return route(facing, values)

    everywhere = jnp.ones((len(at_locations), 1))
    of_locations: dict[Feature, list[Array]] = {
        "inventory": [
            bounded(observation.on_hand / at_locations)[:, None],
            bounded(in_slots(observation.pipeline / at_locations[:, None], config.pipeline_slots)),
            bounded(safety_cover(network, observation))[:, None],
        ],
        "past_demand": [
            at_customers(bounded(observation.past_demand / observation.demand_scale).T)
        ],
        "calendar": [everywhere * year_waves(observation.calendar)],
        "costs": [
            jnp.log1p(observation.holding_cost)[:, None],
            at_customers(jnp.log1p(observation.underage_cost))[:, None],
        ],
        "lead_times": [],
        "demand_scale": [jnp.log1p(at_locations)[:, None]],
        "demand_spread": [at_customers(observation.demand_std / observation.demand_scale)[:, None]],
    }
    seen = [part for name in config.observes for part in of_locations[name]]
    kinds = np.asarray([[n.kind == kind for kind in KINDS] for n in network.nodes], np.float32)
    placed = np.eye(len(network.nodes), dtype=np.float32)[:, list(locations(network))]
    nodes = jnp.concatenate([route(placed, part) for part in seen] + [jnp.asarray(kinds)], axis=1)

    keeps = np.asarray(loops(network), np.int32)
    is_loop = np.arange(len(network.edges) + len(keeps)) >= len(network.edges)
    of_edges: dict[Feature, list[Array]] = {
        "costs": [
            jnp.log1p(observation.procurement_cost),
            *fixed_cost_features(network, observation),
        ],
        "lead_times": [observation.lead_time / LONG_LEAD_TIME],
    }
    parts = [part for name in config.observes for part in of_edges.get(name, [])]
    if not parts and not any(part.shape[1] for part in seen):
        raise InputError(
            f"policy.observes is {list(config.observes)}, of which this problem shows nothing; "
            "add inventory"
        )
    padded = [jnp.concatenate([part, jnp.zeros(len(keeps))])[:, None] for part in parts]
    nodes_of = np.asarray(locations(network))[keeps]
    senders = np.concatenate([[edge.source for edge in network.edges], nodes_of])
    receivers = np.concatenate([[edge.destination for edge in network.edges], nodes_of])
    return jraph.GraphsTuple(
        nodes=nodes,
        edges=jnp.concatenate([*padded, jnp.asarray(is_loop, jnp.float32)[:, None]], axis=1),
        senders=senders.astype(np.int32),
        receivers=receivers.astype(np.int32),
        globals=None,
        n_node=np.asarray([len(network.nodes)]),
        n_edge=np.asarray([len(senders)]),
    )


def gnn(network: Network, config: GNNConfig) -> Policy:
    """The policy; its orders are feasible by construction (see `neuroinv.policies.allocation`).

    A balanced allocation reads two numbers off every edge: what is wanted, and how much of it is
    given up where not all can be shipped, in standard deviations of the demand to last for, which
    is how water filling shares stock out. Where costs jump with the size of an order, every edge
    has a logit and an output for each regime; a joint choice is made by the mean of the logits of
    edges that lead to customers who are there.

    Raises InputError for another allocation than a proportional one where costs jump, and what
    `check_regimes` raises.
    """
    regimes = network.order_cells
    if regimes:
        check_regimes(network, config.choice)
    if regimes and config.allocation != "proportional":
        raise InputError(
            f"policy.allocation is {config.allocation}, but where costs jump with the size of an "
            "order, orders are cut in proportion; leave it out"
        )
    balanced = config.allocation == "balanced"
    net = MessagePassing(config, 2 * regimes or 1 + balanced)
    sized = np.asarray(network.sized_edges, np.int32)
    keeps = np.asarray(loops(network), np.int32)
    place_loops = (keeps[None, :] == np.arange(len(locations(network)))[:, None]).astype(np.float32)

    def init(key: PRNGKeyArray, example: Observation) -> PyTree:
        graph = graph_of(network, example, config)
        return net.init(key, graph, present_edges(network, example))

    def apply(variables: PyTree, observation: Observation) -> Transformed | Categorical:
        graph = graph_of(network, observation, config)
        present = present_edges(network, observation)
        read = jnp.asarray(net.apply(variables, graph, present))
        if regimes:
            logits, outputs = jnp.split(read[: len(network.edges)], 2, axis=1)
            if config.choice == "joint":
                weights = present[sized]
                mean = weights @ logits[sized] / jnp.maximum(jnp.sum(weights), 1.0)
                logits, outputs = mean[None], outputs.T[None]
            else:
                outputs = outputs[..., None]
            return order_regimes(network, observation, logits, outputs, config)
        at_locations = location_scale(network, observation)
        there = present[len(network.edges) :]

        def orders(outputs: Float[Array, " outputs"]) -> Float[Array, " edges"]:
            of_orders, of_areas = jnp.split(outputs, [len(read)])
            on_edges, on_loops = jnp.split(of_orders, [len(network.edges)])
            on_hand = observation.on_hand
            kept = at_locations * route(place_loops, there * jax.nn.softplus(on_loops))
            if balanced:
                missing = missing_orders(network, observation, on_edges, config.orders)
                relative = jnp.exp(MOST_LOG_AREA * jnp.tanh(of_areas / MOST_LOG_AREA))
                of_edges, of_loops = jnp.split(relative, [len(network.edges)])
                spreads = protected_spread(network, observation)
                areas = route(incoming(network).T, spreads) * of_edges
                kept_areas = spreads * route(place_loops, of_loops)
                return allocation.balanced(network, missing, areas, on_hand, kept, kept_areas)
            wanted = wanted_orders(network, observation, on_edges, config.orders)
            if config.allocation == "softmax":
                keep = route(place_loops, there * on_loops) + allocation.HOLD_LOGIT
                served = served_edges(network, observation)
                return allocation.softmax(network, wanted, on_edges, served, on_hand, keep)
            return allocation.proportional(network, wanted, on_hand, kept)

        return Transformed(read.T.ravel(), orders)

    return Policy(init, apply)
