"""Best modes and controls of a switched linear-quadratic system, by a pruned tree of forms.

With a schedule of modes fixed, the cost to the end is a form z' P z (`riccati`). A policy that sees
the state may pick the schedule by it, and nothing is drawn later, so the least cost from state z is
the least of z' P z over the schedules still to choose from: over one more tree level per period.
Two properties of the map rho_m from the forms of the next period keep that tree small.

- It is monotone: if P' <= P in the order of symmetric matrices, then whatever is put in front of P
  is no better than the same in front of P', so P can be dropped. That is exact.
- It is concave: a rho_m(P / a) lies above rho_m(P) for a = 1 + slack, and is what the step would
  cost with Q_m and R_m raised by the slack. If all forms below that ceiling of some other kept one
  are dropped, then by induction every schedule has a kept one that costs at most 1 + slack times as
  much, whatever the number of periods.

A kept form is the cost of a real schedule. So the least of them is never below the optimum, and
never above it by more than the slack, for a given state and for a given second moment alike.

Sources: Lincoln and Rantzer (2006), Relaxing dynamic programming, IEEE Transactions on Automatic
Control 51(8), for the slack; Zhang, Hu and Abate (2012), Infinite-horizon switched LQR problems in
discrete time: a suboptimal algorithm with performance analysis, IEEE Transactions on Automatic
Control 57(7), for the forms of a switched regulator.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.riccati import ModeSchedule, riccati_step
from neuroinv.optima.switched_system import (
    SwitchedSystem,
    check_count,
    check_horizon,
    checked_second_moment,
    checked_system,
)

# Of the trace: differences of forms carry rounding errors of about this size.
ROUNDING = 1e-12
PROBES_PER_COORDINATE = 4


class StageForms(NamedTuple):
    """What is worth doing from one period on; see `SwitchingGains` for all periods in one array.

    Attributes:
        forms: P, so that z' P z is the cost to the end.
        modes: to be in this period.
        gains: K, with control -K z in this period.
        following: entry of the next stage to go on with, 0 in the last period.
    """

    forms: Float64[np.ndarray, "forms dimension dimension"]
    modes: Int[np.ndarray, " forms"]
    gains: Float64[np.ndarray, "forms controls dimension"]
    following: Int[np.ndarray, " forms"]


class SwitchingGains(NamedTuple):
    """The stages as arrays, for a policy that takes the entry whose z' P z is least.

    Picking anew in every period, which may only help, it costs at most what `least_cost` says of
    the first stage. Stages with fewer forms than the largest repeat their first one.

    Attributes:
        forms: P of every period.
        modes: to be in that period.
        gains: K, with control -K z in that period.
    """

    forms: Float64[np.ndarray, "horizon forms dimension dimension"]
    modes: Int[np.ndarray, "horizon forms"]
    gains: Float64[np.ndarray, "horizon forms controls dimension"]


def value_forms(
    system: SwitchedSystem, horizon: int, slack: float = 0.0, most_forms: int = 1000
) -> tuple[StageForms, ...]:
    """Forms worth keeping in every period, the first period first.

    Args:
        system: the matrices of every mode.
        horizon: periods.
        slack: share of the least cost that may be lost. With 0 only forms that are never better
            than another one are dropped, and many that matter little stay.
        most_forms: to keep in a period.

    Raises:
        ValueError: a system that does not fit together, a horizon or most_forms below one, or a
            slack that is negative.
        RuntimeError: a slack that leaves more forms than most_forms.
    """
    system = checked_system(system)
    check_horizon(horizon)
    check_count("most_forms", most_forms)
    if not (math.isfinite(slack) and slack >= 0.0):
        raise ValueError(f"slack is {slack}; give a finite share of the cost, 0 or more")
    modes, dimension, _ = system.actuation.shape
    forms = np.zeros((1, dimension, dimension))
    stages: list[StageForms] = []
    for _ in range(horizon):
        steps = [riccati_step(system, mode, forms) for mode in range(modes)]
        gains, candidates = (np.concatenate(parts) for parts in zip(*steps, strict=True))
        ceilings = candidates
        if slack > 0.0:
            scaled = forms / (1.0 + slack)
            raised = [riccati_step(system, mode, scaled)[1] for mode in range(modes)]
            ceilings = (1.0 + slack) * np.concatenate(raised)
        kept = _undominated(candidates, ceilings, most_forms)
        if kept is None:
            raise RuntimeError(
                f"slack is {slack} and leaves more than {most_forms} forms {len(stages) + 1} "
                "periods before the end; give a larger slack, more most_forms or a shorter horizon"
            )
        chosen, following = np.divmod(kept, len(forms))
        forms = candidates[kept]
        stages.append(StageForms(forms, chosen, gains[kept], following))
    return tuple(reversed(stages))


def best_schedule(
    stages: tuple[StageForms, ...],
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> ModeSchedule:
    """The best modes to fix before the state is seen, with the best controls.

    Args:
        stages: of `value_forms`; with a slack, the cost exceeds the least one by no more than that.
        second_moment: E[z z'] of the first state.

    Raises:
        ValueError: second moments that are not symmetric positive semidefinite or of another shape.
    """
    first = stages[0].forms
    second_moment = checked_second_moment(second_moment, first.shape[-1])
    costs = np.sum(first * second_moment, axis=(1, 2))
    best = entry = int(np.argmin(costs))
    modes, gains = [], []
    for stage in stages:
        modes.append(stage.modes[entry])
        gains.append(stage.gains[entry])
        entry = int(stage.following[entry])
    return ModeSchedule(np.array(modes), np.array(gains), float(costs[best]))


def least_cost(
    forms: Float64[np.ndarray, "forms dimension dimension"],
    states: Float64[np.ndarray, "states dimension"],
) -> Float64[np.ndarray, " states"]:
    """The least of z' P z over forms, for every state z.

    With the forms of the first stage of `value_forms` that is the cost of the best policy, exact or
    within the slack; with `bounding_forms`, what no policy beats. Raises ValueError for states that
    do not fit the forms.
    """
    states = np.asarray(states, dtype=np.float64)
    if states.ndim != 2 or states.shape[1] != forms.shape[-1]:
        raise ValueError(
            f"states has shape {states.shape}; give it the shape [states, {forms.shape[-1]}]"
        )
    least = np.full(len(states), np.inf)
    for form in forms:
        np.minimum(least, np.sum((states @ form) * states, axis=1), out=least)
    return least


def expected_least_cost(
    forms: Float64[np.ndarray, "forms dimension dimension"],
    states: Float64[np.ndarray, "states dimension"],
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> tuple[float, float]:
    """(expectation of `least_cost`, its standard error) from a sample of first states.

    The mean of all forms costs trace(P M) in expectation, which is known; only how far the least
    lies below it is estimated, which varies less.

    Args:
        forms: as for `least_cost`.
        states: first states, drawn independently.
        second_moment: E[z z'] of the law that they were drawn from.

    Raises:
        ValueError: fewer than two states, or states or second moments that do not fit the forms.
    """
    mean_form = forms.mean(axis=0)
    below = least_cost(mean_form[None], states) - least_cost(forms, states)
    if len(below) < 2:
        raise ValueError(f"states has {len(below)} rows; give two or more")
    known = np.sum(mean_form * checked_second_moment(second_moment, len(mean_form)))
    return float(known - below.mean()), float(below.std(ddof=1) / len(below) ** 0.5)


def switching_gains(stages: tuple[StageForms, ...]) -> SwitchingGains:
    """The stages of `value_forms` as arrays that a simulated policy can look up."""
    most = max(len(stage.modes) for stage in stages)
    entries = [np.where(np.arange(most) < len(s.modes), np.arange(most), 0) for s in stages]
    padded = [
        [getattr(stage, field)[entry] for stage, entry in zip(stages, entries, strict=True)]
        for field in SwitchingGains._fields
    ]
    return SwitchingGains(*(np.stack(parts) for parts in padded))


def _undominated(
    candidates: Float64[np.ndarray, "forms dimension dimension"],
    ceilings: Float64[np.ndarray, "forms dimension dimension"],
    most: int,
) -> Int[np.ndarray, " kept"] | None:
    """Entries to keep so that every ceiling has a kept candidate below it; None for too many."""
    dimension = candidates.shape[-1]
    # Forms out of order mostly show it in a few directions, which spares factoring differences.
    probes = np.random.default_rng(0).standard_normal(
        (PROBES_PER_COORDINATE * dimension, dimension)
    )
    probes = np.concatenate([np.eye(dimension), probes])
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    directions = (probes[:, :, None] * probes[:, None, :]).reshape(len(probes), -1).T
    heights = candidates.reshape(len(candidates), -1) @ directions
    limits = ceilings.reshape(len(ceilings), -1) @ directions
    traces = np.trace(candidates, axis1=1, axis2=2)
    kept: list[int] = []
    kept_heights = np.empty_like(heights)
    # A form below another one has the smaller trace, so it comes first.
    for entry in np.argsort(traces, kind="stable"):
        tolerance = ROUNDING * traces[entry]
        room = np.min(limits[entry] - kept_heights[: len(kept)], axis=1)
        likely = np.argsort(-room)
        possible = likely[room[likely] >= -tolerance]
        shifted = ceilings[entry] + tolerance * np.eye(dimension)
        if any(_is_positive(shifted - candidates[kept[other]]) for other in possible):
            continue
        if len(kept) == most:
            return None
        kept_heights[len(kept)] = heights[entry]
        kept.append(int(entry))
    return np.array(kept)


def _is_positive(matrix: Float64[np.ndarray, "dimension dimension"]) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
