"""Small networks, parameters and scenarios that the tests share, and random ones for properties."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from hypothesis import strategies as st
from jaxtyping import Array, Float, PyTree
from pydantic import TypeAdapter

from neuroinv.config import InventoryConfig
from neuroinv.policies.allocation import proportional
from neuroinv.problems.inventory.demand import Normal
from neuroinv.problems.inventory.dynamics import Noise, Parameters, State, inventory_problem
from neuroinv.problems.inventory.network import (
    Edge,
    Network,
    Node,
    build_network,
    demand_locations,
    locations,
)
from neuroinv.rollout import Act, Rollout, simulate, total
from neuroinv.types import Outcome, Scenarios


def one_store(lead_time_bound: int = 4, **rules: Any) -> Network:
    """A supply and a store."""
    nodes = (Node("supplier", "supply"), Node("store", "demand"))
    return build_network(nodes, (Edge(0, 1),), lead_time_bound, **rules)


def serial_system(lead_time_bound: int = 4, **rules: Any) -> Network:
    """A supply, two echelons that hold stock, and a store."""
    kinds = ("supply", "stocking", "stocking", "demand")
    nodes = tuple(Node(f"stage_{index}", kind) for index, kind in enumerate(kinds))
    edges = tuple(Edge(index, index + 1) for index in range(3))
    return build_network(nodes, edges, lead_time_bound, **rules)


def warehouse_tree(
    stores: int = 3, lead_time_bound: int = 4, holds_stock: bool = True, **rules: Any
) -> Network:
    """A supply, a warehouse and its stores; the nodes are listed out of the order of the goods."""
    customers = tuple(Node(f"store_{index}", "demand") for index in range(stores))
    warehouse = Node("warehouse", "stocking", holds_stock)
    nodes = (*customers, warehouse, Node("supplier", "supply"))
    edges = (*(Edge(stores, index) for index in range(stores)), Edge(stores + 1, stores))
    return build_network(nodes, edges, lead_time_bound, **rules)


def two_depots(lead_time_bound: int = 4, **rules: Any) -> Network:
    """A supply, two depots and three stores, of which both depots serve the second."""
    kinds = ("supply", "stocking", "stocking", "demand", "demand", "demand")
    nodes = tuple(Node(f"node_{index}", kind) for index, kind in enumerate(kinds))
    edges = ((0, 1), (0, 2), (1, 3), (1, 4), (2, 4), (2, 5))
    return build_network(nodes, tuple(Edge(*ends) for ends in edges), lead_time_bound, **rules)


def sizes(network: Network) -> tuple[int, int, int]:
    """How many locations, demand locations and edges there are."""
    return len(locations(network)), len(demand_locations(network)), len(network.edges)


def parameters(
    network: Network, seed: int = 0, scenarios: int = 3, past_periods: int = 0, **given: Any
) -> Parameters:
    """Random parameters of all scenarios, but for those that are given (broadcast to them all)."""
    generator = np.random.default_rng(seed)
    location_count, customers, edge_count = sizes(network)
    bound = network.lead_time_bound
    mean = generator.uniform(3, 8, (scenarios, customers))
    drawn = Parameters(
        holding_cost=generator.uniform(0.2, 1.0, (scenarios, location_count)),
        underage_cost=generator.uniform(2.0, 9.0, (scenarios, customers)),
        procurement_cost=generator.uniform(0.1, 0.5, (scenarios, edge_count)),
        lead_time=generator.integers(0, bound + 1, (scenarios, edge_count)).astype(np.int32),
        initial_inventory=np.tile([0.0, 1.0], (scenarios, 1)),
        present=np.ones((scenarios, customers)),
        demand=Normal(mean, 0.4 * mean, np.full(scenarios, 0.3), np.zeros(scenarios)),
        history=generator.uniform(0, 10, (scenarios, past_periods, customers)),
        calendar=np.zeros((scenarios, 1, 0)),
    )
    for name, value in given.items():
        shape = getattr(drawn, name).shape
        dtype = np.int32 if name == "lead_time" else np.float64
        drawn = drawn._replace(**{name: np.broadcast_to(np.asarray(value, dtype), shape)})
    return jax.tree.map(jnp.asarray, drawn)


def states(network: Network, params: Parameters, seed: int = 1) -> State:
    """Random stock everywhere, on hand and in every pipeline position, before the first period."""
    generator = np.random.default_rng(seed)
    shape = (params.lead_time.shape[0], len(locations(network)))
    on_hand = generator.uniform(2, 12, shape)
    pipeline = generator.uniform(0, 6, (*shape, network.pipeline_length))
    return State(jnp.asarray(on_hand), jnp.asarray(pipeline), params.history, params.calendar[:, 0])


def demand_noise(network: Network, scenarios: int, periods: int, seed: int = 2) -> Noise:
    """Random demand and no calendar."""
    demand = np.random.default_rng(seed).gamma(2.0, 3.0, (scenarios, periods, sizes(network)[1]))
    return Noise(jnp.asarray(demand), jnp.zeros((scenarios, periods, 0)))


def example(network: Network, periods: int, scenarios: int = 1, **given: Any) -> Scenarios:
    """Parameters, states and noise; every leaf leads with the scenario."""
    params = parameters(network, scenarios=scenarios, **given)
    return Scenarios(params, states(network, params), demand_noise(network, scenarios, periods))


def first(tree: PyTree) -> PyTree:
    """The first scenario."""
    return jax.tree.map(lambda leaf: leaf[0], tree)


def in_x64(tree: PyTree) -> PyTree:
    """The same numbers in double precision, where that is enabled."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf, float if leaf.dtype.kind == "f" else leaf.dtype), tree
    )


