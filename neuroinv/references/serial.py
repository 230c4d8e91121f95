"""Exact answers for locations in series with backlogged demand (Clark and Scarf)."""

from __future__ import annotations

from typing import NamedTuple

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
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.inventory.network import (
    demand_locations,
    destinations,
    echelons,
    locations,
    sources,
)
from neuroinv.references.fixed import fixed_parameters
from neuroinv.references.reference import Reference, example_observation

Levels = Float64[np.ndarray, " locations"]


class Serial(NamedTuple):
    """A serial system with known costs; arrays go from upstream to downstream."""

    order: tuple[int, ...]
    """Positions of the locations in the network."""
    lead_times: tuple[int, ...]
    holding_costs: tuple[float, ...]
    underage_cost: float
    mean: float
    std: float
    clipped: bool
    probabilities: Float64[np.ndarray, " support"] | None
    """Of demand 0, 1, 2, ...; None where demand is normal."""


def serial_references(instance: Instance) -> tuple[Reference, ...]:
    """The optimum, which an echelon base-stock policy attains."""
    serial = as_serial(instance)
    if serial is None:
        return ()
    costs = (serial.lead_times, serial.holding_costs, serial.underage_cost)
    if serial.probabilities is None:
        best = optima.serial_optimum_normal(serial.mean, serial.std, *costs, serial.clipped)
    else:
        best = optima.serial_optimum_discrete(serial.probabilities, *costs)
    levels = np.empty(len(serial.order))
    levels[list(serial.order)] = best.levels
    variables = variables_of_levels(instance.network, levels, example_observation(instance))
    detail = "echelon " + " ".join(f"{level:.2f}" for level in best.levels)
    policy = echelon_stock(instance.network, 1.0)
    return (Reference("optimum", detail, best.cost, policy, variables, True),)


def exact_echelon_costs(instance: Instance, of_seeds: list[PyTree]) -> list[float] | None:
    """Exact long-run average cost of each seed's echelon levels; None where the system is not
    serial."""
    serial = as_serial(instance)
    if serial is None or instance.config.whole_units:
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
    order; None otherwise."""
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
    lead_times = params.lead_time[np.argsort(ends)][order]
    return Serial(
        tuple(order.tolist()),
        tuple(lead_times.tolist()),
        tuple(holding.tolist()),
        float(params.underage_cost[0]),
        mean,
        std,
        clipped,
        probabilities,
    )
