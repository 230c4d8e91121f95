"""Exact base-stock optima of the backlogged store against published cells and other methods."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from neuroinv.optima import (
    backlogged_cost_discrete,
    backlogged_cost_normal,
    backlogged_optimum_discrete,
    backlogged_optimum_normal,
    geometric_pmf,
    negative_binomial_pmf,
    poisson_pmf,
)
from neuroinv.optima.demand_sums import clipped_normal_sum, discrete_sum

UNDERAGE = (4, 9, 19, 39)
NOT_WHOLE: Any = 1.5
# Normal(5, 1.6^2) clipped at zero, holding cost 1: level and cost for each underage cost.
PUBLISHED = {
    1: [(11.904, 3.1666), (12.900, 3.9703), (13.722, 4.6666), (14.434, 5.2891)],
    4: [(28.012, 5.0062), (29.586, 6.2769), (30.884, 7.3778), (32.012, 8.3620)],
    10: [(59.468, 7.4245), (61.802, 9.3090), (63.728, 10.9419), (65.400, 12.4016)],
    20: [(111.174, 10.2575), (114.398, 12.8611), (117.062, 15.1171), (119.372, 17.1338)],
}


@pytest.mark.parametrize("lead_time", PUBLISHED)
def test_clipped_normal_reproduces_every_published_cell(lead_time):
    for underage, (level, cost) in zip(UNDERAGE, PUBLISHED[lead_time], strict=True):
        optimum = backlogged_optimum_normal(5.0, 1.6, lead_time, 1.0, underage, clipped=True)
        assert f"{optimum.cost:.4f}" == f"{cost:.4f}"
        assert optimum.level == pytest.approx(level, abs=0.002)


def test_unclipped_normal_is_the_closed_form():
    optimum = backlogged_optimum_normal(5.0, 2.0, 3, 1.0, 9.0, clipped=False)
    z = stats.norm.ppf(0.9)
    assert optimum.level == pytest.approx(20.0 + z * 4.0)
    assert optimum.cost == pytest.approx(10.0 * stats.norm.pdf(z) * 4.0)


def test_clipping_that_never_binds_agrees_with_the_closed_form():
    clipped = backlogged_optimum_normal(100.0, 3.0, 5, 1.0, 9.0, clipped=True)
    free = backlogged_optimum_normal(100.0, 3.0, 5, 1.0, 9.0, clipped=False)
    assert clipped.level == pytest.approx(free.level, abs=1e-4)
    assert clipped.cost == pytest.approx(free.cost, rel=1e-6)


@pytest.mark.parametrize(("mean", "std"), [(5.0, 2.0), (1.0, 2.0), (-1.0, 1.0)])
def test_clipped_normal_of_one_period_matches_quadrature(mean, std):
    level = 1.3
    demand = stats.norm(mean, std)
    short = quad(lambda x: (x - level) * demand.pdf(x), level, mean + 12 * std + level)[0]
    left = level * demand.cdf(0.0) + quad(lambda x: (level - x) * demand.pdf(x), 0, level)[0]
    cost = backlogged_cost_normal(level, mean, std, 0, 1.0, 9.0, clipped=True)
    assert cost == pytest.approx(left + 9.0 * short, abs=1e-6)


def test_clipped_normal_sum_keeps_the_mean_and_variance_of_clipped_demand():
    mean, std, periods = 2.0, 1.6, 7
    lattice = clipped_normal_sum(mean, std, periods)
    points = lattice.offset + lattice.step * np.arange(lattice.probabilities.size)
    z = mean / std
    one_mean = mean * stats.norm.cdf(z) + std * stats.norm.pdf(z)
    one_square = (mean**2 + std**2) * stats.norm.cdf(z) + mean * std * stats.norm.pdf(z)
    total_mean = float(points @ lattice.probabilities)
    total_variance = float((points - total_mean) ** 2 @ lattice.probabilities)
    assert total_mean == pytest.approx(periods * one_mean, rel=1e-10)
    assert total_variance == pytest.approx(periods * (one_square - one_mean**2), rel=1e-6)


def test_level_is_zero_when_clipped_demand_is_nearly_always_zero():
    optimum = backlogged_optimum_normal(-2.0, 1.0, 0, 1.0, 4.0, clipped=True)
    assert optimum.level == 0.0
    assert optimum.cost > 0.0


@given(
    lead_time=st.integers(0, 6),
    underage=st.floats(0.5, 60.0),
    shift=st.floats(-5.0, 5.0),
    clipped=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_no_normal_level_costs_less_than_the_optimum(lead_time, underage, shift, clipped):
    optimum = backlogged_optimum_normal(5.0, 2.0, lead_time, 1.0, underage, clipped)
    other = backlogged_cost_normal(
        optimum.level + shift, 5.0, 2.0, lead_time, 1.0, underage, clipped
    )
    assert other >= optimum.cost - 1e-7


@pytest.mark.parametrize("lead_time", [0, 1, 4])
def test_poisson_matches_the_poisson_of_the_summed_mean(lead_time):
    total = stats.poisson(5.0 * (lead_time + 1))
    points = np.arange(400)
    optimum = backlogged_optimum_discrete(poisson_pmf(5.0), lead_time, 1.0, 9.0)
    assert optimum.level == total.ppf(0.9)
    left = np.maximum(optimum.level - points, 0.0) @ total.pmf(points)
    owed = left - optimum.level + total.mean()
    assert optimum.cost == pytest.approx(left + 9.0 * owed, rel=1e-10)


@given(
    weights=st.lists(st.integers(0, 5), min_size=2, max_size=6).filter(any),
    lead_time=st.integers(0, 4),
    underage=st.sampled_from([0.5, 1.0, 4.0, 39.0]),
)
@settings(max_examples=60, deadline=None)
def test_no_discrete_level_whole_or_not_costs_less(weights, lead_time, underage):
    demand = np.array(weights) / sum(weights)
    optimum = backlogged_optimum_discrete(demand, lead_time, 1.0, underage)
    costs = [
        backlogged_cost_discrete(level, demand, lead_time, 1.0, underage)
        for level in np.arange(-1.0, 5 * (lead_time + 1) + 2, 0.5)
    ]
    assert optimum.cost == pytest.approx(min(costs), abs=1e-10)


@pytest.mark.parametrize("level", [13.0, 16.5])
def test_discrete_cost_agrees_with_simulation(level):
    generator = np.random.default_rng(7)
    demand = geometric_pmf(5.0)
    paths, lead_time = 20_000, 2
    stock = np.full(paths, level)
    pipeline = np.zeros((paths, lead_time - 1))
    means = []
    for period in range(60):
        drawn = generator.choice(demand.size, size=paths, p=demand)
        order = level - stock - pipeline.sum(axis=1)
        stock = stock - drawn
        if period >= 10:
            means.append((np.maximum(stock, 0.0) + 4.0 * np.maximum(-stock, 0.0)).mean())
        pipeline = np.column_stack([pipeline, order])
        stock = stock + pipeline[:, 0]
        pipeline = pipeline[:, 1:]
    exact = backlogged_cost_discrete(level, demand, lead_time, 1.0, 4.0)
    assert np.mean(means) == pytest.approx(exact, rel=0.01)


def test_pmfs_have_their_moments_and_add_up_to_one():
    cases = [
        (poisson_pmf(5.0), 5.0, 5.0),
        (geometric_pmf(5.0), 5.0, 30.0),
        (negative_binomial_pmf(5.0, 12.0), 5.0, 12.0),
    ]
    for demand, mean, variance in cases:
        points = np.arange(demand.size)
        assert demand.sum() == pytest.approx(1.0, abs=1e-14)
        assert points @ demand == pytest.approx(mean, rel=1e-10)
        assert (points - mean) ** 2 @ demand == pytest.approx(variance, rel=1e-9)
    assert geometric_pmf(5.0)[3] == pytest.approx((5 / 6) ** 3 / 6)


def test_discrete_sum_of_two_coins():
    np.testing.assert_allclose(discrete_sum(np.array([0.5, 0.5]), 2), [0.25, 0.5, 0.25])


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: backlogged_optimum_discrete(np.array([0.5, 0.4]), 1, 1.0, 9.0), "probabilities"),
        (lambda: backlogged_optimum_discrete(np.array([1.5, -0.5]), 1, 1.0, 9.0), "probabilities"),
        (lambda: backlogged_optimum_discrete(np.ones((1, 1)), 1, 1.0, 9.0), "probabilities"),
        (lambda: backlogged_optimum_discrete(np.ones(1), -1, 1.0, 9.0), "lead_time is -1"),
        (lambda: backlogged_optimum_discrete(np.ones(1), NOT_WHOLE, 1.0, 9.0), "lead_time is 1.5"),
        (lambda: backlogged_optimum_discrete(np.ones(1), 1, 0.0, 9.0), "holding_cost is 0.0"),
        (lambda: backlogged_optimum_discrete(np.ones(1), 1, 1.0, -9.0), "underage_cost is -9.0"),
        (lambda: backlogged_cost_discrete(np.nan, np.ones(1), 1, 1.0, 9.0), "level is nan"),
        (lambda: backlogged_optimum_normal(5.0, 0.0, 1, 1.0, 9.0, True), "std is 0.0"),
        (lambda: backlogged_optimum_normal(np.inf, 1.0, 1, 1.0, 9.0, True), "mean is inf"),
        (lambda: backlogged_optimum_normal(-99.0, 1.0, 1, 1.0, 9.0, True), "mean is -99.0"),
        (lambda: clipped_normal_sum(5.0, 1.0, 0), "periods is 0"),
        (lambda: poisson_pmf(0.0), "mean is 0.0"),
        (lambda: geometric_pmf(-1.0), "mean is -1.0"),
        (lambda: negative_binomial_pmf(5.0, 5.0), "variance is 5.0"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(call, field):
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        call()
