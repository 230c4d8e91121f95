"""Riccati gains against known figures, one large least-squares problem, and simulation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from switched_systems import second_moment_of, simulated_costs, states_of, switched_systems

from neuroinv.optima.riccati import (
    best_cyclic_schedule,
    best_fixed_mode,
    best_schedule_gains,
    cyclic_schedules,
    fixed_mode,
    schedule_cost,
    stationary_gain,
)
from neuroinv.optima.switched_lqr import (
    cube_second_moment,
    switched_lqr_matrices,
    two_state_matrices,
)

# Expected cost over 20 periods by dimension: the best fixed mode and the best cyclic schedule of
# the instances with 1, 2, 4 and 8 modes.
KNOWN = {
    1: "37.381/37.381 37.381/37.549 37.381/37.614 37.381/37.624",
    3: "36.914/36.914 58.477/47.058 80.830/63.501 80.830/63.509",
    10: "37.062/37.062 73.596/53.375 88.062/70.667 96.084/84.588",
    48: "37.064/37.064 73.401/53.334 92.373/75.090 101.875/92.412",
}


@pytest.mark.parametrize("dimension", KNOWN)
def test_every_known_figure(dimension):
    second_moment = cube_second_moment(dimension)
    ours = " ".join(
        f"{best_fixed_mode(system, 20, second_moment).cost:.3f}/"
        f"{best_cyclic_schedule(system, 20, second_moment).cost:.3f}"
        for system in (switched_lqr_matrices(dimension, modes) for modes in (1, 2, 4, 8))
    )
    assert ours == KNOWN[dimension]


@given(switched_systems(), st.lists(st.integers(0, 2), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_no_controls_cost_less_which_least_squares_over_all_periods_shows(system, schedule):
    """Stack root-weighted states and controls of all periods, and solve for all controls at once.

    States are linear in the first state and in the controls.
    """
    modes, dimension, controls = system.actuation.shape
    schedule = np.array(schedule) % modes
    rows, to_state = [], np.eye(dimension, dimension + schedule.size * controls)
    for period, mode in enumerate(schedule):
        to_control = np.eye(
            controls, to_state.shape[1], k=dimension + period * controls, dtype=np.float64
        )
        sizes, directions = np.linalg.eigh(system.state_cost[mode])
        rows.append((directions * np.sqrt(np.maximum(sizes, 0.0))).T @ to_state)
        rows.append(np.linalg.cholesky(system.control_cost[mode]).T @ to_control)
        to_state = system.dynamics[mode] @ to_state + system.actuation[mode] @ to_control
    stacked = np.concatenate(rows)
    states = states_of(system)
    wanted = stacked[:, :dimension] @ states.T
    best, *_ = np.linalg.lstsq(stacked[:, dimension:], -wanted)
    least = np.mean(np.sum((wanted + stacked[:, dimension:] @ best) ** 2, axis=0))
    ours = best_schedule_gains(system, schedule, second_moment_of(states)).cost
    assert ours == pytest.approx(least, rel=1e-7, abs=1e-9)


@given(switched_systems(), st.lists(st.integers(0, 2), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_simulated_gains_cost_what_both_trace_formulas_say(system, schedule):
    schedule = np.array(schedule) % len(system.dynamics)
    states = states_of(system)
    optimum = best_schedule_gains(system, schedule, second_moment_of(states))

    def choose(period, states):
        if period == schedule.size:
            return None
        return np.full(len(states), schedule[period]), -states @ optimum.gains[period].T

    simulated = simulated_costs(system, states, choose).mean()
    assert simulated == pytest.approx(optimum.cost, rel=1e-8)
    rolled = schedule_cost(system, schedule, optimum.gains, second_moment_of(states))
    assert rolled == pytest.approx(optimum.cost, rel=1e-8)
    others = optimum.gains + 0.1
    assert schedule_cost(system, schedule, others, second_moment_of(states)) >= rolled * (1 - 1e-12)


def test_one_coordinate_matches_the_quadratic_formula():
    """P = 1 + a^2 r P / (r + b^2 P), a quadratic equation in P."""
    (a,), r = switched_lqr_matrices(1, 1).dynamics[0, 0], 0.1
    slope = r - a**2 * r - 1.0
    form = (-slope + np.sqrt(slope**2 + 4.0 * r)) / 2.0
    gain = stationary_gain(switched_lqr_matrices(1, 1), 0)
    assert gain[0, 0] == pytest.approx(a * form / (r + form), rel=1e-12)


def test_a_stationary_gain_is_nearly_the_best_one_for_many_periods():
    system, second_moment = two_state_matrices(), np.eye(2)
    for mode in range(2):
        held = fixed_mode(system, mode, 20, second_moment)
        best = best_schedule_gains(system, [mode] * 20, second_moment)
        assert held.cost >= best.cost
        assert held.cost == pytest.approx(best.cost, rel=1e-6)
        np.testing.assert_allclose(held.gains[0], best.gains[0], rtol=1e-6)


def test_cycles_begin_with_each_mode_and_the_best_is_the_cheapest():
    system, second_moment = switched_lqr_matrices(3, 4), cube_second_moment(3)
    cycles = cyclic_schedules(system, 6, second_moment)
    assert [list(cycle.modes) for cycle in cycles[:2]] == [[0, 1, 2, 3, 0, 1], [1, 2, 3, 0, 1, 2]]
    costs = [cycle.cost for cycle in cycles]
    assert best_cyclic_schedule(system, 6, second_moment).cost == min(costs) < max(costs)


WRONG: Any = 1.5
SYSTEM = two_state_matrices()
EYE = np.eye(2)


def changed(field, value):
    return SYSTEM._replace(**{field: value})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_schedule_gains(changed("actuation", EYE), [0], EYE), r"actuation .*\(2, 2\)"),
        (
            lambda: best_schedule_gains(changed("dynamics", EYE), [0], EYE),
            r"dynamics has shape \(2, 2\)",
        ),
        (
            lambda: best_schedule_gains(changed("control_cost", EYE[None]), [0], EYE),
            r"control_cost has shape \(1, 2, 2\)",
        ),
        (
            lambda: best_schedule_gains(
                changed("state_cost", np.full((2, 2, 2), np.nan)), [0], EYE
            ),
            "state_cost has an entry nan",
        ),
        (
            lambda: best_schedule_gains(changed("state_cost", np.stack([EYE, -EYE])), [0], EYE),
            r"state_cost\[1\] has least eigenvalue -1",
        ),
        (
            lambda: best_schedule_gains(
                changed("state_cost", np.stack([EYE + np.eye(2, k=1), EYE])), [0], EYE
            ),
            r"state_cost\[0\] is not equal to its transpose",
        ),
        (
            lambda: best_schedule_gains(changed("control_cost", np.zeros((2, 1, 1))), [0], EYE),
            r"control_cost\[0\] has least eigenvalue 0",
        ),
        (
            lambda: best_schedule_gains(SYSTEM, [0, 2], EYE),
            "schedule has modes from 0 to 2",
        ),
        (lambda: best_schedule_gains(SYSTEM, [-1], EYE), "schedule has modes from -1 to -1"),
        (lambda: best_schedule_gains(SYSTEM, [], EYE), r"schedule is \[\]"),
        (lambda: best_schedule_gains(SYSTEM, [0.5], EYE), r"schedule is \[0.5\]"),
        (lambda: best_schedule_gains(SYSTEM, [0], np.eye(3)), r"second_moment has shape \(3, 3\)"),
        (lambda: best_schedule_gains(SYSTEM, [0], -EYE), "second_moment has least eigenvalue -1"),
        (
            lambda: best_schedule_gains(SYSTEM, [0], np.full((2, 2), np.inf)),
            "second_moment has an entry",
        ),
        (lambda: schedule_cost(SYSTEM, [0, 1], np.ones((1, 1, 2)), EYE), "gains has shape"),
        (lambda: fixed_mode(SYSTEM, 0, 0, EYE), "horizon is 0"),
        (lambda: fixed_mode(SYSTEM, 0, WRONG, EYE), "horizon is 1.5"),
        (lambda: fixed_mode(SYSTEM, 2, 5, EYE), "schedule has modes from 2 to 2"),
        (lambda: cyclic_schedules(SYSTEM, -1, EYE), "horizon is -1"),
        (
            lambda: best_fixed_mode(changed("actuation", np.zeros((2, 2, 1))), 5, EYE),
            r"dynamics\[0\] has spectral radius 2, and no .* actuation\[0\]",
        ),
        (
            lambda: stationary_gain(
                SYSTEM._replace(
                    dynamics=np.stack([EYE, np.diag([1.1, 1.2])]),
                    actuation=np.array([[[1.0], [0.0]], [[1.0], [0.0]]]),
                ),
                1,
            ),
            r"dynamics\[1\] has spectral radius 1.2",
        ),
        (
            lambda: stationary_gain(
                SYSTEM._replace(dynamics=np.stack([EYE, EYE]), state_cost=np.zeros((2, 2, 2))), 0
            ),
            r"dynamics\[0\] has spectral radius 1, and no",
        ),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(call, message):
    with pytest.raises(ValueError, match=f"{message}.*give"):
        call()
