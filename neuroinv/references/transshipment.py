"""A bound for a cross-dock that rebalances its stores' stock, and the policy that all but attains
it (Federgruen and Zipkin)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from neuroinv import optima
from neuroinv.config import NormalDemand
from neuroinv.policies.water_filling import water_filling
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.inventory.network import demand_locations, locations, sources
from neuroinv.references.fixed import all_equal, fixed_parameters
from neuroinv.references.reference import Reference
from neuroinv.types import InputError


def transshipment_references(instance: Instance) -> tuple[Reference, ...]:
    """The lower bound, and water filling up to its level; nothing for other networks."""
    network, config = instance.network, instance.config
    try:
        policy = water_filling(network)
    except InputError:
        return ()
    if not isinstance(config.demand, NormalDemand) or config.demand.clipped:
        return ()
    params = fixed_parameters(instance)
    if params is None or config.unmet_demand != "backlogged" or params.procurement_cost.any():
        return ()
    stores = list(demand_locations(network))
    from_centre = sources(network) >= 0
    lead_times = np.asarray(params.lead_time)[from_centre]
    holding, underage = np.asarray(params.holding_cost)[stores], np.asarray(params.underage_cost)
    if not (all_equal(lead_times) and all_equal(holding) and all_equal(underage)):
        return ()
    if len(stores) + 1 != len(locations(network)):
        return ()
    if not all((np.asarray(x) > 0).all() for x in (holding, underage, params.demand.std)):
        return ()
    bound = optima.transshipment_bound(
        np.asarray(params.demand.mean, np.float64),
        np.asarray(params.demand.std, np.float64),
        config.demand.correlation,
        int(params.lead_time[~from_centre][0]),
        int(lead_times[0]),
        float(holding[0]),
        float(underage[0]),
    )
    variables = {"level": jnp.float32(bound.level)}
    return (
        Reference("lower bound", "stock rebalanced freely", bound.cost, None, {}, True),
        Reference("water filling", f"S={bound.level:.2f}", None, policy, variables, False),
    )
