"""Exact (R, S) policies of many items that share a fixed cost, unmet demand backlogged.

Every R periods each item is ordered up to a level of its own, before the period's demand. Orders of
one period share one fixed cost, which is saved where no item has had any demand since the last
review. An order placed in period t serves demand from period t + lead_time on, so the period that
lies lead_time + j periods after a review, j = 0, ..., R - 1, ends with the level less the demand of
lead_time + 1 + j periods. All of them are equally frequent: an item is a newsvendor facing the
equal mixture of these R totals.

With levels at their best, the holding and underage cost H(R) of an item never falls in R, which
ends the search for the best R. For any level S, the expected cost of S less the demand of n periods
is convex in n, because the cost is convex and demand not negative. So of the R + 1 totals of a
cycle, the first or the last costs the most, and the other R cost no more on average. Those are
either the totals of a cycle of R, whose average is at least H(R), or the same totals with the
demand of one more period in each: whatever that demand is, it only lowers the level, so their
average is at least H(R) as well.

Source: Rao (2003), Properties of the periodic review (R, T) inventory control policy for
stationary, stochastic demand, Manufacturing and Service Operations Management 5(1).
"""

import math
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.checks import (
    check_costs,
    check_fixed_cost,
    check_lead_time,
    check_level,
    checked_probabilities,
)
from neuroinv.optima.demand_sums import check_periods, discrete_sum
from neuroinv.optima.newsvendor import discrete_quantile


class PeriodicReviewPolicy(NamedTuple):
    """A policy that orders every item up to its level at regular reviews.

    Attributes:
        review_periods: R, periods from one review to the next.
        levels: S (units) of each item, in inventory position.
        cost: long-run average cost per period of all items together, fixed costs included.
    """

    review_periods: int
    levels: Int[np.ndarray, " items"]
    cost: float


class _Item(NamedTuple):
    """Demand per period (entry d is the probability of d units) and costs per unit and period."""

    demand: Float64[np.ndarray, " support"]
    holding_cost: float
    underage_cost: float


def periodic_review_optimum(
    probabilities: Sequence[Float64[np.ndarray, " support"]],
    lead_time: int,
    holding_cost: Float64[np.ndarray, " items"],
    underage_cost: Float64[np.ndarray, " items"],
    fixed_cost: float,
) -> PeriodicReviewPolicy:
    """Cheapest (R, S) policy and its average cost, exact; of equally cheap ones the smallest.

    Args:
        probabilities: of each item; entry d is the probability of a demand of d units in one
            period. Demands of different items are independent.
        lead_time: periods, 0 or more, the same for every item; 0 means the order serves the same
            period's demand.
        holding_cost: of each item, per unit of stock left after demand and period.
        underage_cost: of each item, per unit of demand owed after demand and period.
        fixed_cost: per period in which anything is ordered, 0 or more.

    Raises:
        ValueError: no items, arguments of different lengths, probabilities that do not add up to
            one, a cost per unit that is not positive, a negative fixed cost, or a lead time that is
            not a whole number of at least zero.
    """
    items = _checked_items(probabilities, lead_time, holding_cost, underage_cost, fixed_cost)
    best = PeriodicReviewPolicy(0, np.zeros(len(items), int), np.inf)
    of_items = [_cycle_demands(item, lead_time) for item in items]
    for review_periods, *demands in zip(count(1), *of_items, strict=True):
        policy = _best_levels(review_periods, items, demands, fixed_cost)
        # Longer cycles cost no less than this one even if nothing is charged for their orders.
        if policy.cost - _ordering_cost(review_periods, items, fixed_cost) >= best.cost:
            break
        if policy.cost < best.cost:
            best = policy
    return best


def periodic_review_policy(
    review_periods: int,
    probabilities: Sequence[Float64[np.ndarray, " support"]],
    lead_time: int,
    holding_cost: Float64[np.ndarray, " items"],
    underage_cost: Float64[np.ndarray, " items"],
    fixed_cost: float,
) -> PeriodicReviewPolicy:
    """Best levels for reviews a given number of periods apart, and the average cost, exact.

    Args:
        review_periods: R, from one review to the next, 1 or more.
        probabilities: and the arguments that follow, as `periodic_review_optimum`.

    Raises:
        ValueError: as `periodic_review_optimum`, or R that is not a positive whole number.
    """
    check_periods(review_periods)
    items = _checked_items(probabilities, lead_time, holding_cost, underage_cost, fixed_cost)
    demands = [_cycle_demand(item, lead_time, review_periods) for item in items]
    return _best_levels(review_periods, items, demands, fixed_cost)


