"""Exact (s, S) policies against known optima, Markov chains, value iteration and simulation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import (
    backlogged_cost_discrete,
    backlogged_optimum_discrete,
    fixed_cost_optimum,
    geometric_pmf,
    negative_binomial_pmf,
    poisson_pmf,
    reorder_policy_cost,
)
from neuroinv.optima.fixed_cost import mean_visits

POISSON = poisson_pmf(10.0)
NOT_WHOLE: Any = 26.5
# Poisson(10), lead time 2, holding cost 1, underage cost 9; per fixed cost.
KNOWN = {
    1: (10.952, 34, 37),
    30: (27.150, 28, 52),
    40: (30.425, 28, 55),
    50: (33.358, 27, 58),
    60: (36.052, 27, 61),
    64: (37.064, 26, 62),
    70: (38.514, 26, 63),
    80: (40.830, 26, 65),
}
DEMANDS = {
    "poisson": poisson_pmf(2.0),
    "slow poisson": poisson_pmf(0.2),
    "slow negative binomial": negative_binomial_pmf(0.2, 0.5),
    "geometric": geometric_pmf(1.5),
    "rare pairs": np.array([0.8, 0.0, 0.2]),
    "lumps": np.array([0.4, 0.0, 0.0, 0.6]),
    "never zero": np.array([0.0, 0.5, 0.0, 0.5]),
}


def newsvendor_costs(levels, demand, lead_time, underage):
    return np.array(
        [backlogged_cost_discrete(float(y), demand, lead_time, 1.0, underage) for y in levels]
    )


def chain_cost(reorder, up_to, demand, lead_time, underage, fixed_cost):
    """Average cost from the stationary distribution of the position after ordering."""
    positions = np.arange(reorder + 1, up_to + 1)
    moves = np.zeros((positions.size, positions.size))
    ordering = np.zeros(positions.size)
    for row, position in enumerate(positions):
        for size, chance in enumerate(demand):
            if position - size <= reorder:
                moves[row, -1] += chance
                ordering[row] += chance
            else:
                moves[row, row - size] += chance
    balance = np.vstack([moves.T - np.eye(positions.size), np.ones(positions.size)])
    share = np.linalg.lstsq(balance, np.append(np.zeros(positions.size), 1.0), rcond=None)[0]
    levels = newsvendor_costs(positions, demand, lead_time, underage)
    return share @ (levels + fixed_cost * ordering)


def value_iteration_cost(lowest, highest, demand, lead_time, underage, fixed_cost):
    """Optimal average cost with positions after ordering between two levels, by iteration."""
    positions = np.arange(lowest - demand.size, highest + 1)
    allowed = np.arange(lowest, highest + 1)
    levels = newsvendor_costs(allowed, demand, lead_time, underage)
    order = fixed_cost * (allowed[None, :] > positions[:, None])
    order = np.where(allowed[None, :] < positions[:, None], np.inf, order)
    after = allowed[:, None] - np.arange(demand.size) - positions[0]
    values = np.zeros(positions.size)
    while True:
        improved = (order + levels + values[after] @ demand).min(axis=1)
        change = improved - values
        if np.ptp(change) < 1e-9:
            return change.mean()
        values += 0.9 * change
        values -= values[-1]


@pytest.mark.parametrize("fixed_cost", KNOWN)
def test_optimum_reproduces_every_known_cell(fixed_cost):
    optimum = fixed_cost_optimum(POISSON, 2, 1.0, 9.0, fixed_cost)
    cost, reorder, up_to = KNOWN[fixed_cost]
    assert (optimum.reorder_level, optimum.order_up_to_level) == (reorder, up_to)
    assert f"{optimum.cost:.3f}" == f"{cost:.3f}"


def test_optimum_reproduces_known_cells_of_other_demand_and_costs():
    slow = fixed_cost_optimum(poisson_pmf(6.0), 2, 1.0, 9.0, 64.0)
    assert (f"{slow.cost:.3f}", *slow[:2]) == ("28.736", 15, 43)
    other = fixed_cost_optimum(poisson_pmf(7.988), 2, 1.086, 10.237, 64.0)
    assert (f"{other.cost:.3f}", *other[:2]) == ("34.907", 21, 52)


@pytest.mark.parametrize("lead_time", [0, 3])
@pytest.mark.parametrize("name", DEMANDS)
def test_without_fixed_cost_the_optimum_is_the_base_stock(name, lead_time):
    base_stock = backlogged_optimum_discrete(DEMANDS[name], lead_time, 1.0, 9.0)
    optimum = fixed_cost_optimum(DEMANDS[name], lead_time, 1.0, 9.0, 0.0)
    assert optimum.order_up_to_level == base_stock.level
    assert optimum.reorder_level == base_stock.level - 1
    assert optimum.cost == pytest.approx(base_stock.cost, rel=1e-12)


@pytest.mark.parametrize("levels", [(-4, -1), (-2, 3), (0, 1), (1, 7)])
@pytest.mark.parametrize("name", DEMANDS)
def test_policy_cost_is_that_of_the_markov_chain(name, levels):
    cost = reorder_policy_cost(*levels, DEMANDS[name], 1, 1.0, 9.0, 5.0)
    assert cost == pytest.approx(chain_cost(*levels, DEMANDS[name], 1, 9.0, 5.0), rel=1e-9)


@pytest.mark.parametrize("lead_time", [0, 2])
@pytest.mark.parametrize("name", DEMANDS)
def test_optimum_is_that_of_value_iteration(name, lead_time):
    demand = DEMANDS[name]
    optimum = fixed_cost_optimum(demand, lead_time, 1.0, 9.0, 5.0)
    limits = (optimum.reorder_level - 5, optimum.order_up_to_level + 5)
    cost = value_iteration_cost(*limits, demand, lead_time, 9.0, 5.0)
    assert optimum.cost == pytest.approx(cost, abs=1e-8)
    assert optimum.cost == reorder_policy_cost(*optimum[:2], demand, lead_time, 1.0, 9.0, 5.0)


def test_policy_cost_agrees_with_simulation():
    generator = np.random.default_rng(5)
    demand = geometric_pmf(3.0)
    paths, reorder, up_to = 20_000, 9, 17
    stock = np.full(paths, up_to)
    coming = np.zeros((paths, 2), dtype=np.int64)
    means = []
    for period in range(80):
        position = stock + coming.sum(axis=1)
        order = np.where(position <= reorder, up_to - position, 0)
        # The older of the two outstanding orders is the one placed two periods ago.
        stock = stock + coming[:, 0]
        coming = np.column_stack([coming[:, 1], order])
        stock = stock - generator.choice(demand.size, size=paths, p=demand)
        if period >= 20:
            charges = np.maximum(stock, 0) + 9.0 * np.maximum(-stock, 0) + 20.0 * (order > 0)
            means.append(charges.mean())
    exact = reorder_policy_cost(reorder, up_to, demand, 2, 1.0, 9.0, 20.0)
    assert np.mean(means) == pytest.approx(exact, rel=0.01)


@given(
    weights=st.lists(st.integers(0, 5), min_size=2, max_size=6).filter(lambda w: any(w[1:])),
    lead_time=st.integers(0, 3),
    underage=st.sampled_from([0.5, 1.0, 4.0, 39.0]),
    fixed_cost=st.sampled_from([0.0, 0.3, 2.0, 17.0, 60.0]),
)
@settings(max_examples=40, deadline=None)
def test_no_policy_nearby_costs_less(weights, lead_time, underage, fixed_cost):
    demand = np.array(weights) / sum(weights)
    optimum = fixed_cost_optimum(demand, lead_time, 1.0, underage, fixed_cost)
    for reorder in range(optimum.reorder_level - 5, optimum.reorder_level + 6):
        for up_to in range(optimum.order_up_to_level - 5, optimum.order_up_to_level + 6):
            if reorder < up_to:
                other = reorder_policy_cost(
                    reorder, up_to, demand, lead_time, 1.0, underage, fixed_cost
                )
                assert other >= optimum.cost - 1e-9


def test_large_fixed_cost_follows_the_square_root_of_the_deterministic_store():
    fixed_cost = 1e5
    optimum = fixed_cost_optimum(POISSON, 2, 1.0, 9.0, fixed_cost)
    deterministic = np.sqrt(2.0 * fixed_cost * 10.0 * 9.0 / 10.0)
    assert optimum.cost == pytest.approx(deterministic, rel=1e-3)


def test_mean_visits_of_a_demand_that_is_often_zero():
    # Two units are asked for every fourth period, so the total waits four periods on even numbers.
    np.testing.assert_allclose(mean_visits(np.array([0.75, 0.0, 0.25]), 5), [4, 0, 4, 0, 4])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((np.array([0.5, 0.4]), 1, 1.0, 9.0, 5.0), "probabilities add up to 0.9"),
        ((np.array([1.0, 0.0]), 1, 1.0, 9.0, 5.0), "probabilities is all on demand 0"),
        ((POISSON, -1, 1.0, 9.0, 5.0), "lead_time is -1"),
        ((POISSON, 1, 0.0, 9.0, 5.0), "holding_cost is 0.0"),
        ((POISSON, 1, 1.0, np.inf, 5.0), "underage_cost is inf"),
        ((POISSON, 1, 1.0, 9.0, -5.0), "fixed_cost is -5.0"),
        ((POISSON, 1, 1.0, 9.0, np.nan), "fixed_cost is nan"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(arguments, field):
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        fixed_cost_optimum(*arguments)
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        reorder_policy_cost(26, 62, *arguments)


@pytest.mark.parametrize(
    ("levels", "field"),
    [((NOT_WHOLE, 62), "reorder_level is 26.5"), ((62, 62), "order_up_to_level is 62")],
)
def test_levels_must_be_whole_and_in_order(levels, field):
    with pytest.raises(ValueError, match=f"{field}.*give"):
        reorder_policy_cost(*levels, POISSON, 1, 1.0, 9.0, 5.0)