def open_loop(orders: Float[Array, "periods edges"]) -> Act:
    """Orders given beforehand."""
    return lambda observation, noise, period: orders[period]


def trajectory(network: Network, act: Act, scenario: Scenarios) -> Rollout:
    """One scenario, with all that happened in it."""
    weights = jnp.ones(scenario.noise.demand.shape[0])
    return simulate(inventory_problem(network), act, *scenario, weights, keep_trajectory=True)


@partial(jax.jit, static_argnums=0)
def replay(
    network: Network, scenarios: Scenarios, orders: Float[Array, "scenarios periods edges"]
) -> Rollout:
    """All scenarios under orders given beforehand, as they are."""
    return jax.vmap(lambda one, given: trajectory(network, open_loop(given), one))(
        scenarios, orders
    )


@partial(jax.jit, static_argnums=0)
def replay_feasible(
    network: Network, scenarios: Scenarios, wanted: Float[Array, "scenarios periods edges"]
) -> Rollout:
    """All scenarios under orders given beforehand, cut to what is on hand."""

    def one(scenario: Scenarios, wanted: Float[Array, "periods edges"]) -> Rollout:
        def act(observation: Any, noise: Any, period: Any) -> Array:
            return proportional(network, wanted[period], observation.on_hand)

        return trajectory(network, act, scenario)

    return jax.vmap(one)(scenarios, wanted)


def period_costs(outcome: Outcome) -> Array:
    """Cost of every period."""
    return total(outcome.costs)


def central_differences(function: Callable[[Array], Array], point: Array, step: float) -> Array:
    """Derivatives of a scalar function, coordinate by coordinate."""
    point = np.asarray(point)
    slopes = np.zeros(point.size)
    for index in range(point.size):
        shift = np.zeros(point.size)
        shift[index] = step
        ahead, behind = (function(point + sign * shift.reshape(point.shape)) for sign in (1, -1))
        slopes[index] = (float(ahead) - float(behind)) / (2 * step)
    return slopes.reshape(point.shape)


