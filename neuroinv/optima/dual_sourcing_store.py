"""A store that buys from a regular and from an expedited source.

Each period the store observes its inventory and outstanding regular orders, orders from both
sources, receives the expedited order at once, meets demand, backlogs what is missing and pays the
holding cost on stock left or the underage cost on demand owed. A regular order placed in period t
serves demand from period t + regular_lead_time on.

The state is (inventory, next regular order to arrive, ..., latest regular order), regular_lead_time
numbers. Inventory is on-hand stock less backlog, before ordering, with this period's arrival in it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import check_costs, check_lead_time, checked_lost_sales_demand

DualOrderFunction = Callable[
    [Int[np.ndarray, "states dimension"]],
    tuple[Int[np.ndarray, " states"], Int[np.ndarray, " states"]],
]
"""Maps states, one row each, to the units to expedite and to order from the regular source."""


class DualSourcing(NamedTuple):
    """A store with two sources.

    Attributes:
        probabilities: entry d is the probability of a demand of d units in one period.
        regular_lead_time: periods, 1 or more; an expedited order has lead time 0.
        holding_cost: per unit of stock left after demand and period.
        underage_cost: per unit of demand owed after demand and period.
        regular_cost: per unit ordered from the regular source.
        expedited_cost: per unit expedited.
    """

    probabilities: Float64[np.ndarray, " support"]
    regular_lead_time: int
    holding_cost: float
    underage_cost: float
    regular_cost: float
    expedited_cost: float

    @property
    def mean_demand(self) -> float:
        """Expected demand of one period (units)."""
        return float(np.arange(self.probabilities.size) @ self.probabilities)

    @property
    def fractile(self) -> float:
        """The newsvendor's share of periods in which demand is met."""
        return self.underage_cost / (self.underage_cost + self.holding_cost)


def checked_store(store: DualSourcing) -> DualSourcing:
    """The store with its probabilities scaled to add up to exactly one.

    Raises ValueError for bad probabilities, costs or lead time, and for prices of which one source
    is never worth using: expediting has to cost more than a regular order, by less than the
    underage cost of a unit over the regular lead time.
    """
    check_costs(store.holding_cost, store.underage_cost)
    check_lead_time(store.regular_lead_time)
    if store.regular_lead_time == 0:
        raise ValueError("regular_lead_time is 0; give 1 or more, or nothing needs expediting")
    premium = store.expedited_cost - store.regular_cost
    limit = store.underage_cost * store.regular_lead_time
    if not 0.0 < premium < limit:
        raise ValueError(
            f"expedited_cost is {store.expedited_cost} with regular_cost {store.regular_cost}; give"
            f" a premium above 0 and below {limit}, the underage cost of regular_lead_time periods,"
            " or use backlogged_optimum_discrete for the one source worth using"
        )
    return store._replace(probabilities=checked_lost_sales_demand(store.probabilities))


def inventory_costs(
    store: DualSourcing, inventories: Int[np.ndarray, " inventories"]
) -> Float64[np.ndarray, " inventories"]:
    """Expected holding and underage cost of a period for inventories (units) before its demand."""
    left = inventories[:, None] - np.arange(store.probabilities.size)
    charges = np.where(left > 0, store.holding_cost * left, -store.underage_cost * left)
    return np.asarray(charges @ store.probabilities)
