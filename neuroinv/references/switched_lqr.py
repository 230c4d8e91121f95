"""What a switched regulator is measured against: the best single mode, all modes in turn, and the
state-dependent optimum of a dynamic program on quadratic forms."""

from __future__ import annotations

import jax
import numpy as np

from neuroinv import optima
from neuroinv.policies.switched_lqr import least_form
from neuroinv.problems.switched_lqr import SwitchedLQR
from neuroinv.references.reference import Reference

SLACK = {2: 1e-3, 3: 5e-3, 4: 1e-2}
"""How far the dynamic program may be from the optimum, as a share, by the number of modes; with
more of them its forms are too many."""


def regulator_references(instance: SwitchedLQR) -> tuple[Reference, ...]:
    """The optimum to within a known slack, the best single mode and the best round robin; costs are
    averages per period, of which an episode's cost is as many as it has."""
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

    fixed = scheduled(
        "optimum" if count == 1 else "best single mode",
        optima.best_fixed_mode(system, periods, moment),
    )
    if count == 1:
        return (fixed,)
    turns = scheduled("round robin", optima.best_cyclic_schedule(system, periods, moment))
    if count not in SLACK:
        return fixed, turns
    gains = optima.switching_gains(optima.value_forms(system, periods, SLACK[count]))
    policy = least_form(instance, gains.forms, gains.modes, gains.gains)
    variables = policy.init(jax.random.key(0), None)
    detail = f"dynamic program, within {100 * SLACK[count]:g} %"
    return Reference("optimum", detail, None, policy, variables, True), fixed, turns
