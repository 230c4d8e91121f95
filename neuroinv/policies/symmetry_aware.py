"""The symmetry-aware architecture: one net for all edges that play the same part (spec 3.5).

A *store net* orders on every edge into a demand node, a *warehouse net* on every edge into a
stocking node. Both read their edge, its two ends, and a *context* that sums up the whole network.
The first versions of arXiv 2306.11246 compute the context from all inventories in a fixed order,
which ties its weights to one numbering of the stores. Here it is the average, weighted by typical
demand, of what a shared net says of each location (Zaheer et al. 2017, Deep Sets): stores that
change places change orders, and the same variables serve any number of them.

What is observed is laid out as for the graph neural network (`neuroinv.policies.gnn`), in multiples
of typical demand. The difference to it is one look at everything in place of rounds of messages.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from neuroinv.config import SymmetryAwareConfig
from neuroinv.decisions import Transformed
from neuroinv.policies import allocation
from neuroinv.policies.gnn import Perceptron, graph_of
from neuroinv.policies.positions import location_scale
from neuroinv.policies.wanted_orders import wanted_orders
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network, locations
from neuroinv.problems.inventory.routing import route
from neuroinv.types import Policy


class SharedNets(nn.Module):
    """For stores and for warehouses: a net of their part of the context, and one of orders."""

    network: Network
    config: SymmetryAwareConfig

    @nn.compact
    def __call__(
        self,
        nodes: Float[Array, "nodes node_features"],
        edges: Float[Array, "edges edge_features"],
        weights: Float[Array, " nodes"],
    ) -> Float[Array, " edges"]:
        """One output per edge; `weights` say how much each node counts in the context."""
        kinds = np.asarray([node.kind for node in self.network.nodes])
        ends = np.asarray(self.network.edges)
        select_nodes = np.eye(len(kinds), dtype=np.float32)
        select_edges = np.eye(len(ends), dtype=np.float32)
        config = self.config
        hidden = {"demand": config.store_hidden, "stocking": config.warehouse_hidden}
        parts = [kind for kind in hidden if kind in kinds]

        contexts = []
        for kind in parts:
            widths = (*config.context_hidden, config.context_hidden[-1])
            net = Perceptron(widths, config.activation, name=f"{kind}_context")
            members = select_nodes[kinds == kind]
            share = route(members, weights)
            contexts.append(share @ net((route(members, nodes), None)) / jnp.sum(share))

        outputs = jnp.zeros(len(ends))
        near_zero = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        for kind in parts:
            into = kinds[ends[:, 1]] == kind
            net = Perceptron(
                (*hidden[kind], 1), config.activation, near_zero, name=f"{kind}_orders"
            )
            everywhere = np.ones((into.sum(), 1), np.float32)
            said = net(
                (edges, select_edges[into]),
                (nodes, select_nodes[ends[into, 0]]),
                (nodes, select_nodes[ends[into, 1]]),
                *((context[None], everywhere) for context in contexts),
            )
            outputs += route(select_edges[into].T, said[:, 0])
        return outputs


def symmetry_aware(network: Network, config: SymmetryAwareConfig) -> Policy:
    """The policy; its orders are feasible by construction (see `neuroinv.policies.allocation`)."""
    net = SharedNets(network, config)
    placed = np.eye(len(network.nodes), dtype=np.float32)[:, list(locations(network))]

    def read(observation: Observation) -> tuple[Array, Array, Array]:
        graph = graph_of(network, observation, config)
        weights = route(placed, location_scale(network, observation))
        return graph.nodes, graph.edges[: len(network.edges)], weights

    def init(key: PRNGKeyArray, example: Observation) -> PyTree:
        return net.init(key, *read(example))

    def apply(variables: PyTree, observation: Observation) -> Transformed:
        def orders(outputs: Float[Array, " edges"]) -> Float[Array, " edges"]:
            wanted = wanted_orders(network, observation, outputs, config.orders)
            return allocation.proportional(network, wanted, observation.on_hand)

        return Transformed(jnp.asarray(net.apply(variables, *read(observation))), orders)

    return Policy(init, apply)
