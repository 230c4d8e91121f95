"""Exact average-cost optimum of a dual-sourcing store.

Every unit demanded is bought in the end, so it costs the expedited price less what the regular
source saves. With y the inventory after expediting and r the regular order, the average cost is
that of

    expedited_cost E[D] + E[holding and underage cost of y - D] - (expedited_cost - regular_cost) r.

Sources: Whittemore and Saunders (1977), Optimal inventory under stochastic demand with two supply
options, SIAM Journal on Applied Mathematics 32(2), for the problem; Gijsbrechts, Boute, Van Mieghem
and Zhang (2022), Can deep reinforcement learning improve inventory management?, Manufacturing and
Service Operations Management 24(3), for the instances that the tests reproduce.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.dual_sourcing_store import (
    DualOrderFunction,
    DualSourcing,
    checked_store,
    inventory_costs,
)
from neuroinv.optima.lost_sales_tables import leftover_probabilities
from neuroinv.optima.newsvendor import discrete_quantile
from neuroinv.optima.value_iteration import Values, check_memory, settle

# Costs of every next order, with and without what they save, and value tables.
ARRAYS_HELD = 4


class DualSourcingOptimum(NamedTuple):
    """The cheapest of all policies.

    Attributes:
        cost: optimal long-run average cost per period, purchases included; the middle of the two
            bounds.
        order: the policy, for every state reached from the empty system; it raises IndexError for
            states with more stock or orders than that.
        lower: no policy costs less than this.
        upper: following `order` costs no more than this.
    """

    cost: float
    order: DualOrderFunction
    lower: float
    upper: float


class _Limits(NamedTuple):
    """Inventory (units) from lowest to highest, outstanding orders up to order."""

    lowest: int
    highest: int
    order: int


class _Table(NamedTuple):
    """Per state, inventory after expediting and the regular order; bounds on the average cost."""

    levels: Int[np.ndarray, "..."]
    regular: Int[np.ndarray, "..."]
    lower: float
    upper: float


def dual_sourcing_optimum(store: DualSourcing, tolerance: float = 1e-9) -> DualSourcingOptimum:
    """Cheapest policy of a dual-sourcing store and its average cost, by relative value iteration.

    The first table of states reaches from no inventory to the newsvendor level of
    regular_lead_time + 1 periods' demand, with regular orders up to the newsvendor level of one
    period's demand, each with one unit more. Should the optimal policy use these limits, they are
    widened and the search repeated. Inventory below the table is covered exactly, because the
    policy expedites at its bottom.

    Args:
        store: the store.
        tolerance: largest distance allowed between the two bounds (cost per period), or what
            rounding leaves of large costs.

    Raises:
        ValueError: bad arguments, or a table too large for 2 GiB of memory.
        RuntimeError: the tolerance was not reached in 20,000 sweeps.
    """
    if not tolerance > 0.0:
        raise ValueError(f"tolerance is {tolerance}; give a positive cost per period such as 1e-9")
    store = checked_store(store)
    all_demand = discrete_sum(store.probabilities, store.regular_lead_time + 1)
    limits = _Limits(
        lowest=0,
        highest=discrete_quantile(all_demand, store.fractile) + 1,
        order=discrete_quantile(store.probabilities, store.fractile) + 1,
    )
    while True:
        _check_limits(limits, store.regular_lead_time)
        table = _relative_value_iteration(store, limits, tolerance)
        wider = _widened(limits, table)
        if wider == limits:
            cost = 0.5 * (table.lower + table.upper)
            order = _table_order(limits.lowest, table)
            return DualSourcingOptimum(cost, order, table.lower, table.upper)
        limits = wider


def _check_limits(limits: _Limits, lead_time: int) -> None:
    entries = math.log2(limits.highest - limits.lowest + 1)
    check_memory(
        entries + lead_time * math.log2(limits.order + 1),
        ARRAYS_HELD,
        f"regular_lead_time {lead_time} with inventory from {limits.lowest} to {limits.highest} "
        f"and orders up to {limits.order}",
        "best_capped_dual_index",
    )


def _relative_value_iteration(store: DualSourcing, limits: _Limits, tolerance: float) -> _Table:
    inventories = np.arange(limits.lowest, limits.highest + 1)
    stocks, orders = inventories.size, np.arange(limits.order + 1)
    outstanding = (orders.size,) * (store.regular_lead_time - 1)
    trailing = (1,) * len(outstanding)
    charges = inventory_costs(store, inventories) + store.expedited_cost * store.mean_demand
    charges = charges.reshape(-1, *trailing)
    premium = store.expedited_cost - store.regular_cost
    # What falls below the table lands on its bottom, which is worth the same where one expedites.
    after_demand = leftover_probabilities(store.probabilities, stocks - 1)
    # What would lift inventory above the table is thrown away, and costs more than ordering it
    # saved, or too large an order would look like a gain. No state in use gets there.
    arrived = np.arange(stocks)[:, None] + orders
    loss = (premium + store.holding_cost) * np.maximum(arrived - (stocks - 1), 0)
    charged = loss.reshape(*loss.shape, *trailing) - premium * orders
    arrived = np.minimum(arrived, stocks - 1)

    def one_period(values: Values) -> tuple[Values, Values, Values]:
        expected = (after_demand @ values.reshape(stocks, -1)).reshape(values.shape)
        # Axes: inventory after expediting, outstanding orders, the order placed now.
        ordering = expected[arrived] + charged
        expediting = charges + ordering.min(axis=-1)
        return ordering, expediting, np.minimum.accumulate(expediting[::-1], axis=0)[::-1]

    start = np.zeros((stocks, *outstanding))
    values, lower, upper = settle(lambda values: one_period(values)[2], start, tolerance)
    ordering, expediting, improved = one_period(values)
    index = np.arange(stocks).reshape(charges.shape)
    best = np.where(expediting == improved, index, stocks)
    levels = np.minimum.accumulate(best[::-1], axis=0)[::-1]
    regular = np.take_along_axis(ordering.argmin(axis=-1), levels, axis=0)
    return _Table(levels + limits.lowest, regular, lower, upper)


def _widened(limits: _Limits, table: _Table) -> _Limits:
    """The same limits where the policy keeps within them, else wider ones."""
    inventory, *orders = np.indices(table.levels.shape)
    outstanding = np.sum(orders, axis=0, dtype=np.int64)
    inside = np.asarray(inventory + limits.lowest + outstanding <= limits.highest)
    position = (table.levels + outstanding + table.regular)[inside].max()
    waits_at_the_bottom = np.any((table.levels[0] == limits.lowest) & inside[0])
    more_stock = math.ceil((limits.highest - limits.lowest) / 4)
    more_orders = math.ceil(limits.order / 4)
    return _Limits(
        lowest=limits.lowest - (more_stock if waits_at_the_bottom else 0),
        highest=limits.highest + (more_stock if position > limits.highest else 0),
        order=limits.order + (more_orders if table.regular[inside].max() >= limits.order else 0),
    )


def _table_order(lowest: int, table: _Table) -> DualOrderFunction:
    def order(
        states: Int[np.ndarray, "states dimension"],
    ) -> tuple[Int[np.ndarray, " states"], Int[np.ndarray, " states"]]:
        inventory, *outstanding = np.asarray(states).T
        entry = (np.maximum(inventory - lowest, 0), *outstanding)
        return np.asarray(table.levels[entry] - inventory), np.asarray(table.regular[entry])

    return order
