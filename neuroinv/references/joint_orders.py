"""Orders of several items that share a fixed cost: the classical policies at their best.

Levels of policies for which no exact answer is known are searched on simulated paths of their own,
which are neither those of training nor those of the test. Few numbers are searched, at first the
same for all items: periods of demand, beyond the lead time and this period, that an order is to
last, and how many standard deviations a level lies above the newsvendor's for so many periods. That
may be far below: where demand is large and rare, a backlog may have to be waited for before an
order pays. Of a few items, the numbers of each are then searched in turn, and kept if that pays on
further paths too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.stats
from jaxtyping import Array, Float64, Int, PyTree

from neuroinv import optima
from neuroinv.keys import Branch, branch
from neuroinv.policies.reorder import (
    CanOrder,
    JointOrderTable,
    JointQuantity,
    PeriodicReview,
    can_order,
    joint_order_table,
    joint_quantity,
    periodic_review,
)
from neuroinv.problems.inventory.demand import Discrete
from neuroinv.problems.inventory.dynamics import Parameters, inventory_problem
from neuroinv.problems.inventory.instance import Instance, draw_parameters
from neuroinv.problems.inventory.network import destinations
from neuroinv.references.fixed import all_equal
from neuroinv.references.reference import Reference
from neuroinv.rollout import average_costs, draw, greedy, total
from neuroinv.types import HindsightPolicy, Policy, Scenarios

CYCLES = np.linspace(0.2, 2.0, 19)  # tried shares of the economic time between orders
TRIED_FURTHER = 3  # starts; cycles of another number of periods are another local optimum
FEW_ITEMS, ROUNDS = 12, 2  # whose own numbers are searched, and how often; more take minutes

Numbers = float | Float64[np.ndarray, " edges"]
CostOf = Callable[..., float]
"""Cost per period of a policy with these variables, on the search's paths or on further ones."""


class SearchPaths(NamedTuple):
    """On which paths levels are searched: how many, of how many counted periods, after a burn-in.

    They last for `cycles` at least of the longest that is tried, and a fifth as many do not count:
    all paths start in step, and of a few cycles it would count which of their orders fall before
    the end.
    """

    scenarios: int = 32
    periods: int = 840  # as many whole cycles, of each length to eight
    burn_in: int = 50
    cycles: int = 25


LONG_PATHS = SearchPaths()


def joint_order_references(
    instance: Instance, params: Parameters, search: SearchPaths
) -> tuple[Reference, ...]:
    """The best (R, S), (Q, S) and can-order policy of items that come straight from supply and cost
    something to hold and to owe; of two of them the optimum as well. What is not exact is the best
    on the paths of the search."""
    network = instance.network
    at_edges, demand = destinations(network), params.demand
    mean, std, holding, underage = (
        np.asarray(values, np.float64)[at_edges]
        for values in (demand.mean, demand.std, params.holding_cost, params.underage_cost)
    )
    safety = scipy.stats.norm.ppf(underage / (underage + holding))
    lead_time = np.asarray(params.lead_time, np.float64)
    assert params.sizes is not None
    fixed = np.sum(params.sizes.joint_fixed_cost) + np.max(params.sizes.fixed_cost, axis=1).sum()
    covers = CYCLES * np.sqrt(2 * fixed / (holding @ mean))
    step = covers[1] - covers[0]
    cost_of = _simulated_cost(instance, search, covers[-1])

    def level(cover: Numbers, above: Numbers = 0.0) -> Float64[np.ndarray, " edges"]:
        """Stock that lasts for the lead time, this period and `cover` more."""
        periods = lead_time + 1 + np.maximum(cover, -np.min(lead_time) - 0.5)
        return mean * periods + (safety + above) * std * np.sqrt(periods)

    def joint(point: np.ndarray) -> JointQuantity:
        last, cover, above = point
        return JointQuantity(jnp.float32(np.sum(last * mean)), _whole(level(cover, above)))

    def opportune(point: np.ndarray) -> CanOrder:
        must_above, joined, cover, above = point
        must = level(0.0, must_above)
        more = np.maximum(level(cover, above) - must, 0.0)
        can = must + np.clip(joined, 0.0, 1.0) * more
        return CanOrder(_whole(must), _whole(can), _whole(must + more))

    of_joint, of_can = joint_quantity(network), can_order(network)

    def cost_of_joint(point: np.ndarray, further: bool = False) -> float:
        return cost_of(of_joint, joint(point), further)

    def cost_of_can(point: np.ndarray, further: bool = False) -> float:
        return cost_of(of_can, opportune(point), further)

    starts = [np.asarray([last * cover, cover, 0.0]) for cover in covers for last in (0.8, 1.0)]
    steps = np.asarray([step, step, 0.25])
    shared = _search(cost_of_joint, starts, steps)
    own = slice(2, 3)  # the quantity is one for all
    best_joint = joint(_refined(cost_of_joint, shared, steps, own, len(mean)))
    starts = [
        np.asarray([must_above, joined, cover, 0.0])
        for must_above in (-2.5, -1.0, 0.0)
        for joined in (0.5, 0.9)
        for cover in covers[::2]
    ]
    steps = np.asarray([0.5, 0.1, step, 0.25])
    shared = _search(cost_of_can, starts, steps)
    own = slice(3)  # with a cover of its own, what is above adds nothing
    best_can = opportune(_refined(cost_of_can, shared, steps, own, len(mean)))
    return (
        *_optimum(instance, params),
        _reviewed(instance, params, cost_of, level, covers),
        Reference(
            "best (Q, S)", f"Q={float(best_joint.quantity):.0f}", None, of_joint, best_joint, False
        ),
        Reference("best can-order", "(s, c, S) of every item", None, of_can, best_can, False),
    )


