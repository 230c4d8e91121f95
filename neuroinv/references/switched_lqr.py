"""What a switched regulator is measured against: the best single mode, all modes in turn, and the
state-dependent optimum of a dynamic program on quadratic forms."""

from __future__ import annotations

import contextlib

import jax
import numpy as np
from jaxtyping import Float64

from neuroinv import optima
from neuroinv.policies.switched_lqr import least_form
from neuroinv.problems.switched_lqr import SwitchedLQR
from neuroinv.references.reference import Reference

SLACK = {2: 1e-3, 3: 5e-3, 4: 1e-2}
"""How far the dynamic program may be from the optimum, as a share, by the number of modes; with
more of them its forms are too many."""
FIRST_STATES = 4096
"""A lower bound is an expectation over so many of them, less so many standard errors."""
STANDARD_ERRORS = 3


def regulator_references(instance: SwitchedLQR) -> tuple[Reference, ...]:
    """The optimum to within a known slack or a lower bound, the best single mode and the best round
    robin; costs are averages per period, of which an episode's cost is as many as it has."""
    system, periods = instance.system, instance.periods
    moment = optima.cube_second_moment(system.dynamics.shape[1], instance.config.initial_bound)
    count = len(system.dynamics)

    def scheduled(name: str, found: optima.ModeSchedule) -> Reference:
        order = "-".join(str(mode) for mode in found.modes[:count])
        no_forms = np.zeros((periods, 1, *system.dynamics.shape[1:]))
        policy = least_form(instance, no_forms, found.modes[:, None], found.gains[:, None])
        variables = policy.init(jax.random.key(0), None)
        return Reference(
            name, f"modes {order}", found.cost / periods, policy, variables, count == 1
        )

    turns = optima.best_cyclic_schedule(system, periods, moment)
    if count == 1:
        return (scheduled("optimum", turns),)
    single = optima.best_fixed_mode(system, periods, moment)
    return (
        _optimum_or_bound(instance, moment),
        scheduled("best single mode", single),
        scheduled("round robin", turns),
    )


def _optimum_or_bound(
    instance: SwitchedLQR, moment: Float64[np.ndarray, "dimension dimension"]
) -> Reference:
    """The dynamic program, or a lower bound where its forms are too many."""
    modes = len(instance.system.dynamics)
    if modes in SLACK:
        with contextlib.suppress(RuntimeError):  # more forms than it may keep
            return _dynamic_program(instance, SLACK[modes])
    return lower_bound(instance, moment)


def lower_bound(
    instance: SwitchedLQR, moment: Float64[np.ndarray, "dimension dimension"]
) -> Reference:
    """What no policy beats, from forms that look a few periods ahead."""
    system, periods = instance.system, instance.periods
    forms = optima.bounding_forms(system, periods)
    dimension = len(moment)
    largest = instance.config.initial_bound / dimension**0.5
    states = np.random.default_rng(0).uniform(-largest, largest, (FIRST_STATES, dimension))
    cost, error = optima.expected_least_cost(forms, states, moment)
    bound = (cost - STANDARD_ERRORS * error) / periods
    detail = f"{len(forms)} forms, less {STANDARD_ERRORS:g} standard errors"
    return Reference("lower bound", detail, bound, None, {}, True)


def _dynamic_program(instance: SwitchedLQR, slack: float) -> Reference:
    stages = optima.value_forms(instance.system, instance.periods, slack)
    gains = optima.switching_gains(stages)
    policy = least_form(instance, gains.forms, gains.modes, gains.gains)
    variables = policy.init(jax.random.key(0), None)
    detail = f"dynamic program, within {100 * slack:g} %"
    return Reference("optimum", detail, None, policy, variables, True)
