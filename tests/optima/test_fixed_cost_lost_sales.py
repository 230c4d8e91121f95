"""Lost sales with a fixed cost per order: optimum and policies against enumeration and more."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import (
    best_base_stock,
    best_capped_reorder_levels,
    best_reorder_levels,
    fixed_cost_lost_sales_optimum,
    fixed_cost_optimum,
    lost_sales_optimum,
    negative_binomial_pmf,
    poisson_pmf,
    policy_cost,
    reorder_order,
    table_order,
)
from neuroinv.optima.fixed_cost_lost_sales import highest_position

POISSON = poisson_pmf(2.0)
TINY = np.array([0.3, 0.3, 0.4])


def followed(demand, lead_time, underage, fixed_cost, optimum):
    order = table_order(optimum.orders)
    return policy_cost(demand, lead_time, 1.0, underage, order, fixed_cost=fixed_cost)


def value_iteration_cost(limit, demand, underage, fixed_cost):
    """Optimal average cost with lead time 2, by iteration over the states up to a position."""
    states = [pair for pair in product(range(limit + 1), repeat=2) if sum(pair) <= limit]
    place = {state: row for row, state in enumerate(states)}
    choices = [
        (row, order, on_hand, coming)
        for row, (on_hand, coming) in enumerate(states)
        for order in range(limit - on_hand - coming + 1)
    ]
    following = np.array(
        [
            [place[max(on_hand - size, 0) + coming, order] for size in range(demand.size)]
            for _, order, on_hand, coming in choices
        ]
    )
    gap = np.array([on_hand for _, _, on_hand, _ in choices])[:, None] - np.arange(demand.size)
    costs = np.maximum(gap, -underage * gap) @ demand
    costs += fixed_cost * np.array([order > 0 for _, order, _, _ in choices])
    first = np.unique([row for row, *_ in choices], return_index=True)[1]
    values = np.zeros(len(states))
    while True:
        change = np.minimum.reduceat(costs + values[following] @ demand, first) - values
        if np.ptp(change) < 1e-9:
            return change.mean()
        values += 0.9 * change
        values -= values[0]


@pytest.mark.parametrize("lead_time", [0, 1, 2])
@pytest.mark.parametrize("demand", [POISSON, negative_binomial_pmf(1.0, 2.5)])
def test_optimum_capped_and_plain_policies_are_in_order(demand, lead_time):
    optimum = fixed_cost_lost_sales_optimum(demand, lead_time, 1.0, 9.0, 10.0)
    capped = best_capped_reorder_levels(demand, lead_time, 1.0, 9.0, 10.0)
    plain = best_reorder_levels(demand, lead_time, 1.0, 9.0, 10.0)
    assert optimum.upper - optimum.lower < 1e-9
    assert followed(demand, lead_time, 9.0, 10.0, optimum) == pytest.approx(optimum.cost, abs=1e-7)
    assert optimum.cost <= capped.cost + 1e-7
    assert capped.cost <= plain.cost
    for best in (capped, plain):
        order = reorder_order(best.reorder_level, best.order_up_to_level, best.cap)
        again = policy_cost(demand, lead_time, 1.0, 9.0, order, fixed_cost=10.0)
        assert again == pytest.approx(best.cost, abs=1e-8)


@given(
    weights=st.lists(st.integers(0, 5), min_size=2, max_size=3).filter(lambda w: any(w[1:])),
    lead_time=st.integers(0, 2),
    underage=st.sampled_from([0.5, 1.0, 4.0]),
    fixed_cost=st.sampled_from([0.0, 0.3, 2.0, 17.0]),
)
@settings(max_examples=8, deadline=None)
def test_any_demand_keeps_the_order_and_the_optimum_is_followed(
    weights, lead_time, underage, fixed_cost
):
    demand = np.array(weights) / sum(weights)
    optimum = fixed_cost_lost_sales_optimum(demand, lead_time, 1.0, underage, fixed_cost)
    capped = best_capped_reorder_levels(demand, lead_time, 1.0, underage, fixed_cost)
    plain = best_reorder_levels(demand, lead_time, 1.0, underage, fixed_cost)
    cost = followed(demand, lead_time, underage, fixed_cost, optimum)
    assert cost == pytest.approx(optimum.cost, abs=2e-7)
    assert optimum.cost <= capped.cost + 2e-7
    assert capped.cost <= plain.cost + 1e-8


def test_without_lead_time_the_plain_policy_is_optimal():
    optimum = fixed_cost_lost_sales_optimum(POISSON, 0, 1.0, 9.0, 10.0)
    plain = best_reorder_levels(POISSON, 0, 1.0, 9.0, 10.0)
    assert plain.cost == pytest.approx(optimum.cost, abs=1e-8)
    assert optimum.orders[0] == plain.order_up_to_level
    assert np.count_nonzero(optimum.orders) == plain.reorder_level + 1


def test_a_published_store_has_the_printed_policies_and_costs():
    """Bijvank, Bhulai and Huh (2015): Poisson demand, lead time 2, underage 14, fixed cost 5."""
    system = (poisson_pmf(5.0), 2, 1.0, 14.0, 5.0)
    assert fixed_cost_lost_sales_optimum(*system).cost == pytest.approx(11.46, abs=0.005)
    plain, capped = best_reorder_levels(*system), best_capped_reorder_levels(*system)
    assert (plain.reorder_level, plain.order_up_to_level) == (17, 23)
    assert plain.cost == pytest.approx(11.62, abs=0.005)
    assert (capped.reorder_level, capped.order_up_to_level, capped.cap) == (17, 23, 7)
    assert capped.cost == pytest.approx(11.50, abs=0.005)


@pytest.mark.parametrize("lead_time", [0, 1, 2])
def test_without_fixed_cost_they_are_the_optimum_and_base_stock_of_lost_sales(lead_time):
    optimum = fixed_cost_lost_sales_optimum(POISSON, lead_time, 1.0, 9.0, 0.0)
    known = lost_sales_optimum(POISSON, lead_time, 1.0, 9.0)
    assert optimum.cost == pytest.approx(known.cost, abs=2e-9)
    plain = best_reorder_levels(POISSON, lead_time, 1.0, 9.0, 0.0)
    assert plain.cost <= best_base_stock(POISSON, lead_time, 1.0, 9.0).cost + 1e-8


@pytest.mark.parametrize("fixed_cost", [0.5, 2.0])
def test_optimum_is_the_cheapest_of_all_policies_of_a_tiny_store(fixed_cost):
    cheapest = min(
        policy_cost(TINY, 1, 1.0, 3.0, table_order(np.array(orders)), fixed_cost=fixed_cost)
        for orders in product(range(5), range(4), range(3), range(2), [0], [0], [0], [0], [0])
    )
    optimum = fixed_cost_lost_sales_optimum(TINY, 1, 1.0, 3.0, fixed_cost)
    assert optimum.cost == pytest.approx(cheapest, abs=1e-8)


@pytest.mark.parametrize("fixed_cost", [1.0, 6.0])
@pytest.mark.parametrize("demand", [TINY, np.array([0.8, 0.0, 0.2]), np.array([0.0, 0.5, 0.5])])
def test_optimum_is_that_of_another_value_iteration_with_more_room(demand, fixed_cost):
    optimum = fixed_cost_lost_sales_optimum(demand, 2, 1.0, 4.0, fixed_cost)
    room = highest_position(demand, 2, 1.0, 4.0) + 5
    cost = value_iteration_cost(room, demand, 4.0, fixed_cost)
    assert optimum.cost == pytest.approx(cost, abs=1e-8)


def test_levels_and_cap_are_the_best_of_a_wide_grid():
    demand = poisson_pmf(0.6)
    capped = best_capped_reorder_levels(demand, 2, 1.0, 9.0, 3.0)
    plain = best_reorder_levels(demand, 2, 1.0, 9.0, 3.0)
    grid = {
        (reorder, up_to, cap): policy_cost(
            demand, 2, 1.0, 9.0, reorder_order(reorder, up_to, cap), fixed_cost=3.0
        )
        for up_to in range(1, 9)
        for reorder in range(up_to)
        for cap in range(up_to - reorder, up_to + 1)
    }
    assert capped.cost == pytest.approx(min(grid.values()), abs=1e-8)
    uncapped = [cost for (_, up_to, cap), cost in grid.items() if cap == up_to]
    assert plain.cost == pytest.approx(min(uncapped), abs=1e-8)


def test_lost_sales_that_cost_much_are_as_rare_as_backlogs():
    lost = best_reorder_levels(POISSON, 1, 1.0, 400.0, 20.0)
    backlogged = fixed_cost_optimum(POISSON, 1, 1.0, 400.0, 20.0)
    assert lost.cost == pytest.approx(backlogged.cost, rel=0.01)


def test_where_an_order_costs_more_than_it_sells_nothing_is_ordered():
    demand = poisson_pmf(0.2)
    optimum = fixed_cost_lost_sales_optimum(demand, 1, 1.0, 9.0, 50.0)
    assert optimum.cost == pytest.approx(1.8, abs=1e-9)
    assert not optimum.orders.any()
    assert best_reorder_levels(demand, 1, 1.0, 9.0, 50.0)[:3] == (-1, 0, None)
    capped = best_capped_reorder_levels(demand, 1, 1.0, 9.0, 50.0)
    assert capped == (-1, 0, 0, pytest.approx(1.8))


def test_policy_cost_with_a_fixed_cost_agrees_with_simulation():
    generator = np.random.default_rng(3)
    order = reorder_order(5, 10, 6)
    paths = 20_000
    states = np.zeros((paths, 2), dtype=np.int64)
    means = []
    for period in range(90):
        orders = order(states)
        drawn = generator.choice(POISSON.size, size=paths, p=POISSON)
        left = np.maximum(states[:, 0] - drawn, 0)
        if period >= 30:
            lost = np.maximum(drawn - states[:, 0], 0)
            means.append((left + 9.0 * lost + 10.0 * (orders > 0)).mean())
        states = np.column_stack([left + states[:, 1], orders])
    exact = policy_cost(POISSON, 2, 1.0, 9.0, order, fixed_cost=10.0)
    assert np.mean(means) == pytest.approx(exact, rel=0.005)


def test_highest_position_of_a_certain_demand():
    # One unit a period, and a lost sale costs as much as four and a half periods in stock. With
    # lead time 2, unit y is sold in the y-th period after ordering, and charged in y - 3 before.
    assert highest_position(np.array([0.0, 1.0]), 2, 1.0, 4.5) == 7


def test_memory_limit_says_what_to_do():
    for lead_time in (5, 100):
        with pytest.raises(ValueError, match=f"lead_time {lead_time} .*GiB.*shorten the lead time"):
            fixed_cost_lost_sales_optimum(poisson_pmf(10.0), lead_time, 1.0, 9.0, 10.0)


@pytest.mark.parametrize(
    "solve", [best_reorder_levels, best_capped_reorder_levels, fixed_cost_lost_sales_optimum]
)
@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((np.array([0.5, 0.4]), 1, 1.0, 9.0, 5.0), "probabilities add up to 0.9"),
        ((np.array([1.0, 0.0]), 1, 1.0, 9.0, 5.0), "probabilities is all on demand 0"),
        ((POISSON, -1, 1.0, 9.0, 5.0), "lead_time is -1"),
        ((POISSON, 1, 0.0, 9.0, 5.0), "holding_cost is 0.0"),
        ((POISSON, 1, 1.0, np.inf, 5.0), "underage_cost is inf"),
        ((POISSON, 1, 1.0, 9.0, -5.0), "fixed_cost is -5.0"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(solve, arguments: Any, field):
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        solve(*arguments)


def test_policy_cost_refuses_a_negative_fixed_cost():
    with pytest.raises(ValueError, match=r"fixed_cost is -1.0.*give"):
        policy_cost(POISSON, 1, 1.0, 9.0, reorder_order(3, 9, None), fixed_cost=-1.0)


def test_tolerance_must_be_positive():
    with pytest.raises(ValueError, match=r"tolerance is 0.0.*give"):
        fixed_cost_lost_sales_optimum(POISSON, 1, 1.0, 9.0, 5.0, tolerance=0.0)
