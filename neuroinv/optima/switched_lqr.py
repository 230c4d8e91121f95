"""Instances of the switched linear-quadratic regulator: modes that differ in what they can move.

The paper's simulator clips states at +-100, that of this package does not. It changes no reference:
with Q = I, a state that was clipped costs 10^4 in its period, far above what the references pay in
all periods from any first state with coordinates up to 10 and the default numbers.

Sources: Alvo, Russo and Kanoria (2026), Policy optimization in hybrid discrete-continuous action
spaces via mixed gradients, arXiv 2605.14297, for the random instances; Zhang, Hu and Abate (2012),
Infinite-horizon switched LQR problems in discrete time: a suboptimal algorithm with performance
analysis, IEEE Transactions on Automatic Control 57(7), for the one with two states.
"""

import math

import numpy as np
from jaxtyping import Float64

from neuroinv.optima.switched_system import SwitchedSystem, check_count


def switched_lqr_matrices(
    dimension: int,
    modes: int,
    instability: float = 1.10,
    coupling: float = 0.05,
    high: float = 1.0,
    low: float = 0.15,
    control_cost: float = 0.1,
    seed: int = 0,
) -> SwitchedSystem:
    """Unstable dynamics shared by all modes, each of which moves one group of coordinates well.

    A = instability I + coupling N, where N is a symmetric matrix of normal draws over its largest
    entry; B_m is diagonal, Q = I and R = control_cost I. With one mode it is an ordinary regulator.

    Args:
        dimension: coordinates of the state, each with a control of its own.
        modes: groups of consecutive coordinates, of nearly equal size; with more modes than
            coordinates the last ones have an empty group.
        instability: of every coordinate by itself: what it is multiplied by in a period.
        coupling: largest share of a coordinate that is added to another one.
        high: what a unit of control adds to a coordinate in the mode's group.
        low: what it adds elsewhere.
        control_cost: per squared unit of control.
        seed: of the draws.

    Raises:
        ValueError: a dimension or number of modes that is not a whole number of at least one, a
            number that is not finite, or a control cost that is not positive.
    """
    check_count("dimension", dimension)
    check_count("modes", modes)
    numbers = {"instability": instability, "coupling": coupling, "high": high, "low": low}
    for field, value in numbers.items():
        if not math.isfinite(value):
            raise ValueError(f"{field} is {value}; give a finite number")
    if not (math.isfinite(control_cost) and control_cost > 0.0):
        raise ValueError(
            f"control_cost is {control_cost}; give a positive finite cost per squared unit"
        )
    draws = np.random.default_rng(seed).standard_normal((dimension, dimension))
    mixing = (draws + draws.T) / 2.0
    identity = np.eye(dimension)
    dynamics = instability * identity + coupling * mixing / np.abs(mixing).max()
    gains = np.full((modes, dimension), low)
    for mode, group in enumerate(np.array_split(np.arange(dimension), modes)):
        gains[mode, group] = high
    return SwitchedSystem(
        dynamics=np.tile(dynamics, (modes, 1, 1)),
        actuation=gains[:, :, None] * identity,
        state_cost=np.tile(identity, (modes, 1, 1)),
        control_cost=np.tile(control_cost * identity, (modes, 1, 1)),
    )


def two_state_matrices() -> SwitchedSystem:
    """Two modes that share one control and differ in dynamics and in what the control moves."""
    return SwitchedSystem(
        dynamics=np.array([[[2.0, 1.0], [0.0, 1.0]], [[2.0, 1.0], [0.0, 0.5]]]),
        actuation=np.array([[[1.0], [1.0]], [[1.0], [2.0]]]),
        state_cost=np.tile(np.eye(2), (2, 1, 1)),
        control_cost=np.ones((2, 1, 1)),
    )


def cube_second_moment(
    dimension: int, largest: float = 10.0
) -> Float64[np.ndarray, "dimension dimension"]:
    """E[z z'] where coordinates are uniform between +-largest, over the root of the dimension.

    Raises ValueError for a dimension that is not a whole number of at least one, or a largest
    coordinate that is not a finite number.
    """
    check_count("dimension", dimension)
    if not math.isfinite(largest):
        raise ValueError(f"largest is {largest}; give a finite number")
    return largest**2 / 3.0 / dimension * np.eye(dimension)
