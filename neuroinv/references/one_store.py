"""Exact answers for a single store: optima, the best classical policies, and any policy's cost."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, Int, PyTree

from neuroinv import optima
from neuroinv.config import (
    GeometricDemand,
    InventoryConfig,
    NegativeBinomialDemand,
    NormalDemand,
    PoissonDemand,
    SeriesDemand,
    numbers,
)
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.newsvendor import discrete_quantile
from neuroinv.policies.allocation import whole_units
from neuroinv.policies.stock_levels import (
    base_stock,
    before_softplus,
    capped_base_stock,
    levels,
)
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.switched_lqr import SwitchedLQR
from neuroinv.references.reference import (
    Reference,
    example_observation,
    name_of_optimum,
    single,
)
from neuroinv.types import Policy

PLENTY = 20  # periods of mean demand
FEWEST_STATES = 4096  # asked of a policy at a time; fewer take no less time
LONGEST_LEAD_TIME = 5  # periods; under lost sales the states multiply with each one more
MOST_ORDERS_WEIGHED = 10**8  # in a sweep over all states under lost sales, which take 40 and more


class OneStore(NamedTuple):
    """A single store with known costs: the system that theory solves."""

    lead_time: int
    holding_cost: float
    underage_cost: float
    mean: float
    demand: NormalDemand | Float64[np.ndarray, " support"]
    """The config of normal demand, or the probabilities of demand 0, 1, 2, ..."""


def one_store_references(instance: Instance) -> tuple[Reference, ...]:
    """The optimum of a single store and, under lost sales, the best of the classical policies."""
    store = as_one_store(instance.config)
    if store is None:
        return ()
    if instance.config.unmet_demand == "backlogged":
        return (_newsvendor(instance, store),)
    return () if isinstance(store.demand, NormalDemand) else _lost_sales(instance, store)


def as_one_store(config: InventoryConfig) -> OneStore | None:
    """The problem as a single store, if it is one with the same positive costs in all scenarios
    and nothing to pay for an order; None otherwise."""
    kinds = [node.kind for node in config.nodes.values() for _ in range(node.count)]
    if sorted(kinds) != ["demand", "supply"] or len(config.edges) != 1:
        return None
    (node,) = (node for node in config.nodes.values() if node.kind == "demand")
    (edge,) = config.edges.values()
    demand = config.demand
    if isinstance(demand, SeriesDemand) or config.objective != "cost" or node.present != 1:
        return None
    assert node.underage_cost is not None
    values = (edge.lead_time, node.holding_cost, node.underage_cost, demand.mean)
    lead_time, holding, underage, mean = (single(value) for value in values)
    if lead_time is None or not holding or not underage or mean is None:
        return None
    if single(edge.procurement_cost) != 0:
        return None
    probabilities: Float64[np.ndarray, " support"]
    match demand:
        case NormalDemand():
            if len(set(numbers(demand.std or demand.coefficient_of_variation or 0.0))) > 1:
                return None
            return OneStore(int(lead_time), holding, underage, mean, demand)
        case PoissonDemand():
            probabilities = optima.poisson_pmf(mean)
        case GeometricDemand():
            probabilities = optima.geometric_pmf(mean)
        case NegativeBinomialDemand():
            variance = single(demand.variance)
            if variance is None:
                return None
            probabilities = optima.negative_binomial_pmf(mean, variance)
    return OneStore(int(lead_time), holding, underage, mean, probabilities)


def exact_store_costs(
    instance: Instance, policy: Policy, of_seeds: list[PyTree]
) -> list[float] | None:
    """Exact long-run average cost of each seed's variables, where theory can tell; else None.

    A base-stock level under backlogging has a closed form, but for whole orders of continuous
    demand, after which the position lies anywhere within half a unit of the level, and for demand
    that may be returned. Under lost sales with whole orders any policy is a Markov chain, whose
    stationary distribution is computed; beyond PLENTY periods of stock, and twice the base-stock
    level, which it practically never sees, a policy is taken to order nothing. The chain starts
    where scenarios start with most stock: a net may order nothing in the empty system, for ever,
    and never come there otherwise.
    """
    store = as_one_store(instance.config)
    if store is None:
        return None
    whole = instance.config.whole_units
    if instance.config.unmet_demand == "backlogged":
        continuous = whole and isinstance(store.demand, NormalDemand)
        if continuous or _name_of_optimum(store) != "optimum":
            return None
        if any(set(variables) != {"cover"} for variables in of_seeds):
            return None
        found = [level_of(instance, variables) for variables in of_seeds]
        return [_backlogged_cost(store, float(round(x)) if whole else x) for x in found]
    if isinstance(store.demand, NormalDemand) or not whole:
        return None
    if store.lead_time > LONGEST_LEAD_TIME:
        return None
    observation = example_observation(instance)

    def ordered(variables: PyTree, state: jax.Array) -> jax.Array:
        seen = _seen(observation, state)
        return whole_units(instance.network, policy.apply(variables, seen).mode(), seen.on_hand)[0]

    compiled = jax.jit(jax.vmap(ordered, (None, 0)))
    demand, costs = store.demand, (store.holding_cost, store.underage_cost)
    level = optima.backlogged_optimum_discrete(demand, store.lead_time, *costs).level
    plenty = max(PLENTY * store.mean, 2 * level + 1)

    def cost(variables: PyTree) -> float:
        def order(states: Int[np.ndarray, "states dimension"]) -> Int[np.ndarray, " states"]:
            # Padded to a power of two: a new shape for each call would compile for each call.
            size = max(FEWEST_STATES, 1 << (len(states) - 1).bit_length())
            padded = np.zeros((size, states.shape[1]), np.float32)
            padded[: len(states)] = states
            orders = np.asarray(compiled(variables, padded)).astype(np.int64)[: len(states)]
            return np.where(states.sum(axis=1) > plenty, 0, orders)

        most = round(instance.config.initial_inventory[1] * store.mean)
        start = np.full(max(store.lead_time, 1), most)
        return optima.policy_cost(demand, store.lead_time, *costs, order, start=start)

    try:
        return [cost(variables) for variables in of_seeds]
    except (ValueError, RuntimeError):
        # More states than memory holds, or too seldom left: the simulation has to tell.
        return None


def _backlogged_cost(store: OneStore, level: float) -> float:
    lead_time, costs = store.lead_time, (store.holding_cost, store.underage_cost)
    if isinstance(store.demand, NormalDemand):
        mean, std, clipped = _normal(store.mean, store.demand)
        return optima.backlogged_cost_normal(level, mean, std, lead_time, *costs, clipped)
    return optima.backlogged_cost_discrete(level, store.demand, lead_time, *costs)


def level_of(instance: Instance, variables: PyTree) -> float:
    """The base-stock level of a single store, in units."""
    return float(levels(instance.network, variables, example_observation(instance))[0])


def fitted_level(instance: Instance | SwitchedLQR, variables: PyTree) -> str:
    """The base-stock level of a single store's fitted policy, for a reader; else nothing."""
    if isinstance(instance, SwitchedLQR) or set(variables) != {"cover"}:
        return ""
    if as_one_store(instance.config) is None:
        return ""
    return f"S={level_of(instance, variables):.3f}"


