"""Exact (R, S) policies against known costs, a Markov chain, simulation and wider searches."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import (
    backlogged_optimum_discrete,
    geometric_pmf,
    negative_binomial_pmf,
    periodic_review_cost,
    periodic_review_optimum,
    periodic_review_policy,
    poisson_pmf,
)

NOT_WHOLE: Any = 1.5
# Items drawn at random with lead time 2 and a fixed cost of 64 per item: cost per item.
KNOWN = {
    1: 36.995,
    3: 37.406,
    5: 38.653,
    10: 38.553,
    20: 38.684,
    40: 38.324,
    50: 37.886,
    60: 37.777,
}
THREE_ITEMS = [poisson_pmf(0.3), geometric_pmf(1.0), negative_binomial_pmf(0.5, 1.5)]
THREE = (THREE_ITEMS, 1, np.array([1.0, 0.5, 2.0]), np.array([9.0, 4.0, 3.0]), 6.0)


@pytest.mark.parametrize("items", KNOWN)
def test_optimum_reproduces_every_known_cost(items):
    means = np.random.RandomState(33).uniform(6.0, 14.0, items).round(3)
    holding = np.random.RandomState(73).uniform(0.7, 1.3, items)
    underage = np.random.RandomState(28).uniform(6.3, 11.7, items)
    demand = [poisson_pmf(mean) for mean in means]
    optimum = periodic_review_optimum(demand, 2, holding, underage, 64.0 * items)
    assert optimum.review_periods == 4
    assert f"{optimum.cost / items:.3f}" == f"{KNOWN[items]:.3f}"


def test_reviews_every_period_without_fixed_cost_are_base_stocks():
    demand, lead_time, holding, underage, _ = THREE
    optimum = periodic_review_optimum(demand, lead_time, holding, underage, 0.0)
    separate = [
        backlogged_optimum_discrete(one, lead_time, h, b)
        for one, h, b in zip(demand, holding, underage, strict=True)
    ]
    assert optimum.review_periods == 1
    assert optimum.levels.tolist() == [one.level for one in separate]
    assert optimum.cost == pytest.approx(sum(one.cost for one in separate), rel=1e-12)


def test_cost_is_that_of_the_markov_chain_of_two_items():
    demand = [np.array([0.7, 0.3]), np.array([0.5, 0.3, 0.2])]
    review_periods, levels, holding, underage = 3, (2, 3), (1.0, 0.5), (9.0, 4.0)
    pairs = [
        (one, other, demand[0][one] * demand[1][other])
        for one, other in product(range(2), range(3))
    ]
    # States: periods since the review and the shortfalls of both items, before ordering.
    states = list(product(range(review_periods), range(4), range(7)))
    moves = np.zeros((len(states), len(states)))
    costs = np.zeros(len(states))
    for row, (phase, *short) in enumerate(states):
        after = [0, 0] if phase == 0 else short
        costs[row] = 7.0 * (phase == 0 and any(short))
        for one, other, chance in pairs:
            following = (after[0] + one, after[1] + other)
            for level, missing, h, b in zip(levels, following, holding, underage, strict=True):
                costs[row] += chance * max(h * (level - missing), -b * (level - missing))
            column = ((phase + 1) % review_periods, min(following[0], 3), min(following[1], 6))
            moves[row, states.index(column)] += chance
    balance = np.vstack([moves.T - np.eye(len(states)), np.ones(len(states))])
    share = np.linalg.lstsq(balance, np.append(np.zeros(len(states)), 1.0), rcond=None)[0]
    exact = periodic_review_cost(
        review_periods, np.array(levels), demand, 0, np.array(holding), np.array(underage), 7.0
    )
    assert exact == pytest.approx(share @ costs, rel=1e-9)


def test_cost_agrees_with_simulation():
    generator = np.random.default_rng(4)
    demand, _, holding, underage, fixed_cost = THREE
    levels = np.array([3, 7, 4])
    paths, lead_time, review_periods = 20_000, 2, 3
    stock = np.tile(levels, (paths, 1))
    coming = np.zeros((lead_time, paths, 3), dtype=np.int64)
    means = []
    for period in range(60):
        order = np.zeros_like(stock)
        if period % review_periods == 0:
            order = levels - stock - coming.sum(axis=0)
        stock = stock + coming[0]
        coming = np.stack([coming[1], order])
        stock = stock - np.column_stack(
            [generator.choice(one.size, size=paths, p=one) for one in demand]
        )
        if period >= 6:
            charges = (holding * np.maximum(stock, 0) + underage * np.maximum(-stock, 0)).sum(1)
            means.append((charges + fixed_cost * order.any(axis=1)).mean())
    exact = periodic_review_cost(
        review_periods, levels, demand, lead_time, holding, underage, fixed_cost
    )
    assert np.mean(means) == pytest.approx(exact, rel=0.01)


@given(
    weights=st.lists(
        st.lists(st.integers(0, 5), min_size=2, max_size=5).filter(any), min_size=1, max_size=3
    ),
    lead_time=st.integers(0, 3),
    underage=st.sampled_from([0.5, 1.0, 4.0, 39.0]),
    fixed_cost=st.sampled_from([0.0, 0.3, 2.0, 17.0, 60.0]),
    shift=st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0]), min_size=3, max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_no_other_policy_costs_less(weights, lead_time, underage, fixed_cost, shift):
    demand = [np.array(one) / sum(one) for one in weights]
    holding = np.linspace(1.0, 2.0, len(demand))
    store = (demand, lead_time, holding, np.full(len(demand), underage), fixed_cost)
    optimum = periodic_review_optimum(*store)
    assert optimum.cost == pytest.approx(
        periodic_review_cost(optimum.review_periods, optimum.levels, *store), rel=1e-12
    )
    for review_periods in range(1, 30):
        best = periodic_review_policy(review_periods, *store)
        assert best.cost >= optimum.cost - 1e-9
        moved = best.levels + np.array(shift[: len(demand)])
        assert periodic_review_cost(review_periods, moved, *store) >= best.cost - 1e-9


def test_stock_cost_never_falls_with_time_between_reviews():
    costs = [periodic_review_policy(periods, *THREE[:-1], 0.0).cost for periods in range(1, 25)]
    assert min(np.diff(costs)) > 0.0


def test_items_without_demand_are_never_ordered():
    optimum = periodic_review_optimum([np.ones(1)] * 2, 1, np.ones(2), np.full(2, 9.0), 5.0)
    assert (optimum.review_periods, *optimum.levels, optimum.cost) == (1, 0, 0, 0.0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ((0, [np.array([0.5, 0.4])] * 3), "probabilities add up to 0.9"),
        ((0, THREE_ITEMS[:2]), r"holding_cost has shape \(3,\) with 2"),
        ((0, []), r"holding_cost has shape \(3,\) with 0"),
        ((1, -1), "lead_time is -1"),
        ((2, np.array([1.0, 0.0, 1.0])), "holding_cost is 0.0"),
        ((3, np.array([1.0, np.inf, 1.0])), "underage_cost is inf"),
        ((3, np.ones(2)), r"underage_cost has shape \(2,\)"),
        ((4, -5.0), "fixed_cost is -5.0"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(change, field):
    place, value = change
    arguments: Any = (*THREE[:place], value, *THREE[place + 1 :])
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        periodic_review_optimum(*arguments)
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        periodic_review_policy(2, *arguments)
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        periodic_review_cost(2, np.array([3, 7, 4]), *arguments)


def test_no_items_at_all_are_refused():
    with pytest.raises(ValueError, match=r"holding_cost has shape \(0,\).*one item or more"):
        periodic_review_optimum([], 1, np.ones(0), np.ones(0), 5.0)


@pytest.mark.parametrize("review_periods", [0, NOT_WHOLE])
def test_review_periods_must_be_whole(review_periods):
    with pytest.raises(ValueError, match=f"periods is {review_periods}; give"):
        periodic_review_policy(review_periods, *THREE)
    with pytest.raises(ValueError, match=f"periods is {review_periods}; give"):
        periodic_review_cost(review_periods, np.array([3, 7, 4]), *THREE)


@pytest.mark.parametrize(
    ("levels", "complaint"),
    [([3, 7], r"levels has shape \(2,\)"), ([3, 7, np.nan], "level is nan")],
)
def test_levels_must_be_finite_and_one_per_item(levels, complaint):
    with pytest.raises(ValueError, match=f"{complaint}.*give"):
        periodic_review_cost(2, np.array(levels), *THREE)
