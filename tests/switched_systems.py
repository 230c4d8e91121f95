"""Small switched linear-quadratic systems, every schedule of them, and their simulation."""

import itertools

import numpy as np
from hypothesis import strategies as st

from neuroinv.optima.riccati import riccati_step
from neuroinv.optima.switched_system import SwitchedSystem


@st.composite
def switched_systems(draw, most_modes=3):
    """Modes that differ in all matrices; some charge only some states, some have idle controls."""
    modes, dimension = draw(st.integers(1, most_modes)), draw(st.integers(1, 3))
    controls = draw(st.integers(1, 2))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    charged = draw(st.integers(1, dimension))
    roots = generator.normal(size=(modes, charged, dimension))
    weights = generator.normal(size=(modes, controls, controls))
    return SwitchedSystem(
        dynamics=generator.normal(size=(modes, dimension, dimension)),
        actuation=generator.normal(size=(modes, dimension, controls))
        * generator.integers(0, 2, size=(modes, 1, controls)),
        state_cost=np.swapaxes(roots, 1, 2) @ roots,
        control_cost=np.swapaxes(weights, 1, 2) @ weights + 0.1 * np.eye(controls),
    )


def states_of(system, count=30, seed=1):
    """Normal first states."""
    return np.random.default_rng(seed).normal(size=(count, system.dynamics.shape[1]))


def second_moment_of(states):
    return states.T @ states / len(states)


def forms_of_all_schedules(system, horizon):
    """One cost form for each schedule, none left out."""
    modes, dimension, _ = system.actuation.shape
    forms = []
    for schedule in itertools.product(range(modes), repeat=horizon):
        form = np.zeros((dimension, dimension))
        for mode in reversed(schedule):
            _, form = riccati_step(system, mode, form)
        forms.append(form)
    return np.stack(forms)


def simulated_costs(system, states, choose):
    """Cost of every state where `choose(period, states)` gives modes and controls; None ends it."""
    costs = np.zeros(len(states))
    for period in itertools.count():
        decided = choose(period, states)
        if decided is None:
            return costs
        modes, controls = decided
        costs += np.einsum("sp,spq,sq->s", states, system.state_cost[modes], states)
        costs += np.einsum("sp,spq,sq->s", controls, system.control_cost[modes], controls)
        states = np.einsum("spq,sq->sp", system.dynamics[modes], states) + np.einsum(
            "spq,sq->sp", system.actuation[modes], controls
        )
    raise AssertionError("periods never end")
