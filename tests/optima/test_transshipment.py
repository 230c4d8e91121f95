"""The bound of the cross-dock against published cells, a single store, numerical minimisation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize

from neuroinv.optima.newsvendor import backlogged_cost_normal, backlogged_optimum_normal
from neuroinv.optima.transshipment import transshipment_bound

# The reference's instances: the first stores of one draw, rounded to three decimals.
MEANS = np.round(np.random.RandomState(33).uniform(2.5, 7.5, 50), 3)
STDS = np.round(MEANS * np.random.RandomState(92).uniform(0.25, 0.5, 50), 3)
# Cost per store and period with a centre lead time of 3 and holding cost 1: by number of stores,
# then store lead time 2, 4, 6, then underage cost 4 and 9, then correlation 0 and 0.5.
PUBLISHED = {
    3: "5.1514/5.7537 6.4585/7.2136 6.3057/6.8066 7.9056/8.5337 7.2792/7.7172 9.1261/9.6753",
    5: "4.5912/5.2964 5.7561/6.6402 5.7231/6.3029 7.1752/7.9021 6.6655/7.1695 8.3567/8.9886",
    10: "4.6735/5.5359 5.8593/6.9405 5.9154/6.6178 7.4163/8.2970 6.9384/7.5462 8.6989/9.4609",
    30: "4.6020/5.5700 5.7696/6.9832 5.8993/6.6819 7.3961/8.3773 6.9588/7.6336 8.7245/9.5705",
    50: "4.4357/5.3937 5.5612/6.7622 5.7019/6.4752 7.1486/8.1181 6.7341/7.4002 8.4427/9.2779",
}


@pytest.mark.parametrize("stores", PUBLISHED)
def test_every_published_cell(stores):
    ours = " ".join(
        "/".join(
            f"{transshipment_bound(*instance, rho, 3, lead_time, 1.0, underage).cost / stores:.4f}"
            for rho in (0.0, 0.5)
        )
        for instance in [(MEANS[:stores], STDS[:stores])]
        for lead_time in (2, 4, 6)
        for underage in (4.0, 9.0)
    )
    assert ours == PUBLISHED[stores]


@given(
    st.floats(-2.0, 9.0),
    st.floats(0.1, 4.0),
    st.integers(0, 5),
    st.integers(0, 5),
    st.floats(-1, 1),
)
@settings(max_examples=25, deadline=None)
def test_one_store_is_a_store_with_both_lead_times(mean, std, centre, store, correlation):
    bound = transshipment_bound([mean], [std], correlation, centre, store, 0.7, 6.0)
    alone = backlogged_optimum_normal(mean, std, max(centre, 1) + store, 0.7, 6.0, clipped=False)
    assert bound.level == pytest.approx(alone.level, rel=1e-12)
    assert bound.cost == pytest.approx(alone.cost, rel=1e-12)


def test_the_bound_is_the_relaxed_system_minimised_numerically():
    """Spread the stock by a general-purpose minimiser, and average over what is left to spread."""
    means, stds, rho = np.array([3.0, 6.0, 4.0]), np.array([0.8, 3.0, 1.6]), 0.3
    centre, store, holding, underage = 2, 1, 0.8, 5.0
    bound = transshipment_bound(means, stds, rho, centre, store, holding, underage)
    covariance = rho * np.outer(stds, stds) + (1 - rho) * np.diag(stds**2)

    def at_stores(stock):
        def cost(first):
            spread = [*first, stock - np.sum(first)]
            return sum(
                backlogged_cost_normal(y, mean, std, store, holding, underage, clipped=False)
                for y, mean, std in zip(spread, means, stds, strict=True)
            )

        return minimize(cost, stock * means[:2] / means.sum(), method="Nelder-Mead", tol=1e-9).fun

    nodes, weights = np.polynomial.hermite_e.hermegauss(31)
    demanded = centre * means.sum() + np.sqrt(centre * covariance.sum()) * nodes
    # A spline through the cheapest spreads saves minimising at every node.
    stocks = np.linspace(bound.level - demanded[-1] - 5.0, bound.level - demanded[0] + 5.0, 90)
    cheapest = CubicSpline(stocks, [at_stores(stock) for stock in stocks])

    def expected(level):
        return float(cheapest(level - demanded) @ weights / weights.sum())

    assert expected(bound.level) == pytest.approx(bound.cost, rel=1e-4)
    assert min(expected(bound.level + shift) for shift in (-0.5, 0.5)) > expected(bound.level)


def test_the_cost_rises_with_correlation_and_lead_times():
    costs = [
        transshipment_bound(MEANS[:4], STDS[:4], *changed, 1.0, 9.0).cost
        for changed in [(-0.2, 2, 1), (0.4, 2, 1), (0.4, 3, 1), (0.4, 2, 2)]
    ]
    assert costs[0] < costs[1] < costs[2] < costs[3]


WRONG: Any = 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], 0.5, 3, 2, 1.0, 9.0), "means has 0 entries and stds 0"),
        (([5.0], [1.0, 2.0], 0.5, 3, 2, 1.0, 9.0), "means has 1 entries and stds 2"),
        (([5.0], [0.0], 0.5, 3, 2, 1.0, 9.0), "std is 0.0"),
        (([5.0] * 3, [1.0] * 3, -0.6, 3, 2, 1.0, 9.0), "correlation is -0.6.*-0.5 to 1"),
        (([5.0] * 3, [1.0] * 3, np.nan, 3, 2, 1.0, 9.0), "correlation is nan"),
        (([5.0], [1.0], 0.5, WRONG, 2, 1.0, 9.0), "lead_time is 1.5"),
        (([5.0], [1.0], 0.5, 3, -1, 1.0, 9.0), "lead_time is -1"),
        (([5.0], [1.0], 0.5, 3, 2, 0.0, 9.0), "holding_cost is 0.0"),
        (([5.0], [1.0], 0.5, 3, 2, 1.0, 0.0), "underage_cost is 0.0"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        transshipment_bound(*arguments)
    assert "give" in str(raised.value)
