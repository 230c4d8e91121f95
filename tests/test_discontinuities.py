"""Cells: every feature keeps its own value in them, and every action lies in one of them."""

from __future__ import annotations

import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv import discontinuities
from neuroinv.discontinuities import (
    Cells,
    Steps,
    cell_weights,
    merge,
    smooth_weights,
    within,
)
from neuroinv.types import InputError

# Quarters, so that breakpoints of several features often coincide and float32 holds them exactly.
points = st.integers(-40, 40).map(lambda quarters: quarters / 4)


@st.composite
def features(draw: st.DrawFn) -> dict[str, Steps]:
    """One to three features between the same ends, some with regimes of one action alone."""
    low, high = sorted(draw(st.lists(points, min_size=2, max_size=2, unique=True)))
    if draw(st.booleans()):
        high = np.inf
    found = {}
    for index in range(draw(st.integers(1, 3))):
        between = draw(st.lists(points.filter(lambda p: low <= p <= min(high, 99)), max_size=5))
        # An end is there already, so it may come once more, and what lies between twice.
        kept = [p for p in set(between) if low < p < high]
        kept += draw(st.lists(st.sampled_from(kept), unique=True)) if kept else []
        ends = [low] * (1 + (low in between)) + [high] * (1 + (high in between))
        breakpoints = tuple(sorted(kept + ends))
        values = draw(
            st.lists(
                st.integers(-9, 9).map(float),
                min_size=len(breakpoints) - 1,
                max_size=len(breakpoints) - 1,
            )
        )
        found[f"feature_{index}"] = Steps(breakpoints, tuple(values))
    return found


def looked_up(steps: Steps, action: float) -> float:
    """The value at an action: of the point that is a regime alone, else of what starts there."""
    regimes = list(zip(steps.breakpoints[:-1], steps.breakpoints[1:], steps.values, strict=True))
    for low, high, value in regimes:
        if low == high == action:
            return value
    for low, high, value in regimes:
        if low <= action < high:
            return value
    return steps.values[-1]


MOST_CELLS, MOST_ACTIONS = 40, 120  # filled up to, so that all are one program
jitted_weights, jitted_within = jax.jit(cell_weights), jax.jit(within)
jitted_smooth = jax.jit(smooth_weights)


def padded(values: np.ndarray, size: int, by: float) -> np.ndarray:
    return np.append(values, np.full(size - len(values), by)).astype(np.float32)


def chosen(cells: Cells, actions: np.ndarray) -> np.ndarray:
    """The index of the one cell that each action is said to lie in."""
    lower, upper = (
        np.tile(padded(ends, MOST_CELLS, np.inf), (MOST_ACTIONS, 1)) for ends in cells[:2]
    )
    weights = np.asarray(jitted_weights(lower, upper, padded(actions, MOST_ACTIONS, 0.0)))
    assert np.all(np.isin(weights, (0, 1)))
    np.testing.assert_array_equal(weights.sum(axis=1), 1)
    return weights.argmax(axis=1)[: len(actions)]


def actions_around(cells: Cells) -> np.ndarray:
    """Every end that is finite, and something within each cell."""
    ends = np.concatenate([cells.lower, cells.upper[np.isfinite(cells.upper)]])
    inside = np.where(np.isfinite(cells.upper), (cells.lower + cells.upper) / 2, cells.lower + 7)
    return np.concatenate([ends, inside])


@settings(deadline=None, max_examples=150)
@given(features())
def test_at_every_action_a_cell_has_the_value_of_every_feature(given_features):
    cells = merge(given_features)
    actions = actions_around(cells)
    indices = chosen(cells, actions)
    for action, index in zip(actions, indices, strict=True):
        assert cells.lower[index] <= action <= cells.upper[index]
        for name, steps in given_features.items():
            assert cells.values[name][index] == looked_up(steps, action), (name, action)


@settings(deadline=None, max_examples=100)
@given(features(), st.data())
def test_what_outputs_stand_for_lies_in_its_own_cell(given_features, data):
    cells = merge(given_features)
    outputs = data.draw(hnp.arrays(np.float32, MOST_CELLS, elements=numbers(-5, 5)))
    lower, upper = (padded(ends, MOST_CELLS, np.inf) for ends in cells[:2])
    actions = np.asarray(jitted_within(lower, upper, outputs, 3.0))[: len(cells.lower)]
    assert np.all((cells.lower <= actions) & (actions <= cells.upper))
    np.testing.assert_array_equal(chosen(cells, actions), np.arange(len(actions)))


@settings(deadline=None, max_examples=100)
@given(features(), st.floats(0.01, 30))
def test_smooth_weights_become_those_of_the_cells_as_they_cool(given_features, temperature):
    cells = merge(given_features)
    open_cells = cells.lower < cells.upper
    inside = np.where(np.isfinite(cells.upper), (cells.lower + cells.upper) / 2, cells.lower + 7)
    actions = np.append(inside[open_cells], [cells.lower[0] - 3, cells.lower[-1] + 50])
    lower, upper = (
        np.tile(padded(ends, MOST_CELLS, np.inf), (MOST_ACTIONS, 1)) for ends in cells[:2]
    )
    filled = padded(actions, MOST_ACTIONS, 0.0)
    warm, cold = (
        np.asarray(jitted_smooth(lower, upper, filled, degrees)) for degrees in (temperature, 1e-4)
    )
    for weights in (warm, cold):
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
        assert not weights[:, len(cells.lower) :].any(), "cells out of reach"
    hard = np.asarray(jitted_weights(lower, upper, filled))
    np.testing.assert_allclose(cold[: len(actions)], hard[: len(actions)], atol=1e-5)


