"""The switched linear-quadratic regulator (arXiv 2605.14297, section on S-LQR).

In every period a mode m and a control u are chosen for the state z at the cost z' Q_m z + u' R_m u,
and the state becomes A_m z + B_m u. All chance is in the first state. States are not clipped, which
would stop derivatives and make leaving the system alone look cheap.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from neuroinv.config import SwitchedLQRConfig
from neuroinv.optima import (
    SwitchedSystem,
    stationary_gain,
    switched_lqr_matrices,
    two_state_matrices,
)
from neuroinv.types import InputError, Outcome, Problem


class SwitchedLQR(NamedTuple):
    """An instance: what a config describes, and the matrices it stands for (float64)."""

    config: SwitchedLQRConfig
    system: SwitchedSystem
    periods: int
    """How long an episode lasts; a policy may read how much of it is left."""


class Parameters(NamedTuple):
    """What may differ between scenarios."""

    initial_bound: Float[Array, ""]
    """Coordinates of the first state are uniform between plus and minus this."""


class State(NamedTuple):
    """The state before the decision of a period."""

    position: Float[Array, " dimension"]
    period: Float[Array, ""]


class Observation(NamedTuple):
    """What a policy may look at."""

    position: Float[Array, " dimension"]
    remaining: Float[Array, ""]
    """Share of the episode's periods that are left, this one included."""


class Control(NamedTuple):
    """A mode, as weights that add up to one (one for the chosen mode), and the control."""

    modes: Float[Array, " modes"]
    control: Float[Array, " controls"]


class Costs(NamedTuple):
    """Costs of one period."""

    state: Float[Array, ""]
    control: Float[Array, ""]


class Flows(NamedTuple):
    """What was done."""

    modes: Float[Array, " modes"]
    control: Float[Array, " controls"]


def build_switched_lqr(config: SwitchedLQRConfig, periods: int) -> SwitchedLQR:
    """The instance that a config describes, in episodes of so many periods.

    Raises InputError for a mode that cannot keep the state in bounds, and for a state that, left
    alone, would cost more than a number in single precision can say.
    """
    if config.instance == "two_states":
        system = two_state_matrices()
    else:
        system = switched_lqr_matrices(
            config.dimension,
            config.modes,
            config.instability,
            config.coupling,
            config.high,
            config.low,
            config.control_cost,
            config.matrices_seed,
        )
    growth = max(np.max(np.abs(np.linalg.eigvals(dynamics))) for dynamics in system.dynamics)
    drawn = (
        f"problem.instability is {config.instability:g} and problem.coupling {config.coupling:g}, "
        f"so a state that nobody controls grows by a factor of {growth:.3g} in a period"
    )
    fields = ["problem.high", "problem.low"][: min(config.modes, 2)]
    given = [
        f"{field}={effect:g}"
        for field, effect in zip(fields, (config.high, config.low), strict=False)
    ]
    for mode in range(len(system.dynamics)):
        try:
            stationary_gain(system, mode)
        except ValueError:
            raise InputError(
                f"{drawn}, and with {' and '.join(given)} no control in mode {mode} keeps it in "
                f"bounds; lower one of the first two, or raise {' or '.join(fields)}"
            ) from None
    largest = 2 * (np.log10(config.initial_bound) + periods * np.log10(max(growth, 1.0)))
    if largest > np.log10(np.finfo(np.float32).max):
        if config.instance == "two_states":
            drawn = f"a state that nobody controls grows by a factor of {growth:.3g} in a period"
        raise InputError(
            f"{drawn}, and from problem.initial_bound={config.initial_bound:g} its cost overflows "
            f"within {periods} periods; lower the bound or the growth, or give shorter episodes"
        )
    return SwitchedLQR(config, system, periods)


def draw_parameters(instance: SwitchedLQR, scenarios: int) -> Parameters:
    """Parameters of so many scenarios, which are alike."""
    dimension = instance.system.dynamics.shape[1]
    bound = instance.config.initial_bound / dimension**0.5
    return Parameters(jnp.full(scenarios, bound, jnp.float32))


def switched_lqr_problem(instance: SwitchedLQR) -> Problem:
    """The problem, as pure functions of one scenario's `Parameters`. Its matrices are constants:
    with one scenario's as parameters, every product would read all of them anew."""
    dynamics, actuation, state_cost, control_cost = (
        jnp.asarray(matrices, jnp.float32) for matrices in instance.system
    )
    dimension = dynamics.shape[1]

    def init(params: Parameters, key: PRNGKeyArray) -> State:
        bound = params.initial_bound
        return State(jax.random.uniform(key, (dimension,), bound.dtype, -bound, bound), 0 * bound)

    def exogenous(params: Parameters, key: PRNGKeyArray, periods: int) -> Float[Array, "periods 0"]:
        del key
        return jnp.zeros((periods, 0), params.initial_bound.dtype)

    def observe(params: Parameters, state: State) -> Observation:
        del params
        return Observation(state.position, 1 - state.period / instance.periods)

    def step(
        params: Parameters, state: State, action: Control, noise: Float[Array, " 0"]
    ) -> tuple[State, Outcome]:
        del params, noise
        position, (modes, control) = state.position, action

        # In full precision, because accelerators would otherwise round states to 10 bits.
        def of_mode(matrices: Float[Array, "modes rows columns"], by: Array) -> Array:
            return jnp.einsum("m,mrc,c->r", modes, matrices, by, precision="highest")

        costs = Costs(
            jnp.dot(position, of_mode(state_cost, position), precision="highest"),
            jnp.dot(control, of_mode(control_cost, control), precision="highest"),
        )
        following = of_mode(dynamics, position) + of_mode(actuation, control)
        return State(following, state.period + 1), Outcome(costs, Flows(modes, control))

    return Problem(init, exogenous, observe, step)
