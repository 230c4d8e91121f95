"""Serial systems with a fixed cost at the first location: a dynamic program that knows no theorem,
and the systems that they contain."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import (
    fixed_cost_optimum,
    serial_cost_discrete,
    serial_fixed_cost_optimum,
    serial_optimum_discrete,
)

TWO = (np.array([0.3, 0.4, 0.3]), (1, 1), (0.3, 1.0), 5.0)


def least_cost(demand, holding, underage, fixed_cost, most=16, lowest=-10, highest=10) -> float:
    """Average cost of the best of all policies of two locations with lead times of one period, by
    value iteration over the first location's stock and what the second has or owes."""
    first, second = np.arange(most + 1), np.arange(lowest, highest + 1)
    values = np.zeros((first.size, second.size))
    owed = np.clip(second[:, None] - np.arange(demand.size), lowest, None)
    own = (np.where(owed >= 0, holding[1] * owed, -underage * owed)) @ demand
    while True:
        # Expected value for next period's stock of the first and the second's before demand.
        ahead = sum(
            chance * values[:, np.clip(second - units, lowest, highest) - lowest]
            for units, chance in enumerate(demand)
        )
        # The first location orders so that it has this much left or more, at K where it is more.
        ordered = fixed_cost + np.minimum.accumulate(ahead[::-1], axis=0)[::-1]
        best = holding[0] * first[:, None] + np.minimum(ahead, ordered)
        after = np.full_like(values, np.inf)
        for sent in range(most + 1):
            into = np.minimum(second + sent, highest) - lowest
            allowed = second + sent <= highest
            candidate = np.where(allowed, best[: most + 1 - sent][:, into], np.inf)
            after[sent:] = np.minimum(after[sent:], candidate)
        after += own
        change = after - values
        if np.ptp(change[2:8, 6:14]) < 1e-10:
            return float(change[4, 10])
        values = after - after[4, 10]


@pytest.mark.parametrize("fixed_cost", [0.0, 1.0, 4.0])
def test_no_policy_costs_less(fixed_cost):
    demand, _, holding, underage = TWO
    optimum = serial_fixed_cost_optimum(*TWO, fixed_cost)
    least = least_cost(demand, holding, underage, fixed_cost)
    assert optimum.cost == pytest.approx(least, rel=1e-8)


@pytest.mark.parametrize("fixed_cost", [0.0, 3.0, 40.0])
def test_a_single_location_is_a_store(fixed_cost):
    demand = np.array([0.2, 0.0, 0.5, 0.3])
    store = fixed_cost_optimum(demand, 2, 1.0, 9.0, fixed_cost)
    serial = serial_fixed_cost_optimum(demand, (2,), (1.0,), 9.0, fixed_cost)
    assert (serial.reorder_level, serial.levels[0]) == (
        store.reorder_level,
        store.order_up_to_level,
    )
    assert serial.cost == pytest.approx(store.cost, rel=1e-10)


@st.composite
def systems(draw):
    """Demand, lead times, holding costs and an underage cost of two or three locations."""
    weights = np.array(draw(st.lists(st.integers(0, 4), min_size=2, max_size=5)), float)
    weights[1] += 1.0
    lead_times = draw(st.lists(st.integers(0, 3), min_size=2, max_size=3))
    added = draw(st.lists(st.floats(0.1, 1.0), min_size=3, max_size=3))
    holding = np.cumsum(added)[: len(lead_times)]
    return weights / weights.sum(), tuple(lead_times), tuple(holding), draw(st.floats(1.0, 20.0))


@given(systems())
@settings(max_examples=25, deadline=None)
def test_without_a_fixed_cost_it_is_the_echelon_base_stock_policy(system):
    free, plain = serial_fixed_cost_optimum(*system, 0.0), serial_optimum_discrete(*system)
    assert free.cost == pytest.approx(plain.cost, rel=1e-9)
    assert free.reorder_level == free.levels[0] - 1
    np.testing.assert_array_equal(free.levels, plain.levels)


@given(systems(), st.floats(0.5, 30.0))
@settings(max_examples=15, deadline=None)
def test_more_costs_more_and_no_more_than_ordering_every_period(system, fixed_cost):
    dear, dearer = (
        serial_fixed_cost_optimum(*system, cost) for cost in (fixed_cost, 2 * fixed_cost)
    )
    free = serial_optimum_discrete(*system).cost
    every_period = free + (1.0 - system[0][0]) * fixed_cost
    assert free < dear.cost < dearer.cost
    assert dear.cost <= every_period + 1e-9
    assert dearer.levels[0] - dearer.reorder_level >= dear.levels[0] - dear.reorder_level


WRONG = [
    ((*TWO, -1.0), "fixed_cost is -1.0; give a finite cost per order, 0 or more"),
    ((np.array([1.0]), *TWO[1:], 1.0), "give some demand above 0 a chance"),
    ((*TWO[:2], (1.0, 0.3), 5.0, 1.0), "give costs that do not decrease downstream"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_wrong_arguments_are_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        serial_fixed_cost_optimum(*arguments)


def cycle_cost(system, fixed_cost, reorder_level, levels) -> float:
    """Average cost of the first location's (s, S), a cycle counted period by period."""
    demand, *rest = system
    visits, total, periods = {int(levels[0]): 1.0}, 0.0, 0.0
    for level in range(int(levels[0]), reorder_level, -1):
        times = visits.get(level, 0.0) / (1.0 - demand[0])
        total += times * serial_cost_discrete([level, *levels[1:]], demand, *rest)
        periods += times
        for units in range(1, demand.size):
            visits[level - units] = visits.get(level - units, 0.0) + times * demand[units]
    return (fixed_cost + total) / periods


@given(systems(), st.floats(0.5, 30.0))
@settings(max_examples=15, deadline=None)
def test_the_cost_is_that_of_a_cycle(system, fixed_cost):
    best = serial_fixed_cost_optimum(*system, fixed_cost)
    cost = cycle_cost(system, fixed_cost, best.reorder_level, best.levels)
    assert best.cost == pytest.approx(cost, rel=1e-9)


def test_other_levels_of_the_first_location_cost_no_less():
    best = serial_fixed_cost_optimum(*TWO, 4.0)
    for down, up in itertools.product(range(-2, 3), repeat=2):
        levels = [best.levels[0] + up, *best.levels[1:]]
        assert cycle_cost(TWO, 4.0, best.reorder_level + down, levels) >= best.cost - 1e-10