def _optimum(instance: Instance, params: Parameters) -> tuple[Reference, ...]:
    """Of two items that all orders share a fixed cost of, backlogged, in whole units."""
    network, demand, sizes = instance.network, params.demand, params.sizes
    assert sizes is not None
    two = network.joint_orders == ((0, 1),) and network.unmet_demand == "backlogged"
    if not two or not isinstance(demand, Discrete):
        return ()
    at_edges = destinations(network)
    try:
        best = optima.two_item_optimum(
            by_item(demand, at_edges),
            [int(periods) for periods in params.lead_time],
            np.asarray(params.holding_cost, np.float64)[at_edges],
            np.asarray(params.underage_cost, np.float64)[at_edges],
            float(sizes.joint_fixed_cost[0]),
            [float(cost) for cost in np.max(sizes.fixed_cost, axis=1)],
        )
    except RuntimeError:  # more positions than are looked at, or values that do not settle
        return ()
    cost = best.cost + _bought(params, at_edges)
    table = JointOrderTable(jnp.asarray(best.order_up_to), jnp.asarray(best.lowest))
    policy = joint_order_table(network)
    return (Reference("optimum", "dynamic program", cost, policy, table, True),)


def _bought(params: Parameters, at_edges: Int[np.ndarray, " items"]) -> float:
    """Cost per period of all that is demanded, which is bought some day."""
    return float(params.procurement_cost @ params.demand.mean[at_edges])


def _reviewed(
    instance: Instance,
    params: Parameters,
    cost_of: CostOf,
    level: Callable[[float], Float64[np.ndarray, " edges"]],
    covers: Float64[np.ndarray, " covers"],
) -> Reference:
    """The best (R, S): exact for backlogged demand in whole units that shares one fixed cost and
    lead time, else the best of some review periods and covers on the search's paths."""
    network, demand, sizes = instance.network, params.demand, params.sizes
    policy, at_edges = periodic_review(network), destinations(network)
    assert sizes is not None
    one_order = network.joint_orders == (tuple(range(len(network.edges))),)
    shared = one_order and not sizes.fixed_cost.any() and all_equal(np.asarray(params.lead_time))
    backlogged = network.unmet_demand == "backlogged"
    if isinstance(demand, Discrete) and shared and backlogged:
        best = optima.periodic_review_optimum(
            by_item(demand, at_edges),
            int(params.lead_time[0]),
            np.asarray(params.holding_cost, np.float64)[at_edges],
            np.asarray(params.underage_cost, np.float64)[at_edges],
            float(sizes.joint_fixed_cost[0]),
        )
        variables = PeriodicReview(
            jnp.int32(best.review_periods), jnp.asarray(best.levels, jnp.float32)
        )
        cost = best.cost + _bought(params, at_edges)
        return Reference("best (R, S)", f"R={best.review_periods}", cost, policy, variables, False)

    def reviewed(review: int, cover: float) -> PeriodicReview:
        return PeriodicReview(jnp.int32(review), _whole(level(cover)))

    tried = [
        (review, cover)
        for review in sorted({max(1, round(cover)) for cover in covers})
        for cover in covers
        if cover <= review + 1
    ]
    review, cover = min(tried, key=lambda at: cost_of(policy, reviewed(*at)))
    (cover,) = _search(
        lambda point: cost_of(policy, reviewed(review, point[0])),
        [np.asarray([cover])],
        np.asarray([covers[1] - covers[0]]),
    )
    return Reference("best (R, S)", f"R={review}", None, policy, reviewed(review, cover), False)