def periodic_review_cost(
    review_periods: int,
    levels: Int[np.ndarray, " items"],
    probabilities: Sequence[Float64[np.ndarray, " support"]],
    lead_time: int,
    holding_cost: Float64[np.ndarray, " items"],
    underage_cost: Float64[np.ndarray, " items"],
    fixed_cost: float,
) -> float:
    """Average cost per period, of all items together, of any (R, S) policy; exact.

    Args:
        review_periods: R, from one review to the next, 1 or more.
        levels: S (units) of each item, whole or not.
        probabilities: and the arguments that follow, as `periodic_review_optimum`.

    Raises:
        ValueError: as `periodic_review_policy`, or a level that is not finite or not one per item.
    """
    check_periods(review_periods)
    items = _checked_items(probabilities, lead_time, holding_cost, underage_cost, fixed_cost)
    levels = np.asarray(levels)
    if levels.shape != (len(items),):
        raise ValueError(
            f"levels has shape {levels.shape}; give one for each of {len(items)} items"
        )
    cost = _ordering_cost(review_periods, items, fixed_cost)
    for item, level in zip(items, levels.tolist(), strict=True):
        check_level(level)
        cost += _stock_cost(item, level, _cycle_demand(item, lead_time, review_periods))
    return cost


def _checked_items(
    probabilities: Sequence[Float64[np.ndarray, " support"]],
    lead_time: int,
    holding_cost: Float64[np.ndarray, " items"],
    underage_cost: Float64[np.ndarray, " items"],
    fixed_cost: float,
) -> list[_Item]:
    check_fixed_cost(fixed_cost)
    check_lead_time(lead_time)
    expected = (len(probabilities),)
    for field, values in (("holding_cost", holding_cost), ("underage_cost", underage_cost)):
        if np.shape(values) != expected or not len(probabilities):
            raise ValueError(
                f"{field} has shape {np.shape(values)} with {len(probabilities)} vectors of "
                "probabilities; give one of each per item, for one item or more"
            )
    items = []
    for demand, holding, underage in zip(probabilities, holding_cost, underage_cost, strict=True):
        check_costs(holding, underage)
        items.append(_Item(checked_probabilities(demand), float(holding), float(underage)))
    return items


def _best_levels(
    review_periods: int,
    items: list[_Item],
    demands: Sequence[Float64[np.ndarray, " summed"]],
    fixed_cost: float,
) -> PeriodicReviewPolicy:
    cost = _ordering_cost(review_periods, items, fixed_cost)
    levels = []
    for item, demand in zip(items, demands, strict=True):
        fractile = item.underage_cost / (item.underage_cost + item.holding_cost)
        levels.append(discrete_quantile(demand, fractile))
        cost += _stock_cost(item, levels[-1], demand)
    return PeriodicReviewPolicy(review_periods, np.array(levels), cost)


def _cycle_demand(
    item: _Item, lead_time: int, review_periods: int
) -> Float64[np.ndarray, " summed"]:
    """Total demand that the level has to cover, in a random period of the cycle."""
    return next(islice(_cycle_demands(item, lead_time), review_periods - 1, None))


def _cycle_demands(item: _Item, lead_time: int) -> Iterator[Float64[np.ndarray, " summed"]]:
    """The same for cycles of one period, of two, and so on without end."""
    total = discrete_sum(item.demand, lead_time + 1)
    of_periods = total
    for review_periods in count(1):
        yield of_periods / review_periods
        total = np.convolve(total, item.demand)
        of_periods = total + np.pad(of_periods, (0, total.size - of_periods.size))


def _stock_cost(item: _Item, level: float, demand: Float64[np.ndarray, " summed"]) -> float:
    left = level - np.arange(demand.size)
    charges = np.where(left > 0, item.holding_cost * left, -item.underage_cost * left)
    return float(charges @ demand)


def _ordering_cost(review_periods: int, items: list[_Item], fixed_cost: float) -> float:
    no_demand = math.prod(float(item.demand[0]) for item in items) ** review_periods
    return fixed_cost * (1.0 - no_demand) / review_periods
