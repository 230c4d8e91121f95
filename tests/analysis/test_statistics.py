"""Means and their intervals."""

import numpy as np
import pytest

from neuroinv.analysis.statistics import mean_interval


@pytest.mark.parametrize("count", [2, 3, 8, 30])
def test_the_truth_is_covered_as_often_as_it_says(count):
    samples = np.random.default_rng(count).normal(2.0, 1.0, (2000, count))
    intervals = [mean_interval(sample) for sample in samples]
    covered = np.mean([interval.low <= 2.0 <= interval.high for interval in intervals])
    assert 0.935 < covered < 0.965
    assert all(i.low <= i.estimate <= i.high for i in intervals)


def test_one_value_has_no_width():
    assert mean_interval(np.array([4.0])) == (4.0, 4.0, 4.0)