def test_smooth_weights_have_a_derivative_everywhere_and_hold_a_point_for_a_while():
    lower, upper = jnp.array([0.0, 0.0, 5.0, jnp.inf]), jnp.array([0.0, 5.0, jnp.inf, jnp.inf])
    actions = jnp.linspace(-1.0, 9.0, 41)

    def of_action(action):
        return smooth_weights(lower, upper, action, 0.5)

    weights, slopes = jax.vmap(of_action)(actions), jax.vmap(jax.jacfwd(of_action))(actions)
    assert np.all(np.isfinite(slopes))
    np.testing.assert_allclose(slopes.sum(axis=1), 0, atol=1e-5)
    assert np.all(np.diff(weights[:, 0]) <= 1e-6), "the more is ordered, the less it is no order"
    assert weights[4, 0] > 0.9, "nothing is ordered at zero"
    assert weights[8, 0] == pytest.approx(0.5, abs=0.01), "two temperatures beyond"
    assert weights[-1, 2] > 0.99


def test_outputs_reach_all_of_a_cell_and_have_a_derivative_there():
    lower, upper = jnp.array([0.0, 2.0, 5.0]), jnp.array([0.0, 5.0, jnp.inf])
    of_outputs = jax.jacfwd(lambda outputs: within(lower, upper, outputs, 4.0))
    np.testing.assert_allclose(
        within(lower, upper, jnp.zeros(3), 4.0), [0, 3.5, 5 + 4 * np.log(2)], rtol=1e-6
    )
    np.testing.assert_allclose(of_outputs(jnp.zeros(3)), np.diag([0, 3 / 4, 4 / 2]), rtol=1e-6)
    low, high = within(lower, upper, jnp.full(3, -30.0)), within(lower, upper, jnp.full(3, 30.0))
    np.testing.assert_allclose(low, [0, 2, 5], atol=1e-5)
    np.testing.assert_allclose(high, [0, 5, 35], atol=1e-5)


def test_an_action_in_a_gap_or_beyond_the_ends_belongs_to_the_cell_below():
    cells = Cells(np.array([0.0, 10.0, 20.0]), np.array([0.0, 20.0, 30.0]), {})
    actions = np.array([-1.0, 0.0, 0.1, 9.9, 10.0, 19.9, 20.0, 30.0, 31.0])
    np.testing.assert_array_equal(chosen(cells, actions), [0, 0, 0, 0, 1, 1, 2, 2, 2])


def test_the_worked_example_of_the_module():
    """As it is printed there: half a truck costs 40 and its fuel, a fuller one has its discount."""
    lines = [line for line in discontinuities.__doc__.splitlines() if line.startswith("    ")]
    names = {"merge": merge, "Steps": Steps, "within": within, "jnp": jnp}
    expected = {(1.0, 0, 0): 0.0, (0, 1.0, 0): 40 + 2 * 10, (0, 0, 1.0): 40 + 2 * 0.9 * 22.5}
    for weights, cost in expected.items():
        found = names | {"outputs": jnp.zeros(3), "weights": jnp.asarray(weights)}
        exec(textwrap.dedent("\n".join(lines)), found)
        assert found["chosen"] == pytest.approx(cost)
    cells = found["cells"]
    np.testing.assert_array_equal(cells.lower, [0, 0, 20])
    np.testing.assert_array_equal(cells.upper, [0, 20, 25])
    np.testing.assert_array_equal(cells.values["fixed"], [0, 40, 40])
    np.testing.assert_array_equal(cells.values["discount"], [0, 0, 0.1])


MISTAKES = {
    "truck is empty": {},
    r"breakpoints are \[3\], which bound no interval": {"fixed": Steps((3,), ())},
    r"truck\.fixed has 1 values for 2 intervals": {"fixed": Steps((0, 1, 2), (5.0,))},
    r"breakpoints are \[0, 2, 1\], which are not in increasing order; sort them": {
        "fixed": Steps((0, 2, 1), (5.0, 6.0))
    },
    "not in increasing order": {"fixed": Steps((0, np.nan, 1), (5.0, 6.0))},
    "only the last may be infinite": {"fixed": Steps((-np.inf, 0, 1), (5.0, 6.0))},
    "name 1 more than twice, so no action can reach": {
        "fixed": Steps((0, 1, 1, 1, 2), (1.0, 2.0, 3.0, 4.0))
    },
    r"truck\.discount covers actions from 0 to 3 but fixed those from 0 to 2": {
        "fixed": Steps((0, 2), (1.0,)),
        "discount": Steps((0, 3), (1.0,)),
    },
}


@pytest.mark.parametrize("expected", MISTAKES)
def test_a_mistake_is_one_sentence(expected):
    with pytest.raises(InputError, match=expected) as raised:
        merge(MISTAKES[expected], "truck")
    assert "\n" not in str(raised.value)
