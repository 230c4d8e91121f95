"""One store whose orders cost anything by their size: known cases, and what its orders cost."""

from __future__ import annotations

import numpy as np
import pytest

from neuroinv.optima import (
    backlogged_optimum_discrete,
    fixed_cost_optimum,
    geometric_pmf,
    order_size_optimum,
    order_sizes,
    poisson_pmf,
)
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.fixed_cost import costs_of_levels

SYSTEMS = [
    (poisson_pmf(10.0), 2, 1.0, 9.0),
    (poisson_pmf(0.7), 0, 0.2, 5.0),
    (geometric_pmf(4.0), 3, 1.0, 19.0),
    (np.array([0.0, 0.0, 1.0]), 1, 1.0, 4.0),
]


def fixed(cost):
    return lambda sizes: np.where(sizes > 0, cost, 0.0)


@pytest.mark.parametrize("fixed_cost", [0.0, 3.0, 64.0])
@pytest.mark.parametrize("system", SYSTEMS)
def test_with_a_fixed_cost_alone_it_is_the_best_s_S(system, fixed_cost):  # noqa: N802
    found = order_size_optimum(*system, fixed(fixed_cost), 0)
    assert found.cost == pytest.approx(
        fixed_cost_optimum(*system, fixed_cost).cost, rel=1e-8, abs=1e-8
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_every_unit_costs_is_paid_for_all_demand(system):
    """Whatever is demanded is bought some day, so only the mean cost moves."""
    mean = np.arange(len(system[0])) @ system[0]
    found = order_size_optimum(*system, lambda sizes: 1.5 * sizes, 0)
    expected = backlogged_optimum_discrete(*system).cost + 1.5 * mean
    assert found.cost == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("fixed_cost", [0.0, 20.0])
@pytest.mark.parametrize("system", SYSTEMS)
def test_orders_that_are_all_late_have_a_longer_lead_time(system, fixed_cost):
    demand, lead_time, *costs = system
    late = order_size_optimum(*system, fixed(fixed_cost), 0, lambda sizes: np.minimum(sizes, 1))
    known = order_size_optimum(demand, lead_time + 1, *costs, fixed(fixed_cost), 0)
    assert late.cost == pytest.approx(known.cost, rel=1e-8)


def test_an_order_may_last_for_longer_than_the_first_window_is_wide():
    demand = poisson_pmf(200.0)
    found = order_size_optimum(demand, 0, 1.0, 50.0, fixed(800.0), 0)
    assert found.cost == pytest.approx(fixed_cost_optimum(demand, 0, 1.0, 50.0, 800.0).cost)


def discounted(sizes):
    unit_cost = 2.0 - np.where(sizes >= 60, 0.4, np.where(sizes >= 30, 0.2, 0.0))
    return np.where(sizes > 0, 10.0 + unit_cost * sizes, 0.0)


def at_least(sizes):
    return np.where((sizes > 0) & ((sizes < 30) | (sizes > 60)), np.inf, 0.0)


def in_steps(sizes):
    costs = np.select([sizes > 62, sizes >= 40, sizes >= 20, sizes > 0], [np.inf, 64, 50, 30], 0)
    return costs.astype(float)


@pytest.mark.parametrize("order_costs", [discounted, at_least, in_steps])
def test_its_orders_cost_what_it_says(order_costs):
    """The long run of its orders as a Markov chain of positions, by the power method."""
    demand, lead_time, *costs = SYSTEMS[0]
    found = order_size_optimum(*SYSTEMS[0], order_costs, 62)
    count = len(found.orders)
    after = np.arange(count) + found.orders
    chain = np.zeros((count, count))
    for units, probability in enumerate(demand):
        np.add.at(chain, (np.arange(count), np.maximum(after - units, 0)), probability)
    share = np.linalg.matrix_power(chain, 2**14)[count // 2]
    levels = costs_of_levels(
        discrete_sum(demand, lead_time + 1), found.lowest, found.lowest + count - 1, tuple(costs)
    )
    paid = order_costs(found.orders) + levels[after]
    assert share @ paid == pytest.approx(found.cost, rel=1e-8)
    # None is of a forbidden size.
    assert np.all(np.isfinite(order_costs(found.orders)))


def test_a_discount_is_taken_where_it_pays():
    """Nothing costs less than buying all at the lowest price, nor more than taking no discount."""
    no_discount = fixed_cost_optimum(*SYSTEMS[0], 10.0).cost + 20.0
    found = order_size_optimum(*SYSTEMS[0], discounted, 60).cost
    assert no_discount - 4.0 < found < no_discount - 0.3


def test_a_price_break_far_out_is_seen():
    """Orders of 200 at a tenth of the price, where most that are looked at first cost as much as
    ever: never more than what it costs to order 200 whenever stock is low."""

    def order_costs(sizes):
        return np.where(sizes > 0, 10.0 + np.where(sizes >= 200, 2.0, 20.0) * sizes, 0.0)

    found = order_size_optimum(*SYSTEMS[0], order_costs, 200)
    assert 20.0 < found.cost < 140.0
    assert found.orders.max() >= 200


def test_what_cannot_be_answered_is_said(monkeypatch):
    with pytest.raises(ValueError, match="delays gives 2; with backlogged demand give 0 or 1"):
        order_size_optimum(*SYSTEMS[0], fixed(1.0), 1, lambda sizes: np.minimum(sizes, 2))
    monkeypatch.setattr(order_sizes, "MOST_SPAN", 128)
    with pytest.raises(ValueError, match="gives 3 for an order of nothing; give 0"):
        order_size_optimum(*SYSTEMS[0], lambda sizes: np.full(sizes.shape, 3.0), 0)
    with pytest.raises(
        RuntimeError,
        match=r"further than 64 units .* give demand and orders in larger units",
    ):
        order_size_optimum(*SYSTEMS[0], fixed(1e4), 0)
    with pytest.raises(RuntimeError, match="orders reach further than 64 units"):
        order_size_optimum(*SYSTEMS[0], fixed(1.0), 129)
    with pytest.raises(RuntimeError, match="demand or orders reach further"):
        order_size_optimum(poisson_pmf(200.0), 0, 1.0, 9.0, fixed(1.0), 0)
