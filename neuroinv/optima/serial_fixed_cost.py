"""Exact optimum of a serial system that pays a fixed cost for every order from outside.

The system is that of `neuroinv.optima.clark_scarf`, but that the first location's orders cost K
each, whatever their size. What happens downstream of it depends on its own orders through its
echelon inventory position alone: with the position at y after ordering, the other locations do
best with the levels that they have without a fixed cost. With the costs and demands of that module,
and D that of the last location's lead time and period, what the echelons cost from a location on is

    C_N(y) = h_N y + (H_N + p) E[(D - y)^+],   C_j(y) = h_j y + E[C_{j+1}(min(S_{j+1}, y - D_j))],

and the system costs G(y) = C_1(y) - m (H_N + sum_j H_j L_j) per period. That is convex in y, so the
first location's best policy is an (s, S) policy of its echelon position, as for a store with these
costs of levels. A fixed cost on any other edge breaks the argument.

Source: Clark and Scarf (1960), Optimal policies for a multi-echelon inventory problem, Management
Science 6(4), section 4.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from neuroinv.optima.checks import check_fixed_cost, checked_lost_sales_demand
from neuroinv.optima.clark_scarf import serial_optimum_discrete
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.fixed_cost import cheapest_reorder_policy, costs_of_levels


class SerialReorderOptimum(NamedTuple):
    """The best policy of a serial system with a fixed cost at its first location.

    Attributes:
        reorder_level: s (units): the first location orders when its echelon inventory position,
            before demand, is s or less.
        levels: echelon levels that all locations order up to (units), from upstream to downstream;
            all but the first do so in every period, as far as their supplier's stock allows.
        cost: long-run average cost per period of all locations together, fixed costs included.
    """

    reorder_level: int
    levels: Float64[np.ndarray, " locations"]
    cost: float


def serial_fixed_cost_optimum(
    probabilities: Float64[np.ndarray, " support"],
    lead_times: Sequence[int],
    holding_costs: Sequence[float],
    underage_cost: float,
    fixed_cost: float,
) -> SerialReorderOptimum:
    """Cheapest of all policies for whole-number demand and its average cost, exact.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_times: periods from order to use at each location, 0 or more, from upstream to
            downstream.
        holding_costs: per unit on hand and period at each location, not decreasing downstream.
        underage_cost: per unit of demand owed after demand and period.
        fixed_cost: per order of the first location, 0 or more.

    Raises:
        ValueError: as `serial_optimum_discrete`, demand that is always zero, or a negative fixed
            cost.
    """
    check_fixed_cost(fixed_cost)
    demand = checked_lost_sales_demand(probabilities)
    levels = serial_optimum_discrete(demand, lead_times, holding_costs, underage_cost).levels
    last, last_holding = len(lead_times) - 1, holding_costs[-1]
    mean = float(np.arange(demand.size) @ demand)
    not_charged = mean * (last_holding + np.dot(holding_costs, lead_times))

    def costs_from(location: int, lowest: int, highest: int) -> Float64[np.ndarray, " levels"]:
        at = np.arange(lowest, highest + 1)
        own = (holding_costs[location] - (holding_costs[location - 1] if location else 0.0)) * at
        if location == last:
            total = discrete_sum(demand, lead_times[last] + 1)
            at_store = costs_of_levels(total, lowest, highest, (last_holding, underage_cost))
            return own + at_store - last_holding * (at - mean * (lead_times[last] + 1))
        meanwhile = discrete_sum(demand, max(lead_times[location], 1))
        most, level = meanwhile.size - 1, int(levels[location + 1])
        start = min(lowest - most, level)
        downstream = costs_from(location + 1, start, max(min(highest, level), start))
        reached = np.minimum(np.arange(lowest - most, highest + 1), level) - start
        return own + np.convolve(downstream[reached], meanwhile, mode="valid")

    best = cheapest_reorder_policy(
        demand,
        lambda lowest, highest: costs_from(0, lowest, highest) - not_charged,
        int(levels[0]),
        fixed_cost,
    )
    return SerialReorderOptimum(
        best.reorder_level, np.array([best.order_up_to_level, *levels[1:]]), best.cost
    )
