"""An inventory problem as a config describes it: its network, and its scenarios' parameters."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from jaxtyping import Array, Float64

from neuroinv.config import (
    EdgeConfig,
    GeometricDemand,
    InventoryConfig,
    NegativeBinomialDemand,
    NodeConfig,
    NormalDemand,
    PoissonDemand,
    SeriesDemand,
    nearest,
    numbers,
)
from neuroinv.keys import Branch, branch
from neuroinv.problems.inventory.demand import (
    TAIL,
    Demand,
    Discrete,
    Normal,
    Series,
    discrete_table,
)
from neuroinv.problems.inventory.dynamics import LEAST_TYPICAL_SALES, Parameters
from neuroinv.problems.inventory.network import Edge, Network, Node, build_network
from neuroinv.problems.inventory.order_sizes import (
    OrderSizes,
    check_whole,
    edge_cells,
    has_sizes,
    lead_times_by_size,
)
from neuroinv.problems.inventory.scenario import draw_value
from neuroinv.problems.inventory.tables import (
    SalesTable,
    check_period_range,
    days_from_christmas,
    read_sales,
    select_locations,
)
from neuroinv.types import InputError

Split = Literal["train", "dev", "test"]
MOST_ENTRIES = 2**28  # of all tables of demand together: a gibibyte
DAYS_A_YEAR = 365.0  # keeps the calendar's features below one


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
    return Instance(config, network, _read(config, network))


def network_of(config: InventoryConfig) -> Network:
    """Groups of nodes and edges expanded, and checked. Raises InputError for all that is wrong with
    the graph or its lead times."""
    nodes = [node for group in config.nodes.items() for node in _members(*group)]
    indices = {node.name: range(i, i + 1) for i, node in enumerate(nodes)}
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
    return _sales_by_scenario(instance).shape[0]


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
            draw(getattr(e, field), _edge_count(config, e), f"edges.{n}.{field}", whole)
            for n, e in groups
        ]
        return np.concatenate(drawn, axis=1)

    lead_time = of_edges("lead_time", whole=True)
    sizes = None
    if network.order_cells:
        sizes = _order_sizes(instance, lead_time, of_edges("fixed_cost"))
        lead_time = np.where(np.isfinite(sizes.lower), sizes.lead_time, 0).max(axis=2)

    customers = sum(node.kind == "demand" for node in network.nodes)
    present = of_nodes("present", ("demand",), whole=True)
    if isinstance(config.demand, SeriesDemand):
        demand: Demand
        demand, history, calendar = _recorded(instance, config.demand, split, scenarios, present)
    else:

        def of_demand(field: str) -> np.ndarray:
            return draw(getattr(config.demand, field), customers, f"demand.{field}")

        demand = _synthetic(config.demand, of_demand)
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
        own = slice(first, first := first + _edge_count(instance.config, edge))
        found = edge_cells(name, edge)
        lower[own, : len(found.lower)], upper[own, : len(found.upper)] = found.lower, found.upper
    return lower, upper


def _edge_count(config: InventoryConfig, edge: EdgeConfig) -> int:
    """How many edges a group of them stands for."""
    ships, receives = (
        config.nodes[end].count if end in config.nodes else 1
        for end in (edge.source, edge.destination)
    )
    return ships * (receives if edge.members is None else len(edge.members))


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
        own = slice(first, first := first + _edge_count(config, edge))
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


def _synthetic(config: Any, drawn: Any) -> Demand:
    mean: Float64[np.ndarray, "scenarios demands"] = drawn("mean")
    if isinstance(config, NormalDemand):
        if config.std is not None:
            std = drawn("std")
        else:
            std = mean * drawn("coefficient_of_variation")
            if getattr(config.coefficient_of_variation, "reference_seed", None) is not None:
                std = np.round(std, 3)
        lower = 0.0 if config.clipped else -np.inf
        everywhere = np.ones(len(mean))
        return Normal(
            _float32(mean),
            _float32(std),
            _float32(config.correlation * everywhere),
            _float32(lower * everywhere),
        )
    variance = drawn("variance") if isinstance(config, NegativeBinomialDemand) else mean
    # Scenarios that are alike share a table, because SciPy takes a second for some millions of
    # entries.
    kinds, of_scenarios = np.unique(np.stack([mean, variance]), axis=1, return_inverse=True)
    of_scenarios, size = of_scenarios.ravel(), mean.size
    mean, variance = kinds
    match config:
        case PoissonDemand():
            frozen = scipy.stats.poisson(mean)
        case GeometricDemand():
            frozen = scipy.stats.geom(1 / (1 + mean), loc=-1)
        case NegativeBinomialDemand():
            if np.any(variance <= mean):
                at = np.argmax(variance <= mean)
                raise InputError(
                    f"problem.demand.variance is {variance.flat[at]:g} where the mean is "
                    f"{mean.flat[at]:g}; raise it above the mean, or use poisson demand"
                )
            frozen = scipy.stats.nbinom(mean**2 / (variance - mean), mean / variance)
    # A table is longer than its mean, and quantiles of large means take SciPy minutes. Written so
    # that it also refuses NaN, which SciPy gives for means beyond 1e19.
    too_large = mean.max() * size > MOST_ENTRIES
    if too_large or not frozen.isf(TAIL).max() * size <= MOST_ENTRIES:
        raise InputError(
            f"problem.demand.mean is up to {mean.max():g}, which for {len(of_scenarios)} scenarios "
            "makes tables of demand too large for memory; count in larger units, or use normal "
            "demand"
        )
    of_kinds = (mean, frozen.std(), discrete_table(frozen, mean))
    return Discrete(*(_float32(values)[of_scenarios] for values in of_kinds))


def _read(config: InventoryConfig, network: Network) -> SalesTable | None:
    if not isinstance(config.demand, SeriesDemand):
        return None
    table = read_sales(config.demand.path, config.demand.columns, config.demand.returns)
    if config.demand.locations is not None:
        names = [str(name) for name in config.demand.locations]
        table = select_locations(table, names, config.demand.path)
    typical = np.median(np.abs(table.quantity).mean(axis=1))
    if typical < LEAST_TYPICAL_SALES and np.any(table.quantity % 1):
        raise InputError(
            f"problem.demand.path: half of the series of {config.demand.path} sell less than "
            f"{typical:.2g} units a period, too little to scale by; count in smaller units"
        )
    for split in ("train", "dev", "test"):
        start, stop = getattr(config.demand, split)
        check_period_range(table, start, stop, f"problem.demand.{split}")
    customers = sum(node.kind == "demand" for node in network.nodes)
    if customers > 1 and len(table.locations) != customers:
        raise InputError(
            f"problem.nodes has {customers} demand nodes but {config.demand.path} has "
            f"{len(table.locations)} locations; give the network one demand node per location, or "
            "choose some with problem.demand.locations"
        )
    sells = table.location_index[table.quantity[:, slice(*config.demand.train)].any(axis=1)]
    silent = [name for index, name in enumerate(table.locations) if index not in sells]
    if customers > 1 and silent:
        raise InputError(
            f"problem.demand.path: {config.demand.path} never sells in {', '.join(silent)} within "
            "problem.demand.train; choose other locations with problem.demand.locations"
        )
    sold = len(set(table.item_index.tolist()))
    if customers > 1 and len(table.quantity) != sold * customers:
        raise InputError(
            f"problem.demand.path: {config.demand.path} lacks some item in some location, but a "
            "network's scenario is one item in all of them; remove items not sold everywhere"
        )
    return table


def _sales_by_scenario(
    instance: Instance,
) -> Float64[np.ndarray, "scenarios periods demands"] | Any:
    assert instance.table is not None
    customers = sum(node.kind == "demand" for node in instance.network.nodes)
    quantity = instance.table.quantity
    # Series are ordered by item, then location: a row of the reshaped array is one scenario.
    return quantity.reshape(-1, customers, quantity.shape[1]).swapaxes(1, 2)


def _recorded(
    instance: Instance, config: SeriesDemand, split: Split, scenarios: int, present: np.ndarray
) -> tuple[Series, Array, Array]:
    start, stop = getattr(config, split)
    sales = _sales_by_scenario(instance)[:scenarios, start:stop] * present[:, None, :]
    history, recorded = np.split(sales, [config.past_periods], axis=1)
    assert instance.table is not None
    features = {"days_from_christmas": days_from_christmas(instance.table.dates) / DAYS_A_YEAR}
    dated = np.stack([features[name] for name in config.calendar], axis=-1, dtype=np.float32)
    dated = dated[start + config.past_periods : stop]
    # The period after the last is never decided upon; its calendar only fills the array.
    dated = np.concatenate([dated, dated[-1:]])
    calendar = np.broadcast_to(dated, (scenarios, *dated.shape))
    typical = Series(
        _float32(np.abs(history).mean(axis=1)), _float32(history.std(axis=1)), _float32(recorded)
    )
    return typical, _float32(history), _float32(calendar)


def _float32(values: Any) -> Array:
    return jnp.asarray(values, jnp.float32)
