"""Switched linear systems with quadratic costs, and the checks of what is asked about them.

In period t a policy sees the state z, picks a mode m and a control u, pays z' Q_m z + u' R_m u, and
the next state is A_m z + B_m u. Nothing is paid for the state after the last period. Chance only
draws the first state, so with second moments M = E[z z'] any policy whose modes are fixed in
advance and whose controls are linear in the state has an expected cost of trace(P M), where the
form z' P z is its cost from state z.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

ROUNDING = 1e-9


class SwitchedSystem(NamedTuple):
    """Matrices of every mode; a system that cannot switch has one.

    Attributes:
        dynamics: A_m, what the state becomes without control.
        actuation: B_m, what a unit of each control adds to the next state.
        state_cost: Q_m, symmetric and positive semidefinite, per period.
        control_cost: R_m, symmetric and positive definite, per period.
    """

    dynamics: Float64[np.ndarray, "modes dimension dimension"]
    actuation: Float64[np.ndarray, "modes dimension controls"]
    state_cost: Float64[np.ndarray, "modes dimension dimension"]
    control_cost: Float64[np.ndarray, "modes controls controls"]


def checked_system(system: SwitchedSystem) -> SwitchedSystem:
    """The system as float64.

    Raises ValueError for shapes that disagree, entries that are not finite, a state cost that is
    not symmetric positive semidefinite, or a control cost that is not symmetric positive definite.
    """
    checked = SwitchedSystem(*(np.asarray(matrices, dtype=np.float64) for matrices in system))
    shape = checked.actuation.shape
    if len(shape) != 3 or 0 in shape:
        raise ValueError(
            f"actuation has shape {shape}; give it the shape [modes, dimension, controls]"
        )
    modes, dimension, controls = shape
    for field, size in (
        ("dynamics", dimension),
        ("state_cost", dimension),
        ("control_cost", controls),
    ):
        matrices = getattr(checked, field)
        if matrices.shape != (modes, size, size):
            raise ValueError(
                f"{field} has shape {matrices.shape}; give it the shape {(modes, size, size)}, "
                f"because actuation has {shape}"
            )
    for field, matrices in zip(checked._fields, checked, strict=True):
        if not np.all(np.isfinite(matrices)):
            raise ValueError(f"{field} has an entry {_odd(matrices)}; give finite numbers")
    for mode in range(modes):
        _least_eigenvalue(f"state_cost[{mode}]", checked.state_cost[mode])
        least = _least_eigenvalue(f"control_cost[{mode}]", checked.control_cost[mode])
        if least <= 0.0:
            raise ValueError(
                f"control_cost[{mode}] has least eigenvalue {least:g}; give a positive definite "
                "matrix, because free controls have no best size"
            )
    return checked


def checked_second_moment(
    second_moment: Float64[np.ndarray, "dimension dimension"], dimension: int
) -> Float64[np.ndarray, "dimension dimension"]:
    """E[z z'] of the first state as float64.

    Raises ValueError unless it is symmetric positive semidefinite with a row for every coordinate.
    """
    checked = np.asarray(second_moment, dtype=np.float64)
    if checked.shape != (dimension, dimension):
        raise ValueError(
            f"second_moment has shape {checked.shape}; give it the shape {(dimension, dimension)}"
        )
    if not np.all(np.isfinite(checked)):
        raise ValueError(f"second_moment has an entry {_odd(checked)}; give finite numbers")
    _least_eigenvalue("second_moment", checked)
    return checked


def checked_modes(
    schedule: Sequence[int] | Int[np.ndarray, " horizon"], modes: int
) -> Int[np.ndarray, " horizon"]:
    """The mode of every period; raises ValueError unless all are whole numbers below `modes`."""
    checked = np.asarray(schedule)
    if checked.ndim != 1 or checked.size == 0 or not np.issubdtype(checked.dtype, np.integer):
        raise ValueError(f"schedule is {schedule}; give one whole number for every period")
    if checked.min() < 0 or checked.max() >= modes:
        raise ValueError(
            f"schedule has modes from {checked.min()} to {checked.max()}; give modes from 0 to "
            f"{modes - 1}"
        )
    return checked


def check_horizon(horizon: int) -> None:
    """Raise ValueError unless the horizon (periods) is a whole number of at least one."""
    check_count("horizon", horizon)


def check_count(field: str, value: int) -> None:
    """Raise ValueError unless the value is a whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{field} is {value!r}; give a whole number, 1 or more")


def _least_eigenvalue(field: str, matrix: Float64[np.ndarray, "size size"]) -> float:
    """Raises ValueError unless the matrix is symmetric and positive semidefinite."""
    scale = float(np.abs(matrix).max())
    if np.abs(matrix - matrix.T).max() > ROUNDING * scale:
        raise ValueError(f"{field} is not equal to its transpose; give a symmetric matrix")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -ROUNDING * scale:
        raise ValueError(
            f"{field} has least eigenvalue {least:g}; give a positive semidefinite matrix"
        )
    return least


def _odd(values: np.ndarray) -> float:
    return float(values[~np.isfinite(values)][0])
