"""Statistics over seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroinv.analysis.statistics import bootstrap, interquartile_mean

numbers = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30).map(np.array)


@given(numbers)
def test_the_interquartile_mean_lies_within_and_follows_shift_and_scale(values):
    result = interquartile_mean(values)
    assert values.min() - 1e-9 <= result <= values.max() + 1e-9
    assert interquartile_mean(3 * values + 2) == pytest.approx(3 * result + 2, abs=1e-6)


def test_the_interquartile_mean_is_the_mean_of_the_middle_half():
    assert interquartile_mean(np.array([9.0, 1.0, 3.0, -50.0])) == 2.0
    assert interquartile_mean(np.arange(8.0)) == np.mean([2, 3, 4, 5])


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    samples = generator.normal(2.0, 1.0, (200, 30))
    intervals = [bootstrap(sample) for sample in samples]
    covered = np.mean([interval.low <= 2.0 <= interval.high for interval in intervals])
    assert 0.86 < covered < 0.99
    assert all(i.low <= i.estimate <= i.high for i in intervals)


def test_one_value_has_no_width_and_the_same_values_the_same_interval():
    assert bootstrap(np.array([4.0])) == (4.0, 4.0, 4.0)
    values = np.arange(9.0)
    assert bootstrap(values) == bootstrap(values)
