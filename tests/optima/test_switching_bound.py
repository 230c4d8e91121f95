"""The bound against optima of small systems, and where it is attained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from switched_systems import (
    forms_of_all_schedules,
    second_moment_of,
    states_of,
    switched_systems,
)

from neuroinv.optima.riccati import best_schedule_gains
from neuroinv.optima.switched_lqr import (
    cube_second_moment,
    switched_lqr_matrices,
    two_state_matrices,
)
from neuroinv.optima.switching import best_schedule, least_cost, value_forms
from neuroinv.optima.switching_bound import bounding_forms, switching_lower_bound


@given(switched_systems(), st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_no_policy_beats_it(system, horizon, most_forms):
    states = states_of(system)
    optimum = least_cost(forms_of_all_schedules(system, horizon), states)
    forms = bounding_forms(system, horizon, most_forms)
    assert len(forms) <= most_forms
    # Far larger forms lose the digits of costs that are tiny beside them.
    rounding = 1e-9 * np.abs(forms).max() * np.sum(states**2, axis=1)
    assert np.all(least_cost(forms, states) <= optimum + rounding)
    bound = switching_lower_bound(system, horizon, second_moment_of(states))
    assert bound <= optimum.mean() + rounding.mean()


@given(switched_systems(), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_with_a_form_for_every_schedule_it_is_the_optimum(system, horizon):
    states = states_of(system)
    optimum = least_cost(forms_of_all_schedules(system, horizon), states)
    forms = bounding_forms(system, horizon, most_forms=3**horizon)
    np.testing.assert_allclose(least_cost(forms, states), optimum, rtol=1e-9)


def test_one_mode_is_the_ordinary_regulator():
    system, second_moment = switched_lqr_matrices(5, 1), cube_second_moment(5)
    optimum = best_schedule_gains(system, [0] * 20, second_moment).cost
    assert switching_lower_bound(system, 20, second_moment) == pytest.approx(optimum, rel=1e-12)


@pytest.mark.parametrize("modes", [2, 4])
def test_without_coupling_states_on_an_axis_attain_it(modes):
    """One mode, held, serves such a state as well as all of them could."""
    system = switched_lqr_matrices(4, modes, coupling=0.0)
    states = 3.0 * np.eye(4)
    held = [
        best_schedule_gains(system, [coordinate * modes // 4] * 20, np.outer(state, state)).cost
        for coordinate, state in enumerate(states)
    ]
    bound = switching_lower_bound(system, 20, second_moment_of(states))
    assert bound == pytest.approx(np.mean(held), rel=1e-12)
    together = switched_lqr_matrices(4, 1, coupling=0.0)
    assert bound == pytest.approx(
        best_schedule_gains(together, [0] * 20, second_moment_of(states)).cost, rel=1e-12
    )


@pytest.mark.parametrize(
    ("dimension", "modes", "at_least"),
    [(10, 2, "37.105"), (48, 2, "37.176"), (10, 4, "37.120"), (48, 4, "37.231")],
)
def test_one_form_bounds_the_instances_above_all_actuators_at_once(dimension, modes, at_least):
    second_moment = cube_second_moment(dimension)
    together = best_schedule_gains(switched_lqr_matrices(dimension, 1), [0] * 20, second_moment)
    bound = switching_lower_bound(switched_lqr_matrices(dimension, modes), 20, second_moment)
    assert bound > together.cost
    assert f"{bound:.3f}" == at_least


@pytest.mark.parametrize(("dimension", "modes"), [(3, 2), (10, 2), (10, 4), (48, 2)])
def test_a_few_periods_ahead_bring_it_close_to_the_optimum(dimension, modes):
    system, second_moment = switched_lqr_matrices(dimension, modes), cube_second_moment(dimension)
    states = np.random.default_rng(1).uniform(-10, 10, (256, dimension)) / np.sqrt(dimension)
    stages = value_forms(system, 20, slack=0.01)
    forms = bounding_forms(system, 20, most_forms=256)
    optimum, bound = least_cost(stages[0].forms, states), least_cost(forms, states)
    assert np.all(bound <= optimum * (1.0 + 1e-9))
    assert bound.mean() > 0.999 * optimum.mean()
    of_schedules = np.sum(forms * second_moment, axis=(1, 2)).min()
    fixed_in_advance = best_schedule(stages, second_moment).cost
    assert 0.999 * fixed_in_advance < of_schedules <= fixed_in_advance * (1.0 + 1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounding_forms(two_state_matrices(), 0), "horizon is 0"),
        (lambda: bounding_forms(two_state_matrices(), 5, 0), "most_forms is 0"),
        (
            lambda: switching_lower_bound(two_state_matrices(), 5, np.eye(3)),
            "second_moment has shape",
        ),
        (
            lambda: switching_lower_bound(
                two_state_matrices()._replace(state_cost=np.eye(2)), 5, np.eye(2)
            ),
            "state_cost has shape",
        ),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(call, message):
    with pytest.raises(ValueError, match=f"{message}.*give"):
        call()
