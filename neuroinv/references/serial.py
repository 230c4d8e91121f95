"""Exact answers for locations in series with backlogged demand (Clark and Scarf), also where every
order from outside costs something."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PyTree

from neuroinv import optima
from neuroinv.config import (
    GeometricDemand,
    NegativeBinomialDemand,
    NormalDemand,
    PoissonDemand,
    numbers,
)
from neuroinv.policies.echelon_stock import echelon_levels, echelon_stock, variables_of_levels
from neuroinv.policies.reorder import EchelonReorderLevels, echelon_reorder
from neuroinv.problems.inventory.dynamics import Parameters
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.inventory.network import (
    demand_locations,
    destinations,
    echelons,
    locations,
    sources,
)
from neuroinv.references.fixed import fixed_parameters
from neuroinv.references.reference import Reference, example_observation, name_of_optimum

Levels = Float64[np.ndarray, " locations"]


class Serial(NamedTuple):
    """A serial system with known costs; arrays go from upstream to downstream."""

    order: tuple[int, ...]
    """Positions of the locations in the network."""
    lead_times: tuple[int, ...]
    holding_costs: tuple[float, ...]
    underage_cost: float
    fixed_cost: float
    """Of every order of the first location."""
    mean: float
    std: float
    clipped: bool
    probabilities: Float64[np.ndarray, " support"] | None
    """Of demand 0, 1, 2, ...; None where demand is normal."""


def serial_references(instance: Instance) -> tuple[Reference, ...]:
    """The optimum, which an echelon base-stock policy attains, or with a fixed cost one that is
    (s, S) at the first location, for which demand must be whole."""
    serial = as_serial(instance)
    if serial is None:
        return ()
    if serial.fixed_cost:
        return () if serial.probabilities is None else (_with_fixed_cost(instance, serial),)
    costs = (serial.lead_times, serial.holding_costs, serial.underage_cost)
    if serial.probabilities is None:
        best = optima.serial_optimum_normal(serial.mean, serial.std, *costs, serial.clipped)
    else:
        best = optima.serial_optimum_discrete(serial.probabilities, *costs)
    detail = "echelon " + " ".join(f"{level:.2f}" for level in best.levels)
    named = (_name_of_optimum(serial), detail, best.cost)
    if best.levels.min() < 0:  # no cover stands for it
        return (Reference(*named, None, {}, True),)
    levels = np.empty(len(serial.order))
    levels[list(serial.order)] = best.levels
    variables = variables_of_levels(instance.network, levels, example_observation(instance))
    return (Reference(*named, echelon_stock(instance.network, 1.0), variables, True),)


def _name_of_optimum(serial: Serial) -> str:
    if serial.probabilities is None:
        return name_of_optimum(serial.mean, serial.std, serial.clipped)
    return "optimum"


def _with_fixed_cost(instance: Instance, serial: Serial) -> Reference:
    costs = (serial.lead_times, serial.holding_costs, serial.underage_cost, serial.fixed_cost)
    assert serial.probabilities is not None
    best = optima.serial_fixed_cost_optimum(serial.probabilities, *costs)
    reorder_levels = best.levels.copy()
    reorder_levels[0] = best.reorder_level
    order = np.argsort(serial.order)
    at, up_to = (jnp.asarray(each[order], jnp.float32) for each in (reorder_levels, best.levels))
    detail = f"echelon ({best.reorder_level}, {best.levels[0]:.0f})"
    detail = " ".join([detail, *(f"{level:.0f}" for level in best.levels[1:])])
    variables = EchelonReorderLevels(at, up_to)
    return Reference(
        "optimum", detail, best.cost, echelon_reorder(instance.network), variables, True
    )


def exact_echelon_costs(instance: Instance, of_seeds: list[PyTree]) -> list[float] | None:
    """Exact long-run average cost of each seed's echelon levels; None where the system is not
    serial, where orders are whole, and where demand may be returned."""
    serial = as_serial(instance)
    if serial is None or instance.config.whole_units:
        return None
    if _name_of_optimum(serial) != "optimum":
        return None
    observation = example_observation(instance)
    costs = (serial.lead_times, serial.holding_costs, serial.underage_cost)
    found = []
    for variables in of_seeds:
        levels = np.asarray(echelon_levels(instance.network, variables, observation), np.float64)
        levels = levels[list(serial.order)]
        if serial.probabilities is None:
            normal = (serial.mean, serial.std, *costs, serial.clipped)
            found.append(optima.serial_cost_normal(levels, *normal))
        else:
            found.append(optima.serial_cost_discrete(levels, serial.probabilities, *costs))
    return found


def as_serial(instance: Instance) -> Serial | None:
    """The problem as a serial system of two or more locations whose positive holding cost grows
    towards the customer, if it is one with known costs, random demand and nothing to pay for an
    order but a fixed cost at the first location; None otherwise."""
    network, config = instance.network, instance.config
    count = len(locations(network))
    ends, starts = destinations(network), sources(network)
    in_series = (
        count >= 2
        and len(demand_locations(network)) == 1
        and sorted(ends) == list(range(count))
        and sorted(starts) == sorted(set(starts.tolist()))
        and all(node.holds_stock for node in network.nodes)
    )
    if not in_series or config.unmet_demand != "backlogged":
        return None
    params = fixed_parameters(instance)
    if params is None or params.procurement_cost.any() or not (params.underage_cost > 0).all():
        return None
    order = np.argsort(-echelons(network).sum(axis=1))
    on_edges = np.argsort(ends)[order]
    fixed = _fixed_costs(instance, params)[on_edges]
    sized = any(edge.order_sizes is not None for edge in config.edges.values())
    if sized or fixed[1:].any():
        return None
    holding = params.holding_cost[order].astype(float)
    if holding[0] <= 0 or (np.diff(holding) < 0).any() or params.demand.std[0] <= 0:
        return None
    demand, probabilities = config.demand, None
    mean, std, clipped = float(params.demand.mean[0]), float(params.demand.std[0]), True
    match demand:
        case NormalDemand():
            clipped = demand.clipped
        case PoissonDemand():
            probabilities = optima.poisson_pmf(numbers(demand.mean)[0])
        case GeometricDemand():
            probabilities = optima.geometric_pmf(numbers(demand.mean)[0])
        case NegativeBinomialDemand():
            probabilities = optima.negative_binomial_pmf(mean, std**2)
    lead_times = params.lead_time[on_edges]
    return Serial(
        tuple(order.tolist()),
        tuple(lead_times.tolist()),
        tuple(holding.tolist()),
        float(params.underage_cost[0]),
        float(fixed[0]),
        mean,
        std,
        clipped,
        probabilities,
    )


def _fixed_costs(instance: Instance, params: Parameters) -> Float64[np.ndarray, " edges"]:
    """Of an order on every edge, each of which would bear a joint cost alone."""
    costs = np.zeros(len(instance.network.edges))
    if params.sizes is not None:
        costs += params.sizes.fixed_cost[:, 1]
        for cost, edges in zip(
            params.sizes.joint_fixed_cost, instance.network.joint_orders, strict=True
        ):
            costs[list(edges)] += cost
    return costs
