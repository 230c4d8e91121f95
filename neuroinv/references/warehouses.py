"""A lower bound for warehouses that feed stores whose unmet demand is lost."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from neuroinv import optima
from neuroinv.config import NormalDemand
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.inventory.network import demand_locations, destinations, locations, sources
from neuroinv.references.fixed import fixed_parameters
from neuroinv.references.reference import Reference

WORK = 1e8  # half a second per store; ten times as much raises the bound by a percent at most
LEAST_BOUND = 1e-9  # a cost of nothing, such as where stores hold stock for free, is no measure


def warehouse_references(instance: Instance) -> tuple[Reference, ...]:
    """The bound, for normal demand clipped at zero; nothing for other networks."""
    network, config = instance.network, instance.config
    stores = np.asarray(demand_locations(network))
    warehouses = np.setdiff1d(np.arange(len(locations(network))), stores)
    ends, starts = destinations(network), sources(network)
    two_echelons = (
        warehouses.size > 0
        and all(node.holds_stock for node in network.nodes)
        and np.isin(ends[starts < 0], warehouses).all()
        and np.isin(ends[starts >= 0], stores).all()
        and np.isin(starts[starts >= 0], warehouses).all()
        and sorted(ends[starts < 0]) == warehouses.tolist()
    )
    demand, params = config.demand, fixed_parameters(instance)
    if not (two_echelons and isinstance(demand, NormalDemand) and demand.clipped) or params is None:
        return ()
    if config.unmet_demand != "lost" or config.objective != "cost":
        return ()
    holding, underage, procurement, lead_time = (np.asarray(part) for part in params[:4])
    if (lead_time[starts >= 0] < 1).any():
        return ()
    mean, std = (np.asarray(part, np.float64) for part in params.demand[:2])
    correlation = np.full((stores.size, stores.size), float(demand.correlation))
    np.fill_diagonal(correlation, 1.0)
    try:
        bound = optima.warehouse_bound(
            optima.clipped_normal_levels(mean, correlation * np.outer(std, std)),
            lead_time=_by_link(lead_time, instance).astype(int),
            holding_cost=holding[stores],
            underage_cost=underage,
            warehouse_holding_cost=holding[warehouses],
            warehouse_lead_time=lead_time[starts < 0][np.argsort(ends[starts < 0])],
            shipping_cost=_least_cost_per_unit(procurement, instance),
            work=WORK,
        )
    except ValueError:  # lead times so long that no affordable lattice carries the argument
        return ()
    if bound.cost_per_period < LEAST_BOUND:
        return ()
    return (Reference("lower bound", "each store alone", bound.cost_per_period, None, {}, True),)


def _by_link(values: np.ndarray, instance: Instance) -> Float64[np.ndarray, "warehouses stores"]:
    """Values of edges between warehouses and stores; 0 where there is none."""
    network = instance.network
    matrix = np.zeros((len(locations(network)),) * 2)
    internal = sources(network) >= 0
    matrix[sources(network)[internal], destinations(network)[internal]] = values[internal]
    stores = list(demand_locations(network))
    return np.delete(matrix, stores, axis=0)[:, stores]


def _least_cost_per_unit(
    procurement_cost: np.ndarray, instance: Instance
) -> Float64[np.ndarray, " warehouses"]:
    """Least that a unit sold through each warehouse costs on its edges."""
    network = instance.network
    internal = sources(network) >= 0
    linked = _by_link(np.ones(len(network.edges)), instance) > 0
    shipping = np.where(linked, _by_link(procurement_cost, instance), np.inf).min(axis=1)
    buying = procurement_cost[~internal][np.argsort(destinations(network)[~internal])]
    return shipping + buying
