"""Exact echelon base-stock levels and costs of a serial system whose unmet demand is backlogged.

Goods come from a supply without limit, pass locations 1, ..., N and are sold at N; every argument
that has one entry per location lists them in that order, from upstream to downstream. In each
period all locations see their stock and order at once, at most what their supplier has on hand;
then demand is met, and every location pays its holding cost on stock left on hand (after shipping
to the next) while the last one pays the underage cost on demand still owed. Stock in transit pays
nothing. An order with lead time L >= 1 can be passed on or sold L periods later; with lead time 0
it is sold in the same period at the last location, while elsewhere it stays for a period, and pays
for it, because it arrives after the next location has been served.

A location's *echelon inventory position* counts all stock at it, on the way to it and anywhere
downstream, less demand owed. With echelon base-stock levels S_j, the position after ordering is
Y_1 = S_1 and Y_{j+1} = min(S_{j+1}, Y_j - D_j), where D_j is the demand of L_j periods (of one if
L_j = 0): what location j's echelon still has by then limits what the next location can order. With
holding costs H_j, echelon holding costs h_j = H_j - H_{j-1}, underage cost p and mean demand m, the
average cost per period is

    sum_j h_j E[Y_j] + (H_N + p) E[(D - Y_N)^+] - m (H_N + sum_j H_j L_j),

where D is the demand of L_N + 1 periods; the last term takes out stock in transit and stock that is
sold before it is charged. No policy costs less than the best such levels.

Sources: Clark and Scarf (1960), Optimal policies for a multi-echelon inventory problem, Management
Science 6(4); van Houtum and Zijm (1991), Computational procedures for stochastic multi-echelon
production systems, International Journal of Production Economics 23, for the newsvendor equations.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.signal import fftconvolve

from neuroinv.optima.checks import (
    check_costs,
    check_lead_time,
    check_level,
    check_normal,
    checked_probabilities,
)
from neuroinv.optima.demand_sums import STDS_COVERED, Lattice, clipped_normal_sum, discrete_sum
from neuroinv.optima.newsvendor import discrete_quantile

DemandOver = Callable[[int], Lattice]
"""Distribution of the demand of so many periods, 1 or more, on a lattice of one step for all."""


class SerialOptimum(NamedTuple):
    """The best echelon base-stock policy, which no other policy improves on.

    Attributes:
        levels: echelon base-stock level of every location (units), from upstream to downstream:
            order up to it in echelon inventory position, as far as the supplier's stock allows.
            One may exceed the level upstream of it, which then is what limits the orders.
        cost: long-run average cost per period of all locations together.
    """

    levels: Float64[np.ndarray, " locations"]
    cost: float


def serial_optimum_discrete(
    probabilities: Float64[np.ndarray, " support"],
    lead_times: Sequence[int],
    holding_costs: Sequence[float],
    underage_cost: float,
) -> SerialOptimum:
    """Best echelon base-stock levels and their cost for whole-number demand, exact.

    Args:
        probabilities: entry d is the probability of a demand of d units in one period.
        lead_times: periods from order to use at each location, 0 or more.
        holding_costs: per unit on hand and period at each location, not decreasing downstream.
        underage_cost: per unit of demand owed after demand and period.

    Returns:
        The smallest optimal whole levels, and the average cost per period.

    Raises:
        ValueError: probabilities that do not add up to one, a cost that is not positive, holding
            costs that decrease downstream, or a lead time that is not a whole number.
    """
    return _optimum(_discrete(probabilities), lead_times, holding_costs, underage_cost)


def serial_cost_discrete(
    levels: Sequence[float] | Float64[np.ndarray, " locations"],
    probabilities: Float64[np.ndarray, " support"],
    lead_times: Sequence[int],
    holding_costs: Sequence[float],
    underage_cost: float,
) -> float:
    """Average cost per period of any echelon base-stock levels under whole-number demand, exact.

    Levels (units) need not be whole; the other arguments are those of `serial_optimum_discrete`.
    Raises ValueError as that function does, except that holding costs may decrease downstream, and
    for levels that are not finite or not one per location.
    """
    return _cost(levels, _discrete(probabilities), lead_times, holding_costs, underage_cost)


def serial_optimum_normal(
    mean: float,
    std: float,
    lead_times: Sequence[int],
    holding_costs: Sequence[float],
    underage_cost: float,
    clipped: bool,
) -> SerialOptimum:
    """Best echelon base-stock levels and their cost for normal demand.

    Args:
        mean: of one period's demand before clipping (units).
        std: of one period's demand before clipping (units).
        lead_times: periods from order to use at each location, 0 or more.
        holding_costs: per unit on hand and period at each location, not decreasing downstream.
        underage_cost: per unit of demand owed after demand and period.
        clipped: whether demand is max(Normal, 0) rather than Normal, which may be negative. Where
            it may, the cost is a lower bound: it takes orders to be reversible, so that returned
            goods never leave a location above its level.

    Returns:
        Levels to a multiple of std / 4000 (see `demand_sums`) and the average cost per period.

    Raises:
        ValueError: a cost or std that is not positive, a mean that is not finite (or below -9 std
            when clipped), holding costs that decrease downstream, or a lead time that is not a
            whole number.
    """
    demand_over = _normal(mean, std, clipped)
    return _optimum(demand_over, lead_times, holding_costs, underage_cost)


def serial_cost_normal(
    levels: Sequence[float] | Float64[np.ndarray, " locations"],
    mean: float,
    std: float,
    lead_times: Sequence[int],
    holding_costs: Sequence[float],
    underage_cost: float,
    clipped: bool,
) -> float:
    """Average cost per period of any echelon base-stock levels (units) under normal demand.

    The other arguments are those of `serial_optimum_normal`; where demand may be negative, orders
    are taken to be reversible as there. Raises ValueError as that function does, except that
    holding costs may decrease downstream, and for levels that are not finite or not one per
    location.
    """
    demand_over = _normal(mean, std, clipped)
    return _cost(levels, demand_over, lead_times, holding_costs, underage_cost)


def _discrete(probabilities: Float64[np.ndarray, " support"]) -> DemandOver:
    one_period = checked_probabilities(probabilities)
    return lambda periods: Lattice(0.0, 1.0, discrete_sum(one_period, periods))


def _normal(mean: float, std: float, clipped: bool) -> DemandOver:
    check_normal(mean, std)
    if clipped:
        return lambda periods: clipped_normal_sum(mean, std, periods)
    # Demand with this mean is never clipped; moving it back gives the one asked for.
    out_of_reach = STDS_COVERED * std

    def demand_over(periods: int) -> Lattice:
        moved = clipped_normal_sum(out_of_reach, std, periods)
        return moved._replace(offset=moved.offset + periods * (mean - out_of_reach))

    return demand_over


def _optimum(
    demand_over: DemandOver,
    lead_times: Sequence[int],
    holding_costs: Sequence[float],
    underage_cost: float,
) -> SerialOptimum:
    """Level by level from the last location: each solves a newsvendor equation.

    With Z_N the demand of L_N + 1 periods, S_j is the quantile of Z_j at (p + H_{j-1}) / (p + H_j),
    and Z_{j-1} = D_{j-1} + Z_j, Z_j here cut off at S_j so that this probability is left below.
    """
    _check_system(lead_times, holding_costs, underage_cost)
    upstream = (0.0, *holding_costs[:-1])
    if any(own < before for own, before in zip(holding_costs, upstream, strict=True)):
        raise ValueError(
            f"holding_costs is {list(holding_costs)}; give costs that do not decrease downstream: "
            "where stock is cheaper to keep further on, no finite level is best"
        )
    offset, step, probabilities = demand_over(lead_times[-1] + 1)
    levels = np.empty(len(lead_times))
    for location in reversed(range(len(lead_times))):
        fractile = (underage_cost + upstream[location]) / (underage_cost + holding_costs[location])
        reached = discrete_quantile(probabilities, fractile)
        levels[location] = offset + step * reached
        if location:
            kept = probabilities[: reached + 1].copy()
            kept[-1] = max(fractile - kept[:-1].sum(), 0.0)
            meanwhile = demand_over(_periods_to_pass_on(lead_times, location - 1))
            offset += meanwhile.offset
            probabilities = _convolve(kept / kept.sum(), meanwhile.probabilities)
    return SerialOptimum(
        levels, _cost(levels, demand_over, lead_times, holding_costs, underage_cost)
    )


def _cost(
    levels: Sequence[float] | Float64[np.ndarray, " locations"],
    demand_over: DemandOver,
    lead_times: Sequence[int],
    holding_costs: Sequence[float],
    underage_cost: float,
) -> float:
    _check_system(lead_times, holding_costs, underage_cost)
    if len(levels) != len(lead_times):
        raise ValueError(
            f"levels has {len(levels)} entries for {len(lead_times)} locations; give one for each"
        )
    for level in levels:
        check_level(level)
    demand = demand_over(1)
    not_charged = _mean([demand]) * (holding_costs[-1] + np.dot(holding_costs, lead_times))
    # The position after ordering is the level of the location that last held goods back, less all
    # demand since. One part for each such location keeps levels off the lattice of demand exact.
    parts = [Lattice(float(levels[0]), -demand.step, np.ones(1))]
    cost = holding_costs[0] * _mean(parts)
    for location in range(1, len(levels)):
        meanwhile = demand_over(_periods_to_pass_on(lead_times, location - 1))
        parts = _held_back([_less(part, meanwhile) for part in parts], float(levels[location]))
        cost += (holding_costs[location] - holding_costs[location - 1]) * _mean(parts)
    owed = _expected_excess(demand_over(lead_times[-1] + 1), parts)
    return float(cost + (holding_costs[-1] + underage_cost) * owed - not_charged)


def _periods_to_pass_on(lead_times: Sequence[int], location: int) -> int:
    """Periods from the order of a location until the next one can order the goods."""
    return max(lead_times[location], 1)


def _less(position: Lattice, demand: Lattice) -> Lattice:
    return Lattice(
        position.offset - demand.offset,
        position.step,
        _convolve(position.probabilities, demand.probabilities),
    )


def _held_back(parts: list[Lattice], level: float) -> list[Lattice]:
    """The parts of min(position, level), falling from the highest point of each."""
    below, at_level = [], 0.0
    for offset, step, probabilities in parts:
        above = max(math.floor((level - offset) / step) + 1, 0)
        at_level += float(probabilities[:above].sum())
        if above < probabilities.size:
            below.append(Lattice(offset + above * step, step, probabilities[above:]))
    return [*below, Lattice(level, parts[0].step, np.array([at_level]))]


def _mean(parts: list[Lattice]) -> float:
    return float(sum(_points(part) @ part.probabilities for part in parts))


def _expected_excess(demand: Lattice, positions: list[Lattice]) -> float:
    """E[(demand - position)^+]."""
    exceeded = np.cumsum(demand.probabilities[::-1])[::-1] - demand.probabilities
    excess = demand.step * np.cumsum(exceeded[::-1])[::-1]
    total, points = 0.0, _points(demand)
    for part in positions:
        at = _points(part)
        # Linear between the points of demand and, with slope -1, below the smallest.
        expected = np.interp(at, points, excess) + np.maximum(demand.offset - at, 0.0)
        total += float(expected @ part.probabilities)
    return total


def _points(lattice: Lattice) -> Float64[np.ndarray, " points"]:
    return lattice.offset + lattice.step * np.arange(lattice.probabilities.size)


def _convolve(
    first: Float64[np.ndarray, " points"], second: Float64[np.ndarray, " others"]
) -> Float64[np.ndarray, " sums"]:
    return np.maximum(fftconvolve(first, second), 0.0)


def _check_system(
    lead_times: Sequence[int], holding_costs: Sequence[float], underage_cost: float
) -> None:
    if len(lead_times) == 0 or len(lead_times) != len(holding_costs):
        raise ValueError(
            f"lead_times has {len(lead_times)} entries and holding_costs {len(holding_costs)}; "
            "give both for every location"
        )
    for lead_time, holding_cost in zip(lead_times, holding_costs, strict=True):
        check_lead_time(lead_time)
        check_costs(holding_cost, underage_cost)
