"""An inventory problem as a config describes it: its network, and its scenarios' parameters."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64

from neuroinv.config import InventoryConfig, SeriesDemand
from neuroinv.keys import Branch, branch
from neuroinv.problems.inventory.demand import Demand
from neuroinv.problems.inventory.dynamics import Parameters
from neuroinv.problems.inventory.groups import edge_count, network_of
from neuroinv.problems.inventory.network import Network, demand_locations
from neuroinv.problems.inventory.order_sizes import OrderSizes, edge_cells
from neuroinv.problems.inventory.recorded import (
    read_recorded,
    recorded_demand,
    sales_by_scenario,
)
from neuroinv.problems.inventory.scenario import draw_value
from neuroinv.problems.inventory.synthetic import synthetic_demand
from neuroinv.problems.inventory.tables import SalesTable
from neuroinv.types import InputError

Split = Literal["train", "dev", "test"]


class Instance(NamedTuple):
    """A network and what is needed to draw its scenarios."""

    config: InventoryConfig
    network: Network
    table: SalesTable | None
    """Recorded sales, where demand is a series."""


def build_instance(config: InventoryConfig) -> Instance:
    """The network of a config, and the sales table, if any.

    Raises InputError for all that is wrong with the graph, the lead times or the table.
    """
    network = network_of(config)
    if not isinstance(config.demand, SeriesDemand):
        return Instance(config, network, None)
    return Instance(config, network, read_recorded(config.demand, len(demand_locations(network))))


def series_periods(instance: Instance, split: Split) -> int | None:
    """Periods that a split of the table has after its history; None where demand is synthetic."""
    demand = instance.config.demand
    if not isinstance(demand, SeriesDemand):
        return None
    start, stop = getattr(demand, split)
    return stop - start - demand.past_periods


def series_count(instance: Instance) -> int | None:
    """Scenarios that the table has; None where demand is synthetic."""
    if instance.table is None:
        return None
    return len(sales_by_scenario(instance.table, len(demand_locations(instance.network))))


def draw_parameters(instance: Instance, split: Split, scenarios: int) -> Parameters:
    """Parameters of the first `scenarios` scenarios of a split; every leaf leads with them.

    What varies between synthetic scenarios is drawn afresh for each split; a recorded series keeps
    its costs and lead times in all splits. Raises InputError where a seed would make synthetic
    splits alike, and where tables of demand are too large.
    """
    config, network = instance.config, instance.network
    recorded = series_count(instance)
    count = recorded if recorded is not None else scenarios
    root = jax.random.key(config.seed)
    fresh = Branch.INSTANCE if recorded is not None else Branch[split.upper()]

    def draw(value: Any, members: int, field: str, whole: bool = False) -> np.ndarray:
        varies = getattr(value, "vary", "location") != "location"
        if varies and recorded is None and value.reference_seed is not None:
            raise InputError(
                f"problem.{field} has a reference_seed and vary={value.vary}, so that all splits "
                "would draw the same; remove reference_seed, or set vary=location"
            )
        key = branch(root, fresh if varies else Branch.INSTANCE)
        return draw_value(value, count, members, key, f"problem.{field}", whole)[:scenarios]

    def of_nodes(field: str, kinds: tuple[str, ...], whole: bool = False) -> np.ndarray:
        groups = [(n, node) for n, node in config.nodes.items() if node.kind in kinds]
        drawn = [draw(getattr(g, field), g.count, f"nodes.{n}.{field}", whole) for n, g in groups]
        return np.concatenate(drawn, axis=1)

    def of_edges(field: str, whole: bool = False) -> np.ndarray:
        groups = config.edges.items()
        drawn = [
            draw(getattr(e, field), edge_count(config, e), f"edges.{n}.{field}", whole)
            for n, e in groups
        ]
        return np.concatenate(drawn, axis=1)

    lead_time = of_edges("lead_time", whole=True)
    sizes = None
    if network.order_cells:
        sizes = _order_sizes(instance, lead_time, of_edges("fixed_cost"))
        lead_time = np.where(np.isfinite(sizes.lower), sizes.lead_time, 0).max(axis=2)

    customers = len(demand_locations(network))
    present = of_nodes("present", ("demand",), whole=True)
    if not present.any():
        raise InputError(
            f"nodes.present is 0 for every demand node of every {split} scenario, as drawn with "
            f"problem.seed={config.seed}, so nobody wants anything; give another seed, or leave "
            "present out for a node"
        )
    demand: Demand
    if isinstance(config.demand, SeriesDemand):
        assert instance.table is not None
        periods = getattr(config.demand, split)
        demand, history, calendar = recorded_demand(instance.table, config.demand, periods, present)
    else:

        def of_demand(field: str) -> np.ndarray:
            return draw(getattr(config.demand, field), customers, f"demand.{field}")

        demand = synthetic_demand(config.demand, of_demand)
        history = jnp.zeros((scenarios, 0, customers))
        calendar = jnp.zeros((scenarios, 1, 0))
    return Parameters(
        holding_cost=_float32(of_nodes("holding_cost", ("stocking", "demand"))),
        underage_cost=_float32(of_nodes("underage_cost", ("demand",))),
        procurement_cost=_float32(of_edges("procurement_cost")),
        lead_time=jnp.asarray(lead_time, jnp.int32),
        initial_inventory=_float32(np.tile(config.initial_inventory, (scenarios, 1))),
        present=_float32(present),
        demand=demand,
        history=history,
        calendar=calendar,
        sizes=sizes,
    )


def cell_ends(
    instance: Instance,
) -> tuple[Float64[np.ndarray, "edges cells"], Float64[np.ndarray, "edges cells"]]:
    """Lower and upper ends of the cells of every edge's order, the same in all scenarios; those out
    of reach are infinite."""
    shape = (len(instance.network.edges), instance.network.order_cells)
    lower, upper = np.full(shape, np.inf), np.full(shape, np.inf)
    first = 0
    for name, edge in instance.config.edges.items():
        own = slice(first, first := first + edge_count(instance.config, edge))
        found = edge_cells(name, edge)
        lower[own, : len(found.lower)], upper[own, : len(found.upper)] = found.lower, found.upper
    return lower, upper


def _order_sizes(
    instance: Instance,
    lead_time: Float64[np.ndarray, "scenarios edges"],
    fixed_cost: Float64[np.ndarray, "scenarios edges"],
) -> OrderSizes:
    """Cells of all edges, in all scenarios."""
    config, scenarios = instance.config, len(lead_time)
    lower, upper = cell_ends(instance)
    shape = (scenarios, *lower.shape)
    fixed, unit = np.zeros(shape), np.zeros(shape)
    periods = np.broadcast_to(lead_time[..., None], shape).astype(np.int32)
    fixed[..., 1:] = fixed_cost[..., None]
    first = 0
    for name, edge in config.edges.items():
        own = slice(first, first := first + edge_count(config, edge))
        values = edge_cells(name, edge).values
        used = slice(0, len(values["fixed_cost"]))
        fixed[:, own, used] += values["fixed_cost"]
        unit[:, own, used] = values["procurement_cost"]
        if "lead_time" in values:
            periods[:, own, used] = values["lead_time"]
    jointly = [edge.joint_fixed_cost for edge in config.edges.values() if edge.joint_fixed_cost]
    return OrderSizes(
        lower=_float32(np.broadcast_to(lower, shape)),
        upper=_float32(np.broadcast_to(upper, shape)),
        fixed_cost=_float32(fixed),
        procurement_cost=_float32(unit),
        lead_time=jnp.asarray(periods),
        joint_fixed_cost=_float32(np.tile(jointly, (scenarios, 1))),
    )


def _float32(values: Any) -> Array:
    return jnp.asarray(values, jnp.float32)