def products_in(function: Callable, *arguments: Any) -> list[str]:
    """Every matrix product of a program, as its text has it."""
    lines = jax.jit(function).lower(*arguments).as_text().splitlines()
    return [line for line in lines if "dot_general" in line]


def problem_config(**mapping: Any) -> InventoryConfig:
    """A checked problem; what is not given describes one store with lost sales."""
    defaults: Mapping[str, Any] = {
        "name": "example",
        "nodes": {
            "supplier": {"kind": "supply"},
            "store": {"kind": "demand", "underage_cost": 1.0},
        },
        "edges": {"delivery": {"source": "supplier", "destination": "store", "lead_time": 2}},
        "demand": {"distribution": "poisson", "mean": 5.0},
        "unmet_demand": "lost",
    }
    return TypeAdapter(InventoryConfig).validate_python({**defaults, **mapping})


def depots_and_stores(vary: str = "both", **fields: Any) -> InventoryConfig:
    """Two depots and three stores; costs of the stores vary as asked."""
    cost = {"low": 1.0, "high": 9.0, "vary": vary}
    lead_time = {"low": 0, "high": 4, "vary": vary}
    stores = {"kind": "demand", "count": 3, "holding_cost": cost, "underage_cost": 9.0, **fields}
    nodes = {
        "supplier": {"kind": "supply"},
        "depot": {"kind": "stocking", "count": 2, "holding_cost": [0.25, 0.5]},
        "store": stores,
    }
    edges = {
        "inbound": {"source": "supplier", "destination": "depot", "lead_time": [1, 3]},
        "road": {"source": "depot", "destination": "store", "lead_time": lead_time},
    }
    return problem_config(nodes=nodes, edges=edges)


WEEKS = 20


def sales_file(folder: Path, items: int = 4, places: int = 2, weeks: int = WEEKS) -> str:
    """Item i at place p sells 100 i + 10 p + week, so that every number tells where it is from."""
    path = folder / "sales.csv"
    if not path.exists():
        start = datetime.date(2020, 1, 7)
        rows = [
            (start + datetime.timedelta(7 * week), f"item{i}", f"p{p}", 100 * i + 10 * p + week)
            for i in range(items)
            for p in range(places)
            for week in range(weeks)
        ]
        names = ["date", "item", "location", "quantity"]
        pl.DataFrame(rows, schema=names, orient="row").write_csv(path)
    return str(path)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Any graph in which goods reach customers: several sources, lateral edges, cycles."""
    supplies = draw(st.integers(1, 2))
    stocking = draw(st.integers(0, 2))
    customers = draw(st.integers(1, 3))
    count = supplies + stocking + customers
    nodes = (
        *(Node(f"supply_{index}", "supply") for index in range(supplies)),
        *(Node(f"stock_{index}", "stocking", draw(st.booleans())) for index in range(stocking)),
        *(Node(f"store_{index}", "demand") for index in range(customers)),
    )
    edges = set()
    for index in range(supplies, count):
        edges.add(Edge(draw(st.integers(0, min(index, supplies + stocking) - 1)), index))
    for index in range(supplies, supplies + stocking):
        edges.add(Edge(index, draw(st.integers(index + 1, count - 1))))
    ends = st.tuples(st.integers(0, count - 1), st.integers(supplies, count - 1))
    edges |= {Edge(*pair) for pair in draw(st.sets(ends, max_size=3)) if pair[0] != pair[1]}
    listed = draw(st.permutations(sorted(edges)))
    return build_network(
        nodes,
        tuple(listed),
        draw(st.integers(0, 4)),
        draw(st.sampled_from(["lost", "backlogged"])),
        draw(st.sampled_from(["cost", "profit"])),
    )


seeds = st.integers(0, 2**31 - 1)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Single-precision numbers, but for the subnormal ones, which JAX takes for zero and NumPy does
    not."""
    return st.floats(low, high, width=32, allow_subnormal=False)
