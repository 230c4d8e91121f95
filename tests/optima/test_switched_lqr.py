"""Instances of the switched regulator against their definition."""

from typing import Any

import numpy as np
import pytest

from neuroinv.optima.switched_lqr import (
    cube_second_moment,
    switched_lqr_matrices,
    two_state_matrices,
)
from neuroinv.optima.switched_system import checked_system


@pytest.mark.parametrize(("dimension", "modes"), [(1, 1), (3, 2), (10, 4), (3, 8)])
def test_instances_are_what_they_are_defined_to_be(dimension, modes):
    system = switched_lqr_matrices(dimension, modes, 1.2, 0.3, 2.0, 0.5, 0.7, seed=5)
    mixing = (system.dynamics[0] - 1.2 * np.eye(dimension)) / 0.3
    draws = np.random.default_rng(5).standard_normal((dimension, dimension))
    assert np.abs(mixing).max() == pytest.approx(1.0, rel=1e-12)
    scale = np.abs((draws + draws.T) / 2.0).max()
    np.testing.assert_allclose(mixing * scale, (draws + draws.T) / 2.0, atol=1e-12)
    assert np.all(system.dynamics == system.dynamics[0])
    served = [np.flatnonzero(np.diag(actuation) == 2.0) for actuation in system.actuation]
    for group, parts in zip(served, np.array_split(np.arange(dimension), modes), strict=True):
        np.testing.assert_array_equal(group, parts)
    assert set(system.actuation.ravel()) <= {0.0, 0.5, 2.0}
    assert np.all(system.state_cost == np.eye(dimension))
    np.testing.assert_array_equal(system.control_cost[-1], 0.7 * np.eye(dimension))


def test_the_spectral_radius_grows_with_the_dimension():
    radii = [np.abs(np.linalg.eigvals(switched_lqr_matrices(p, 1).dynamics)).max() for p in (1, 48)]
    np.testing.assert_allclose(radii, [1.15, 1.28], atol=0.005)


def test_the_two_state_system_fits_together():
    system = checked_system(two_state_matrices())
    assert system.actuation.shape == (2, 2, 1)
    np.testing.assert_array_equal(system.dynamics[0] - system.dynamics[1], np.diag([0.0, 0.5]))


def test_first_states_have_that_second_moment():
    states = np.random.default_rng(0).uniform(-10.0, 10.0, (200_000, 4)) / 2.0
    np.testing.assert_allclose(states.T @ states / len(states), cube_second_moment(4), atol=0.06)
    assert np.trace(cube_second_moment(7)) == pytest.approx(100.0 / 3.0)


WRONG: Any = 2.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: switched_lqr_matrices(0, 1), "dimension is 0"),
        (lambda: switched_lqr_matrices(3, WRONG), "modes is 2.5"),
        (lambda: switched_lqr_matrices(3, 2, instability=np.nan), "instability is nan"),
        (lambda: switched_lqr_matrices(3, 2, low=np.inf), "low is inf"),
        (lambda: switched_lqr_matrices(3, 2, control_cost=0.0), "control_cost is 0.0"),
        (lambda: cube_second_moment(0), "dimension is 0"),
        (lambda: cube_second_moment(2, np.nan), "largest is nan"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(call, message):
    with pytest.raises(ValueError, match=f"{message}.*give"):
        call()
