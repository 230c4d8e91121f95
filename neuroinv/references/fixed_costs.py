"""Orders with a fixed cost, or with costs that jump at other sizes: the exact optimum of one item,
and what is known of several."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Int

from neuroinv import optima
from neuroinv.policies.reorder import OrderTable, ReorderLevels, order_table, reorder
from neuroinv.problems.inventory.demand import Discrete
from neuroinv.problems.inventory.dynamics import Parameters
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.inventory.network import destinations, locations, sources
from neuroinv.problems.inventory.order_sizes import fixed_cost, lead_times_by_size, sized
from neuroinv.references.fixed import fixed_parameters
from neuroinv.references.joint_orders import LONG_PATHS, by_item, joint_order_references
from neuroinv.references.one_store import OneStore, as_one_store
from neuroinv.references.reference import Reference

# Highest inventory position (units) by lead time that the dynamic program of lost sales looks at:
# its work grows with the third power for lead times 0 and 1, the fourth for 2. Some half a minute.
HIGHEST_LOST_POSITION = {0: 1000, 1: 1000, 2: 140}


def fixed_cost_references(instance: Instance) -> tuple[Reference, ...]:
    """The optimum of one item; the best (R, S), (Q, S) and can-order policy of several. Nothing
    where items do not come straight from supply, or costs of several jump at other sizes than
    zero."""
    network, config = instance.network, instance.config
    direct = len(locations(network)) == len(network.edges) and (sources(network) < 0).all()
    plain = all(edge.order_sizes is None for edge in config.edges.values())
    params = fixed_parameters(instance)
    if not direct or params is None or config.objective != "cost":
        return ()
    if len(network.edges) == 1:
        found = _one_item(instance, params) if plain else ()
        return found or _one_item_by_size(instance, params)
    charged = (np.concatenate([params.holding_cost, params.underage_cost]) > 0).all()
    if not plain or not charged:
        return ()
    return joint_order_references(instance, params, LONG_PATHS)


def _one_item(instance: Instance, params: Parameters) -> tuple[Reference, ...]:
    store, sizes = as_one_store(instance.config) or _drawn_store(instance, params), params.sizes
    if store is None or not isinstance(store.demand, np.ndarray):
        return ()
    assert sizes is not None
    fixed = float(sizes.fixed_cost[0, 1] + np.sum(sizes.joint_fixed_cost))
    system = (store.demand, store.lead_time, store.holding_cost, store.underage_cost, fixed)
    policy = reorder(instance.network)

    def levels(reorder_level: float, up_to: float, cap: float | None) -> ReorderLevels:
        most = np.inf if cap is None else cap
        values = (reorder_level, up_to, most)
        return ReorderLevels(*(jnp.full(1, value, jnp.float32) for value in values))

    if instance.config.unmet_demand == "backlogged":
        best = optima.fixed_cost_optimum(*system)
        detail = f"(s, S)=({best.reorder_level}, {best.order_up_to_level})"
        variables = levels(best.reorder_level, best.order_up_to_level, None)
        return (Reference("optimum", detail, best.cost, policy, variables, True),)
    highest = store.mean * (store.underage_cost / store.holding_cost + store.lead_time + 1)
    if highest > HIGHEST_LOST_POSITION.get(store.lead_time, 0):
        return ()
    optimum = optima.fixed_cost_lost_sales_optimum(*system)
    capped = optima.best_capped_reorder_levels(*system)
    at = (capped.reorder_level, capped.order_up_to_level, capped.cap)
    return (
        _dynamic_program(optimum.cost, optimum.orders),
        Reference("best (s, S, q)", f"{at}", capped.cost, policy, levels(*at), False),
    )


def _drawn_store(instance: Instance, params: Parameters) -> OneStore | None:
    """The store whose costs or demand were drawn, the same in all scenarios."""
    if not isinstance(params.demand, Discrete) or params.procurement_cost.any():
        return None
    (holding,), (underage,), (mean,) = params.holding_cost, params.underage_cost, params.demand.mean
    if holding <= 0 or underage <= 0:
        return None
    (probabilities,) = by_item(params.demand, destinations(instance.network))
    lead_time = int(params.lead_time[0])
    return OneStore(lead_time, float(holding), float(underage), float(mean), probabilities)


def _one_item_by_size(instance: Instance, params: Parameters) -> tuple[Reference, ...]:
    """Only for whole orders: a part of a unit may be worth ordering next to a breakpoint. Where
    demand waits, lead times may differ by one period; the position tells nothing beyond that."""
    config, network, sizes = instance.config, instance.network, params.sizes
    (name, edge), *_ = config.edges.items()
    free = dataclasses.replace(edge, procurement_cost=0.0)
    store = as_one_store(dataclasses.replace(config, edges={name: free}))
    if not config.whole_units or store is None or not isinstance(store.demand, np.ndarray):
        return ()
    assert sizes is not None
    lead_times = lead_times_by_size(edge) or (store.lead_time,)
    fastest, lost = int(min(lead_times)), config.unmet_demand == "lost"
    if max(lead_times) > fastest + 1 and not lost:
        return ()

    @jax.jit
    @jax.vmap
    def terms(quantity: Array) -> tuple[Array, Array]:
        orders = sized(sizes, quantity[None])
        unit_cost = params.procurement_cost + jnp.sum(orders.cells * sizes.procurement_cost, axis=1)
        paid = fixed_cost(sizes, orders, network.joint_orders) + jnp.sum(unit_cost * quantity)
        takes = jnp.sum(orders.cells * sizes.lead_time)
        return jnp.where(orders.quantity[0] == quantity, paid, jnp.inf), takes - fastest

    def order_costs(quantities: Int[np.ndarray, " sizes"]) -> Float64[np.ndarray, " sizes"]:
        return np.asarray(terms(jnp.asarray(quantities, float))[0], np.float64)

    def delays(quantities: Int[np.ndarray, " sizes"]) -> Int[np.ndarray, " sizes"]:
        return np.asarray(terms(jnp.asarray(quantities, float))[1], np.int64)

    ends = np.concatenate([sizes.lower[0], sizes.upper[0]])
    last_jump = math.ceil(np.max(ends[np.isfinite(ends)]))
    system = (store.demand, fastest, store.holding_cost, store.underage_cost)
    try:
        if lost:
            by_state = optima.order_size_lost_sales_optimum(*system, order_costs, last_jump, delays)
            return (_dynamic_program(by_state.cost, by_state.orders),)
        best = optima.order_size_optimum(*system, order_costs, last_jump, delays)
        return (_dynamic_program(best.cost, best.orders, best.lowest),)
    except RuntimeError:  # more units than are looked at
        return ()


def _dynamic_program(cost: float, orders: Int[np.ndarray, "*states"], lowest: int = 0) -> Reference:
    table = OrderTable(jnp.asarray(orders, jnp.int32), jnp.int32(lowest))
    return Reference("optimum", "dynamic program", cost, order_table(), table, True)
