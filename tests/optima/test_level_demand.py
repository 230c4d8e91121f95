"""Demand by levels against drawn demand, and its lattice against convex order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima.level_demand import clipped_normal_levels, contraction


def test_levels_of_normal_demand_have_its_conditional_moments():
    mean, std = np.array([2.0, 5.0, 3.0]), np.array([2.0, 2.0, 0.5])
    covariance = np.outer(std, std) * np.array([[1.0, -0.3, 0.5], [-0.3, 1.0, 0.2], [0.5, 0.2, 1]])
    demand = clipped_normal_levels(mean, covariance)
    drawn = np.random.default_rng(0).multivariate_normal(mean, covariance, 400_000)
    high = drawn.sum(axis=1) > mean.sum()
    drawn = np.maximum(drawn, 0.0)
    for level, rows in enumerate((~high, high)):
        for power in (0, 1, 2):
            # The power 0 tells how often nothing is wanted.
            cells = demand.points[level] ** power * (demand.points[level] > 0)
            ours = np.sum(demand.probabilities[level] * cells, axis=1)
            theirs = np.mean(drawn[rows] ** power * (drawn[rows] > 0), axis=0)
            np.testing.assert_allclose(ours, theirs, rtol=0.01)


@given(
    st.lists(st.tuples(st.floats(0.0, 9.0), st.floats(0.01, 1.0)), min_size=2, max_size=8),
    st.integers(9, 12),
)
@settings(max_examples=50, deadline=None)
def test_contraction_is_less_variable_and_keeps_what_is_whole(cells, steps):
    points, weights = np.asarray(cells).T
    weights = weights / weights.sum()
    whole = np.arange(steps + 1.0)
    law = contraction(points, weights, steps)
    if law is not None:
        assert law @ whole == pytest.approx(weights @ points, abs=1e-6)
        for kink in np.linspace(0.0, steps, 60):
            spread = weights @ np.maximum(points - kink, 0.0)
            assert law @ np.maximum(whole - kink, 0.0) <= spread + 1e-6
    rounded = np.round(points)
    kept = np.bincount(rounded.astype(int), weights, minlength=steps + 1)
    np.testing.assert_allclose(contraction(rounded, weights, steps), kept, atol=1e-5)


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        ([5.0, 0.0], np.eye(2), "mean is .*positive"),
        ([5.0, 5.0], np.eye(3), "covariance has shape"),
        ([5.0, 5.0], np.array([[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        ([5.0, 5.0], np.array([[1.0, -1.0], [-1.0, 1.0]]), "0.0 for the total"),
    ],
)
def test_refuses_demand_that_is_not_normal(mean, covariance, message):
    with pytest.raises(ValueError, match=message):
        clipped_normal_levels(mean, covariance)