def _whole(levels: Float64[np.ndarray, " edges"]) -> Array:
    """The nearest whole units."""
    return jnp.asarray(np.round(levels), jnp.float32)


def by_item(
    demand: Discrete, at_edges: Int[np.ndarray, " items"]
) -> list[Float64[np.ndarray, " support"]]:
    """Probabilities of 0, 1, 2, ... units of what each edge's destination sells."""
    cumulative = np.clip(np.asarray(demand.cumulative, np.float64)[at_edges], 0.0, 1.0)
    found = np.diff(cumulative, prepend=0.0)
    return list(found / found.sum(axis=1, keepdims=True))


def _simulated_cost(instance: Instance, search: SearchPaths, longest: float) -> CostOf:
    """Average cost of a policy on the search's paths, or on as many further ones, where the longest
    cycle has so many periods; each policy is compiled once."""
    problem = inventory_problem(instance.network)
    params = draw_parameters(instance, "dev", search.scenarios)
    key = jax.random.fold_in(branch(jax.random.key(instance.config.seed), Branch.DEV), 1)
    burn_in = max(search.burn_in, math.ceil(search.cycles / 5 * longest))
    counted = max(search.periods, math.ceil(search.cycles * longest))
    paths = [
        draw(problem, params, of_paths, burn_in + counted)
        for of_paths in (key, jax.random.fold_in(key, 1))
    ]
    compiled: dict[int, Callable[[PyTree, Scenarios], Array]] = {}

    def cost_of(
        policy: Policy | HindsightPolicy, variables: PyTree, further: bool = False
    ) -> float:
        if id(policy) not in compiled:

            def cost(variables: PyTree, scenarios: Scenarios) -> Array:
                act = greedy(policy, variables)
                return jnp.mean(total(average_costs(problem, act, scenarios, burn_in)))

            compiled[id(policy)] = jax.jit(cost)
        return float(compiled[id(policy)](variables, paths[further]))

    return cost_of


def _search(
    cost_of: Callable[[np.ndarray], float], starts: list[np.ndarray], steps: np.ndarray
) -> np.ndarray:
    """The best point that Nelder and Mead find from the best few of the starts, stepping so far
    along each number at first."""
    found = []
    for start in sorted(starts, key=cost_of)[:TRIED_FURTHER]:
        simplex = np.vstack([start, start + np.diag(steps)])
        how = {"maxfev": 40 * len(start), "xatol": 0.02, "fatol": 1e-3, "initial_simplex": simplex}
        found.append(scipy.optimize.minimize(cost_of, start, method="Nelder-Mead", options=how))
    return min(found, key=lambda one: one.fun).x


def _refined(
    cost_of: Callable[..., float],
    shared: np.ndarray,
    steps: np.ndarray,
    own: slice,
    items: int,
) -> np.ndarray:
    """A point whose numbers all items share with, of a few items, the numbers `own` of each
    searched in turn: a column for every item. Of more items, and where that does not pay on further
    paths, it stays as it is."""
    if items > FEW_ITEMS:
        return shared
    point = np.repeat(shared[:, None], items, axis=1)

    def cost_with(item: int, numbers: np.ndarray) -> float:
        tried = point.copy()
        tried[own, item] = numbers
        return cost_of(tried)

    for item in ROUNDS * list(range(items)):
        point[own, item] = _search(partial(cost_with, item), [point[own, item]], steps[own])
    return min(shared, point, key=partial(cost_of, further=True))