def _seen(observation: Observation, state: jax.Array) -> Observation:
    """The observation of a store whose stock is [on hand, due in one period, in two, ...]."""
    pipeline = jnp.zeros_like(observation.pipeline).at[0, : state.shape[0] - 1].set(state[1:])
    return observation._replace(on_hand=state[:1], pipeline=pipeline)


def _newsvendor(instance: Instance, store: OneStore) -> Reference:
    lead_time, costs = store.lead_time, (store.holding_cost, store.underage_cost)
    if isinstance(store.demand, NormalDemand):
        mean, std, clipped = _normal(store.mean, store.demand)
        best = optima.backlogged_optimum_normal(mean, std, lead_time, *costs, clipped)
    else:
        best = optima.backlogged_optimum_discrete(store.demand, lead_time, *costs)
    named = (_name_of_optimum(store), f"base-stock {best.level:.3f}", best.cost)
    if best.level <= 0:  # no cover stands for it
        return Reference(*named, None, {}, True)
    variables = {"cover": _cover(best.level, store)}
    return Reference(*named, base_stock(instance.network, 1.0), variables, True)


def _name_of_optimum(store: OneStore) -> str:
    if isinstance(store.demand, NormalDemand):
        return name_of_optimum(*_normal(store.mean, store.demand))
    return "optimum"


def _lost_sales(instance: Instance, store: OneStore) -> tuple[Reference, ...]:
    assert not isinstance(store.demand, NormalDemand)
    if store.lead_time > LONGEST_LEAD_TIME or _orders_weighed(store) > MOST_ORDERS_WEIGHED:
        return ()
    system = (store.demand, store.lead_time, store.holding_cost, store.underage_cost)
    try:
        best = optima.lost_sales_optimum(*system)
        level = optima.best_base_stock(*system)
        capped = optima.best_capped_base_stock(*system)
    except (ValueError, RuntimeError):  # too many states for memory, or demand too rare to converge
        return ()
    network = instance.network
    assert capped.cap is not None
    capped_variables = {
        "cover": _cover(capped.level, store),
        "cap": jnp.asarray([before_softplus(capped.cap / store.mean)], jnp.float32),
    }
    return (
        Reference("optimum", "dynamic program", best.cost, None, {}, True),
        Reference(
            "best base-stock",
            f"S={level.level}",
            level.cost,
            base_stock(network, 1.0),
            {"cover": _cover(level.level, store)},
            False,
        ),
        Reference(
            "best capped base-stock",
            f"S={capped.level}, r={capped.cap}" if capped.cap else "never orders",
            capped.cost,
            capped_base_stock(network, 1.0, 1.0),
            capped_variables,
            False,
        ),
    )


def _orders_weighed(store: OneStore) -> int:
    """How many orders a sweep of the dynamic program weighs in all states together, about."""
    assert not isinstance(store.demand, NormalDemand)
    fractile = store.underage_cost / (store.underage_cost + store.holding_cost)
    stock = discrete_quantile(discrete_sum(store.demand, store.lead_time + 1), fractile)
    return (stock + 2) * (discrete_quantile(store.demand, fractile) + 2) ** store.lead_time


def _cover(level: float, store: OneStore) -> jax.Array:
    return jnp.asarray([before_softplus(level / (store.mean * (store.lead_time + 1)))], jnp.float32)


def _normal(mean: float, config: NormalDemand) -> tuple[float, float, bool]:
    """Mean, standard deviation, and whether negative demand is clipped."""
    if config.std is not None:
        return mean, numbers(config.std)[0], config.clipped
    assert config.coefficient_of_variation is not None
    return mean, mean * numbers(config.coefficient_of_variation)[0], config.clipped
