"""Constant orders: the walk of stock left, exact costs, and what Zipkin's table shows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import (
    constant_order,
    geometric_pmf,
    lost_sales_optimum,
    poisson_pmf,
    policy_cost,
)
from neuroinv.optima.constant_order import best_constant_order, stock_left
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.lost_sales_evaluation import period_costs
from neuroinv.optima.newsvendor import discrete_quantile

POISSON = poisson_pmf(5.0)
GEOMETRIC = geometric_pmf(5.0)
# Zipkin (2008), tables 3 and 4, holding cost 1, one column per underage cost.
UNDERAGE = (4, 9, 19, 39)
ZIPKIN = {"poisson": (5.27, 10.27, 15.78, 18.21), "geometric": (11.00, 18.19, 28.60, 36.73)}


def moves(demand, order, largest):
    """Probabilities of stock left, from one period to the next, cut off above `largest`."""
    matrix = np.zeros((largest + 1, largest + 1))
    for left in range(largest + 1):
        for units, chance in enumerate(demand):
            matrix[left, max(min(left + order, largest) - units, 0)] += chance
    return matrix


@given(st.lists(st.integers(0, 5), min_size=3, max_size=7), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_stock_left_is_the_same_after_another_period(weights, order):
    demand = np.array([*weights, 1]) / (sum(weights) + 1)
    if order > np.arange(demand.size) @ demand - 0.1:
        return
    left = stock_left(demand, order)
    assert left.sum() == pytest.approx(1.0)
    padded = np.append(left, np.zeros(order + 1))
    np.testing.assert_allclose(padded @ moves(demand, order, padded.size - 1), padded, atol=1e-12)


@pytest.mark.parametrize("demand", [POISSON, GEOMETRIC])
@pytest.mark.parametrize("underage", [1, 4, 9])
def test_cost_is_that_of_the_policy_stopped_where_stock_never_gets(demand, underage):
    best = best_constant_order(demand, 1.0, underage)

    def cost(units):
        def order(states):
            return np.where(states[:, 0] < 400, units, 0)

        return policy_cost(demand, 1, 1.0, underage, order)

    assert best.cost == pytest.approx(cost(best.order), abs=1e-8)
    assert best.cost < min(cost(best.order - 1), cost(best.order + 1))


@pytest.mark.parametrize("lead_time", [1, 2, 3])
def test_no_constant_order_beats_the_optimum_at_any_lead_time(lead_time):
    optimum = lost_sales_optimum(GEOMETRIC, lead_time, 1.0, 4.0, tolerance=1e-6)
    assert optimum.cost < best_constant_order(GEOMETRIC, 1.0, 4.0).cost


@pytest.mark.parametrize("distribution", ZIPKIN)
def test_zipkin_cut_on_hand_off_at_the_newsvendor_level_of_five_periods(distribution):
    """Without the cut, whole orders below mean demand cost up to twice as much as printed."""
    demand = {"poisson": POISSON, "geometric": GEOMETRIC}[distribution]
    for underage, printed in zip(UNDERAGE, ZIPKIN[distribution], strict=True):
        largest = discrete_quantile(discrete_sum(demand, 5), underage / (underage + 1.0))
        charges = period_costs(demand, largest, 1.0, underage)
        costs = []
        for order in range(7):
            before = np.minimum(np.arange(largest + 1) + order, largest)
            balance = moves(demand, order, largest).T - np.eye(largest + 1)
            balance[0] = 1.0
            share = np.linalg.solve(balance, np.eye(largest + 1)[0])
            costs.append(float(share @ charges[before]))
        assert f"{min(costs):.2f}" == f"{printed:.2f}"
        best = best_constant_order(demand, 1.0, underage)
        assert best.order == min(np.argmin(costs), 4)
        assert best.cost > min(costs)


def test_nothing_is_ordered_where_a_unit_a_period_is_too_much():
    demand = np.array([0.3, 0.4, 0.3])
    assert best_constant_order(demand, 1.0, 9.0) == (0, pytest.approx(9.0))
    np.testing.assert_array_equal(stock_left(demand, 0), [1.0])


@pytest.mark.parametrize("order", [-1, 5, 2.5])
def test_orders_that_fill_the_store_are_refused(order):
    with pytest.raises(ValueError, match=rf"order is {order}; give whole units from 0 to 4"):
        stock_left(POISSON, order)


def test_an_order_too_close_to_mean_demand_is_refused():
    with pytest.raises(ValueError, match=r"order is 5, so close to mean demand.*order less"):
        stock_left(poisson_pmf(5.0001), 5)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((np.array([0.5, 0.4]), 1.0, 9.0), "probabilities add up to 0.9"),
        ((POISSON, 0.0, 9.0), "holding_cost is 0.0"),
        ((POISSON, 1.0, np.inf), "underage_cost is inf"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(arguments, field):
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        best_constant_order(*arguments)


def test_orders_may_be_of_any_size():
    found = best_constant_order(poisson_pmf(100.0), 1.0, 39.0)
    assert found.order == 99
    left = stock_left(poisson_pmf(100.0), 99)
    assert found.cost == pytest.approx(np.arange(left.size) @ left + 39.0)


def test_an_order_that_is_too_close_to_mean_demand_need_not_be_the_best():
    demand = geometric_pmf(20.0)
    best = best_constant_order(demand, 1.0, 9.0)
    with pytest.MonkeyPatch.context() as patch:
        # Room for the walk of the best order, and not quite for that of the next.
        needed = 2 * len(stock_left(demand, best.order + 1)) * len(demand)
        patch.setattr(constant_order, "LARGEST_SYSTEM", needed - 1)
        with pytest.raises(ValueError, match="so close to mean demand"):
            stock_left(demand, best.order + 1)
        assert best_constant_order(demand, 1.0, 9.0) == best
