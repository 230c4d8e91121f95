"""Statistics over seeds."""

import numpy as np

from neuroinv.analysis.statistics import bootstrap


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
