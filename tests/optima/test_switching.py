"""The pruned tree against all schedules enumerated, and its policies against simulation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from switched_systems import (
    forms_of_all_schedules,
    second_moment_of,
    simulated_costs,
    states_of,
    switched_systems,
)

from neuroinv.optima.riccati import best_cyclic_schedule, best_schedule_gains, schedule_cost
from neuroinv.optima.switched_lqr import (
    cube_second_moment,
    switched_lqr_matrices,
    two_state_matrices,
)
from neuroinv.optima.switching import (
    best_schedule,
    expected_least_cost,
    least_cost,
    switching_gains,
    value_forms,
)


def simulated(system, stages, states):
    """Costs of a policy that looks up the cheapest entry of its padded arrays in every period."""
    forms, modes, gains = switching_gains(stages)

    def choose(period, states):
        if period == len(forms):
            return None
        costs = np.einsum("sp,fpq,sq->sf", states, forms[period], states)
        entry = np.argmin(costs, axis=1)
        return modes[period, entry], -np.einsum("sqp,sp->sq", gains[period, entry], states)

    return simulated_costs(system, states, choose)


@given(switched_systems(), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_nothing_that_matters_is_pruned(system, horizon):
    states = states_of(system)
    all_forms = forms_of_all_schedules(system, horizon)
    stages = value_forms(system, horizon)
    least = least_cost(all_forms, states)
    np.testing.assert_allclose(least_cost(stages[0].forms, states), least, rtol=1e-9)
    np.testing.assert_allclose(simulated(system, stages, states), least, rtol=1e-7, atol=1e-9)
    second_moment = second_moment_of(states)
    optimum = best_schedule(stages, second_moment)
    enumerated = np.sum(all_forms * second_moment, axis=(1, 2)).min()
    assert optimum.cost == pytest.approx(enumerated, rel=1e-9)
    again = best_schedule_gains(system, optimum.modes, second_moment)
    assert again.cost == pytest.approx(optimum.cost, rel=1e-9)
    np.testing.assert_allclose(optimum.gains, again.gains, rtol=1e-9, atol=1e-12)
    assert schedule_cost(system, *optimum[:2], second_moment) == pytest.approx(enumerated, rel=1e-7)


def test_the_expectation_of_the_least_is_known_better_than_its_mean_over_the_sample():
    """Where all forms are alike it is known exactly, and else to a few of its standard errors."""
    draw = np.random.default_rng(0).uniform
    states = draw(-10, 10, (400, 10)) / np.sqrt(10)
    forms = value_forms(switched_lqr_matrices(10, 2), 20, slack=0.01)[0].forms
    expected, error = expected_least_cost(forms, states, cube_second_moment(10))
    more = least_cost(forms, draw(-10, 10, (100_000, 10)) / np.sqrt(10))
    of_both = np.hypot(error, more.std() / np.sqrt(len(more)))
    assert abs(expected - more.mean()) < 4 * of_both
    assert error < 0.3 * least_cost(forms, states).std() / np.sqrt(len(states))
    alike = np.repeat(forms[:1], 3, axis=0)
    known = np.sum(forms[0] * cube_second_moment(10))
    assert expected_least_cost(alike, states, cube_second_moment(10)) == pytest.approx((known, 0))


@given(switched_systems(), st.integers(1, 5), st.sampled_from([0.01, 0.2, 2.0]))
@settings(max_examples=40, deadline=None)
def test_no_more_than_the_slack_is_lost(system, horizon, slack):
    states = states_of(system)
    all_forms = forms_of_all_schedules(system, horizon)
    stages = value_forms(system, horizon, slack)
    least, ours = least_cost(all_forms, states), least_cost(stages[0].forms, states)
    second_moment = second_moment_of(states)
    enumerated = np.sum(all_forms * second_moment, axis=(1, 2)).min()
    assert best_schedule(stages, second_moment).cost <= (1.0 + slack) * enumerated * (1.0 + 1e-9)
    assert np.all(ours >= least * (1.0 - 1e-9))
    assert np.all(ours <= (1.0 + slack) * least * (1.0 + 1e-9))
    played = simulated(system, stages, states)
    assert np.all(played >= least * (1.0 - 1e-7))
    assert np.all(played <= ours * (1.0 + 1e-7))


def test_dominated_modes_leave_one_form():
    """The second mode moves less at a higher price."""
    system = switched_lqr_matrices(2, 1)
    worse = system._replace(actuation=0.5 * system.actuation, control_cost=2 * system.control_cost)
    both = type(system)(*(np.concatenate(pair) for pair in zip(system, worse, strict=True)))
    stages = value_forms(both, 20)
    assert [len(stage.modes) for stage in stages] == [1] * 20
    assert not any(stage.modes[0] for stage in stages[:-1])


def test_a_small_slack_leaves_few_forms_of_two_states_over_twenty_periods():
    system = two_state_matrices()
    relaxed, nearly_exact = (value_forms(system, 20, slack) for slack in (1e-3, 1e-6))
    assert len(relaxed[0].modes) < 10 < len(nearly_exact[0].modes) < 50
    states = states_of(system, count=200)
    costs = least_cost(relaxed[0].forms, states)
    ratios = costs / least_cost(nearly_exact[0].forms, states)
    assert 1.0 - 1e-6 <= ratios.min() <= ratios.max() <= 1.001
    second_moment = second_moment_of(states)
    fixed_in_advance = best_schedule(relaxed, second_moment)
    assert f"{best_schedule(relaxed, np.eye(2)).cost:.4f}" == "7.0433"
    assert costs.mean() < fixed_in_advance.cost
    assert fixed_in_advance.cost < best_cyclic_schedule(system, 20, second_moment).cost


@pytest.mark.parametrize(("dimension", "modes"), [(3, 2), (10, 2), (10, 4), (48, 2)])
def test_looking_at_the_state_beats_schedules_which_beat_cycles(dimension, modes):
    system, second_moment = switched_lqr_matrices(dimension, modes), cube_second_moment(dimension)
    stages = value_forms(system, 20, slack=0.01)
    cyclic = best_cyclic_schedule(system, 20, second_moment).cost
    fixed_in_advance = best_schedule(stages, second_moment).cost
    states = np.random.default_rng(1).uniform(-10, 10, (1024, dimension)) / np.sqrt(dimension)
    seen = least_cost(stages[0].forms, states) / np.sum(states**2, axis=1)
    assert np.mean(seen) * 100.0 / 3.0 < fixed_in_advance < cyclic + 0.01


WRONG: Any = 0.5
SYSTEM = two_state_matrices()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: value_forms(SYSTEM._replace(dynamics=np.eye(2)), 5), "dynamics has shape"),
        (lambda: value_forms(SYSTEM, 0), "horizon is 0"),
        (lambda: value_forms(SYSTEM, 5, slack=-0.1), "slack is -0.1"),
        (lambda: value_forms(SYSTEM, 5, slack=np.nan), "slack is nan"),
        (lambda: value_forms(SYSTEM, 5, most_forms=WRONG), "most_forms is 0.5"),
        (lambda: best_schedule(value_forms(SYSTEM, 2), np.eye(3)), "second_moment has shape"),
        (lambda: least_cost(np.ones((1, 2, 2)), np.ones(2)), r"states has shape \(2,\)"),
        (lambda: least_cost(np.ones((1, 2, 2)), np.ones((4, 3))), r"states has shape \(4, 3\)"),
        (
            lambda: expected_least_cost(np.ones((1, 2, 2)), np.ones((1, 2)), np.eye(2)),
            "states has 1 rows",
        ),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(call, message):
    with pytest.raises(ValueError, match=f"{message}.*give"):
        call()


def test_more_forms_than_may_be_kept_are_no_bad_input_and_are_said_to_be_too_many():
    message = "slack is 0.0 and leaves more than 2 forms 3 periods before .* give"
    with pytest.raises(RuntimeError, match=message):
        value_forms(SYSTEM, 9, most_forms=2)
