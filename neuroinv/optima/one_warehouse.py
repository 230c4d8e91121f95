r"""Lower bound on the average cost of warehouses that feed stores whose unmet demand is lost.

In period t the demands of all earlier periods are known. Warehouse w orders from a supplier without
limit, ships q_kt to store k out of its stock on hand, and pays holding cost H_w on what is left.
Store k then meets demand D_kt, paying h_k for stock left and p_k for sales lost; a shipment serves
demand L_k >= 1 periods later, a warehouse's order can be shipped L_w periods later, and stock in
transit pays nothing. Demands may depend on each other across stores, not across periods. The bound
holds for every policy with finite mean orders, whatever the initial stock. The argument, for one
warehouse first, where periods near either end of the horizon change totals by bounded amounts:

1. *Warehouse stock gets a price.* Let A_t and B_t be all that ever arrived at the warehouse and all
   that it ever shipped, including period t; a policy needs A_t >= B_t. Let lambda_t >= 0 be a
   function of the demands of the last m <= L_w periods with mean H (and equal to H in the first L_w
   and the last max L_k periods). Replacing the cost H (A_t - B_t) by (H - lambda_t) (A_t - B_t)
   does not raise it. A_t was ordered before any of those demands was known, so the A_t part has
   mean zero; and E[lambda_t - H] given what was known m or more periods before is zero, so of the
   B_t part there remains a price per unit shipped in period t,
   pi_t = sum over i < m of E[lambda_{t+i} - H | demands before t].
   The price has mean zero and is high after high demand, when the warehouse is likely to be short.
   What remains of the problem falls apart into one store each, with an unlimited supplier at price
   pi_t; the sum of their optimal costs is a bound for every choice of lambda.
2. *Coarser demand costs less.* Let J_t be a level of demand that decides lambda, and D'_kt whole
   multiples of a step with E[D_kt | D'_kt, J_t] = D'_kt. Given any policy, its conditional mean
   orders, sales and stock given the histories of (D'_k, J) satisfy every constraint of the store
   that faces D'_k (sales at most stock and demand, stock balance: all linear), at the same mean
   cost: nothing decided before t depends on D'_kt or J_t. Selling less than one could is allowed
   here and never pays. Such a D' exists where it is below D in convex order given each level
   (Strassen); of those on a lattice, a linear program finds the one with the largest variance.
3. *Whole steps suffice.* On the tree of histories, with cumulative orders and sales as variables,
   each constraint bounds one variable or a difference of two: the matrix is totally unimodular, so
   some optimal plan orders whole steps.
4. *Orders are limited.* Let N steps be the largest D'. A unit that makes an order exceed N, or the
   inventory position after it (L + 1) N, is not sold in the period in which it becomes available.
   Shipping it a period later loses no sale, saves h_k and changes the mean price by
   H - lambda_t, no more than h_k if lambda_t >= H - h_k, which is imposed. So the optimum is among
   finitely many states, and every sweep of value iteration bounds it: the average cost is at least
   the smallest change of the value over states.

With several suppliers, a store is granted the shortest of its lead times at the least of its prices
(cost per unit shipped plus pi of that warehouse); a warehouse with a slower link than some other to
one of its stores gets the constant lambda = H. Step 4 holds for the least of prices as well.

Sources: step 1 is Lagrangian relaxation with a price adapted to what is known (Rockafellar and Wets
1976, nonanticipativity and L1-martingales in stochastic optimization problems, Mathematical
Programming Study 6); step 2 is Jensen's inequality for stochastic linear programs; step 3 is the
structure behind Zipkin (2008), On the structure of lost-sales inventory models, Operations Research
56(4).
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.level_demand import (
    Lattice,
    LevelDemand,
    additions_of_sweep,
    check_demand,
    finest_lattice,
)

# History that the price depends on: more gains little and multiplies the states.
PRICE_MEMORY = 3
# lambda is least while the levels of the last periods add up to at most a threshold, a share of the
# most they can, and rises in proportion above it; a swing says how far below its mean that least
# value lies, as a share of what is allowed. The best pair is used.
THRESHOLDS = (0.0, 1 / 6, 1 / 3, 1 / 2)
SWINGS = (1 / 4, 1 / 2, 1.0)
# The pair is chosen with this share of the work of the bound itself, by the stores that have a
# lattice for ten times as much: others would take longer than the bound, and every pair gives one.
SEARCH_SHARE = 0.01
MOST_SEARCH_SHARE = 0.1
MOST_SWEEPS = 1_000
TOLERANCE = 3e-4  # of the cost
KEPT = 0.1


class WarehouseBound(NamedTuple):
    """No policy of the network costs less in the long run.

    Attributes:
        cost_per_period: bound on the cost per period of all stores and warehouses together;
            published costs are often this divided by the number of stores.
        of_stores: its parts by store, each with what its shipments cost at the warehouse.
    """

    cost_per_period: float
    of_stores: Float64[np.ndarray, " stores"]


def warehouse_bound(
    demand: LevelDemand,
    lead_time: Int[np.ndarray, "warehouses stores"],
    holding_cost: Float64[np.ndarray, " stores"],
    underage_cost: Float64[np.ndarray, " stores"],
    warehouse_holding_cost: Float64[np.ndarray, " warehouses"],
    warehouse_lead_time: Int[np.ndarray, " warehouses"],
    shipping_cost: Float64[np.ndarray, " warehouses"],
    work: float = 1e9,
) -> WarehouseBound:
    """Lower bound on the long-run average cost of any policy; the module says why it is one.

    Without a price on warehouse stock (one level of demand, no holding cost there or no lead time
    to it) and with demand on a lattice of few points it is exact. With one warehouse it lies 2 to
    3 % under the best costs published for 3 to 50 stores, with two or three warehouses 7 to 9 %,
    and one percent more with a tenth of the work.
    Numbers are as exact as the linear programs behind them, to about 1e-6 of the cost.

    Args:
        demand: of one period; periods are independent of each other.
        lead_time: periods from a warehouse to a store, 1 or more, or 0 where there is no link.
        holding_cost: per unit of stock left at a store after demand and period.
        underage_cost: per unit of demand lost.
        warehouse_holding_cost: per unit of stock left after shipping and period.
        warehouse_lead_time: periods from the supplier to the warehouse, 0 or more.
        shipping_cost: per unit shipped from the warehouse, or bought by it: in the long run no more
            is shipped than bought.
        work: additions in one sweep over a store's states. More work means finer lattices and a
            higher bound; 1e9 takes a few seconds per store with lead time 5, 1e7 a tenth.

    Raises:
        ValueError: arrays whose shapes disagree, costs, lead times or probabilities out of range, a
            store or warehouse without a link, or a lead time too long for demand that varies so
            little.
    """
    demand = LevelDemand(*(np.asarray(part, np.float64) for part in demand))
    lead_time, warehouse_lead_time = np.asarray(lead_time), np.asarray(warehouse_lead_time)
    holding_cost, underage_cost, warehouse_holding_cost, shipping_cost = (
        np.asarray(cost, np.float64)
        for cost in (holding_cost, underage_cost, warehouse_holding_cost, shipping_cost)
    )
    check_demand(demand)
    stores, warehouses = demand.points.shape[1], warehouse_holding_cost.size
    _check("lead_time", lead_time, (warehouses, stores), whole=True)
    _check("holding_cost", holding_cost, (stores,))
    _check("underage_cost", underage_cost, (stores,))
    _check("warehouse_holding_cost", warehouse_holding_cost, (warehouses,))
    _check("warehouse_lead_time", warehouse_lead_time, (warehouses,), whole=True)
    _check("shipping_cost", shipping_cost, (warehouses,))
    linked = lead_time > 0
    for kind, count in (("store", linked.sum(axis=0)), ("warehouse", linked.sum(axis=1))):
        if not count.all():
            raise ValueError(
                f"lead_time is 0 on every link of {kind} {int(np.argmin(count))}; give it a link "
                "with a lead time of 1 or more"
            )

    fastest = np.where(linked, lead_time, lead_time.max()).min(axis=0)
    # lambda may fall by this much: it stays at least zero, and to keep stock at the warehouse for a
    # period stays no dearer than at a store.
    room = np.minimum(warehouse_holding_cost, np.where(linked, holding_cost, np.inf).min(axis=1))
    room[np.any(linked & (lead_time > fastest), axis=1)] = 0.0
    memory = min(PRICE_MEMORY, int(warehouse_lead_time.min())) if demand.chances.size > 1 else 0
    scores = np.indices((demand.chances.size,) * memory).sum(axis=0)

    def lattices(work: float) -> list[Lattice]:
        return [
            finest_lattice(demand, k, int(fastest[k]), scores.size, work) for k in range(stores)
        ]

    def bounds(
        lattices: list[Lattice], chosen: list[int], threshold: float, swing: float
    ) -> Float64[np.ndarray, " chosen"]:
        scarcity = np.maximum(scores - threshold * np.max(scores), 0.0)
        price = np.multiply.outer(swing * room, _price(demand.chances, scarcity))
        price += shipping_cost.reshape(-1, *(1,) * memory)
        return np.asarray(
            [
                _store_bound(
                    demand.chances,
                    lattices[k],
                    fastest[k],
                    holding_cost[k],
                    underage_cost[k],
                    price[linked[:, k]].min(axis=0),
                )
                for k in chosen
            ]
        )

    best, everywhere = (0.0, 0.0), list(range(stores))
    if memory and room.any():
        coarse = lattices(SEARCH_SHARE * work)
        quick = [
            k
            for k, (_, laws) in enumerate(coarse)
            if additions_of_sweep(laws.shape[1] - 1, int(fastest[k]), scores.size)
            <= MOST_SEARCH_SHARE * work
        ]
        pairs = [best, *product(THRESHOLDS, SWINGS)]
        best = max(pairs, key=lambda pair: bounds(coarse, quick or everywhere, *pair).sum())
    of_stores = bounds(lattices(work), everywhere, *best)
    return WarehouseBound(float(of_stores.sum()), of_stores)


def _price(
    chances: Float64[np.ndarray, " levels"], scarcity: Float64[np.ndarray, "..."]
) -> Float64[np.ndarray, "..."]:
    """pi of step 1 where lambda - H is `scarcity` over its mean, less one.

    Arguments and result have one axis of levels per past period, latest first.
    """
    memory = scarcity.ndim
    if memory == 0:
        return np.zeros(())
    above_mean = scarcity / _mean_over_latest(scarcity, chances, memory) - 1.0
    price = np.zeros(scarcity.shape)
    for unknown in range(memory):
        # What is known of a later period's history are its oldest levels, the latest of now.
        expected = _mean_over_latest(above_mean, chances, unknown)
        price += expected.reshape(expected.shape + (1,) * unknown)
    return price


def _mean_over_latest(
    values: Float64[np.ndarray, "..."], chances: Float64[np.ndarray, " levels"], periods: int
) -> Float64[np.ndarray, "..."]:
    for _ in range(periods):
        values = np.tensordot(chances, values, axes=1)
    return values


def _store_bound(
    chances: Float64[np.ndarray, " levels"],
    lattice: Lattice,
    lead_time: int,
    holding_cost: float,
    underage_cost: float,
    price: Float64[np.ndarray, "..."],
) -> float:
    """Bound, by value iteration, on the cost per period of a store with an unlimited supplier.

    A value has one axis per past level (latest first), per outstanding order (latest first) and for
    stock on hand. Stock above the limit is cut to it, which a policy that keeps to the limits of
    step 4 never meets.
    """
    step, laws = lattice
    steps = laws.shape[1] - 1
    if np.ptp(price) == 0.0:
        price = price.reshape(-1)[0]
    price = np.asarray(step * price)
    stocks = (lead_time + 1) * steps + 1
    gap = np.arange(stocks) - np.arange(steps + 1)[:, None]
    per_gap = step * (holding_cost * np.maximum(gap, 0) - underage_cost * np.minimum(gap, 0))
    charges = chances @ laws @ per_gap
    leftover = np.zeros((chances.size, stocks, stocks))
    for demand in range(steps + 1):
        # Entry [level, left, stock]: probability of the level, and of leaving `left` out of stock.
        joint = chances * laws[:, demand]
        leftover[:, np.maximum(gap[demand], 0), np.arange(stocks)] += joint[:, None]
    shape = price.shape + (steps + 1,) * (lead_time - 1)
    # Copies of the value at the limit stand above it: an arrival is then a shift.
    values = np.zeros((*shape, stocks + steps))
    improved = np.empty((*shape, stocks))
    for _ in range(MOST_SWEEPS):
        _sweep(values, leftover, price, improved)
        improved += charges
        change = improved - values[..., :stocks]
        lower, upper = float(change.min()), float(change.max())
        if upper - lower <= TOLERANCE * abs(upper):
            break
        values[..., :stocks] += (1.0 - KEPT) * change
        values -= values.flat[0]
        values[..., stocks:] = values[..., stocks - 1 : stocks]
    return lower


def _sweep(
    values: Float64[np.ndarray, "..."],
    leftover: Float64[np.ndarray, "levels stocks stocks"],
    price: Float64[np.ndarray, "..."],
    improved: Float64[np.ndarray, "..."],
) -> None:
    """Write into `improved` the least price paid plus expected next value over orders."""
    stocks = leftover.shape[-1]
    orders = values.shape[-1] - stocks + 1
    sizes = np.arange(orders)[:, None, None]
    histories = price.shape
    for recent in np.ndindex(histories[:-1]):
        # The level to come becomes the latest, and the oldest is forgotten.
        following = [
            values[(level, *recent) if histories else ()].reshape(-1, values.shape[-1])
            for level in range(leftover.shape[0])
        ]
        current = [(*recent, oldest) for oldest in range(histories[-1])] if histories else [()]
        for arriving in range(orders):
            window = slice(arriving, arriving + stocks)
            expected = sum(
                table[:, window] @ left for table, left in zip(following, leftover, strict=True)
            )
            for history in current:
                if improved.ndim == len(histories) + 1:
                    # Lead time 1: what arrives is what is ordered now.
                    total = expected[0] + price[history] * arriving
                    best = total if arriving == 0 else np.minimum(improved[history], total)
                    improved[history] = best
                else:
                    by_order = expected.reshape(orders, -1, stocks)
                    by_arrival = improved[history].reshape(-1, orders, stocks)
                    by_arrival[:, arriving] = np.min(by_order + price[history] * sizes, axis=0)


def _check(field: str, values: np.ndarray, shape: tuple[int, ...], whole: bool = False) -> None:
    if values.shape != shape:
        raise ValueError(f"{field} has shape {values.shape}; give it the shape {shape}")
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise ValueError(f"{field} is {values}; give finite numbers, none below zero")
    if whole and not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{field} is {values}; give whole numbers of periods")
