"""Best linear controls of a switched system whose modes are fixed in advance, and their cost.

If z' P z is the cost from the next period on, then the best control in mode m is -K z with

    K = (R_m + B_m' P B_m)^-1 B_m' P A_m,

and the cost from this period on is again a form z' rho_m(P) z, with

    rho_m(P) = Q_m + A_m' P (A_m - B_m K).

A schedule is solved by going backward from P = 0. A mode that is held for ever has a form that
rho_m leaves as it is; its gain is close to the best one while the end is far away. The map rho_m is
monotone and concave in the order of symmetric matrices, because z' rho_m(P) z is the least, over
controls, of functions that are linear in P and do not fall as P rises.

Source: Anderson and Moore (1990), Optimal control: linear quadratic methods.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from scipy.linalg import solve_discrete_are

from neuroinv.optima.switched_system import (
    SwitchedSystem,
    check_horizon,
    checked_modes,
    checked_second_moment,
    checked_system,
)


class ModeSchedule(NamedTuple):
    """A mode and a linear control for every period.

    Attributes:
        modes: of each period.
        gains: K of each period; the control is -K z.
        cost: expected over all periods.
    """

    modes: Int[np.ndarray, " horizon"]
    gains: Float64[np.ndarray, "horizon controls dimension"]
    cost: float


def riccati_step(
    system: SwitchedSystem, mode: int, forms: Float64[np.ndarray, "*forms dimension dimension"]
) -> tuple[
    Float64[np.ndarray, "*forms controls dimension"],
    Float64[np.ndarray, "*forms dimension dimension"],
]:
    """Gains K and forms rho_m(P) for positive semidefinite forms P of the cost that follows."""
    dynamics, actuation, state_cost, control_cost = (matrices[mode] for matrices in system)
    moved, acted = forms @ dynamics, forms @ actuation
    gains = np.linalg.solve(control_cost + actuation.T @ acted, actuation.T @ moved)
    # Rounding would otherwise build up where forms are far from symmetric.
    stepped = state_cost + dynamics.T @ (moved - acted @ gains)
    return gains, 0.5 * (stepped + np.swapaxes(stepped, -1, -2))


def stationary_gain(system: SwitchedSystem, mode: int) -> Float64[np.ndarray, "controls dimension"]:
    """K of one mode held for ever.

    Raises:
        ValueError: a system that does not fit together, a mode it does not have, or one whose
            controls cannot stabilise it.
    """
    system = checked_system(system)
    checked_modes([mode], len(system.dynamics))
    dynamics, actuation, state_cost, control_cost = (matrices[mode] for matrices in system)
    try:
        form = solve_discrete_are(dynamics, actuation, state_cost, control_cost)
        gain, _ = riccati_step(system, mode, form)
        left = _spectral_radius(dynamics - actuation @ gain)
    except np.linalg.LinAlgError:
        left = np.inf
    if not left < 1.0:
        raise ValueError(
            f"dynamics[{mode}] has spectral radius {_spectral_radius(dynamics):g}, and no constant "
            f"gain through actuation[{mode}] makes it stable at least cost; give a stabilisable "
            "mode whose state_cost charges every state that does not die out, or a schedule"
        )
    return gain


def schedule_cost(
    system: SwitchedSystem,
    schedule: Sequence[int] | Int[np.ndarray, " horizon"],
    gains: Float64[np.ndarray, "horizon controls dimension"],
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> float:
    """Expected cost of a schedule of modes under any linear controls -K z.

    Args:
        system: the matrices of every mode.
        schedule: mode of each period.
        gains: K of each period.
        second_moment: E[z z'] of the first state.

    Raises:
        ValueError: a system that does not fit together, modes it does not have, or gains or second
            moments of another shape.
    """
    system = checked_system(system)
    modes, dimension, controls = system.actuation.shape
    schedule = checked_modes(schedule, modes)
    gains = np.asarray(gains, dtype=np.float64)
    if gains.shape != (schedule.size, controls, dimension):
        raise ValueError(
            f"gains has shape {gains.shape}; give it the shape "
            f"{(schedule.size, controls, dimension)}, one gain for every period"
        )
    second_moment = checked_second_moment(second_moment, dimension)
    cost = 0.0
    for mode, gain in zip(schedule, gains, strict=True):
        charged = system.state_cost[mode] + gain.T @ system.control_cost[mode] @ gain
        cost += float(np.sum(charged * second_moment))
        closed_loop = system.dynamics[mode] - system.actuation[mode] @ gain
        second_moment = closed_loop @ second_moment @ closed_loop.T
    return cost


def fixed_mode(
    system: SwitchedSystem,
    mode: int,
    horizon: int,
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> ModeSchedule:
    """One mode in all periods, under its stationary gain.

    Arguments are those of `best_schedule_gains`, with a mode and a number of periods in place of
    the schedule. Raises ValueError as `stationary_gain` does, or for a horizon below one.
    """
    check_horizon(horizon)
    schedule = np.full(horizon, mode)
    gains = np.tile(stationary_gain(system, mode), (horizon, 1, 1))
    return ModeSchedule(schedule, gains, schedule_cost(system, schedule, gains, second_moment))


def best_fixed_mode(
    system: SwitchedSystem,
    horizon: int,
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> ModeSchedule:
    """The cheapest of `fixed_mode` over all modes; raises ValueError where that does for one."""
    modes = range(len(system.dynamics))
    return _cheapest([fixed_mode(system, mode, horizon, second_moment) for mode in modes])


def best_schedule_gains(
    system: SwitchedSystem,
    schedule: Sequence[int] | Int[np.ndarray, " horizon"],
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> ModeSchedule:
    """The best controls for a schedule of modes, and their expected cost.

    Args:
        system: the matrices of every mode.
        schedule: mode of each period.
        second_moment: E[z z'] of the first state; the gains do not depend on it.

    Raises:
        ValueError: a system that does not fit together, modes it does not have, or second moments
            of another shape.
    """
    system = checked_system(system)
    modes, dimension, controls = system.actuation.shape
    schedule = checked_modes(schedule, modes)
    second_moment = checked_second_moment(second_moment, dimension)
    form = np.zeros((dimension, dimension))
    gains = np.empty((schedule.size, controls, dimension))
    for period in reversed(range(schedule.size)):
        gains[period], form = riccati_step(system, int(schedule[period]), form)
    return ModeSchedule(schedule, gains, float(np.sum(form * second_moment)))


def cyclic_schedules(
    system: SwitchedSystem,
    horizon: int,
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> tuple[ModeSchedule, ...]:
    """All modes in turn, over and over, each under its best controls; entry m begins with mode m.

    Arguments are those of `best_schedule_gains`, with a number of periods in place of the schedule.
    Raises ValueError as that function does, or for a horizon below one.
    """
    check_horizon(horizon)
    modes = len(system.dynamics)
    return tuple(
        best_schedule_gains(system, (first + np.arange(horizon)) % modes, second_moment)
        for first in range(modes)
    )


def best_cyclic_schedule(
    system: SwitchedSystem,
    horizon: int,
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> ModeSchedule:
    """The cheapest of `cyclic_schedules`; raises ValueError as that function does."""
    return _cheapest(cyclic_schedules(system, horizon, second_moment))


def _cheapest(schedules: Sequence[ModeSchedule]) -> ModeSchedule:
    return min(schedules, key=lambda schedule: schedule.cost)


def _spectral_radius(matrix: Float64[np.ndarray, "size size"]) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())
