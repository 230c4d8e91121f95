"""Policies for the switched linear-quadratic regulator: towers, and what dynamic programs give."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Int, PRNGKeyArray, PyTree

from neuroinv.config import HybridConfig
from neuroinv.decisions import Categorical, Deterministic
from neuroinv.policies.hybrid import Towers
from neuroinv.problems.switched_lqr import Control, Observation, SwitchedLQR
from neuroinv.types import Policy


class RegulatorTowers(nn.Module):
    """Towers on the state of a regulator, with what `config.regulator` names beside it."""

    config: HybridConfig
    modes: int
    controls: int

    @nn.compact
    def __call__(
        self, position: Float[Array, " dimension"], remaining: Float[Array, ""]
    ) -> tuple[Float[Array, "1 modes"], Float[Array, "1 modes controls"]]:
        """Logits of the modes, and a control in each."""
        has = self.config.regulator
        # A mode is worth a difference of quadratic forms, whatever the size of the state.
        size = jnp.sqrt(jnp.mean(position**2) + 1e-6) if "direction" in has else 1.0
        features = [position / size]
        if "squares" in has:
            features.append(features[0] ** 2)
        if "time_left" in has:
            features.append(remaining[None])
        towers = Towers(self.config, 1, self.modes, self.controls)
        logits, outputs = towers(jnp.concatenate(features))
        if "gains" not in has:
            return logits, size * outputs
        near_zero = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        shape = (self.modes, self.controls, len(position))
        gains = self.param("gains", near_zero, shape)  # in one mode, they are optimal
        fed_back = jnp.einsum("muz,z->mu", gains, position, precision="highest")
        return logits, fed_back[None] + size * outputs


def hybrid_regulator(instance: SwitchedLQR, config: HybridConfig) -> Policy:
    """A net that chooses the mode and one that controls in each."""
    modes, _, controls = instance.system.actuation.shape
    net = RegulatorTowers(config, modes, controls)

    def init(key: PRNGKeyArray, example: Observation) -> PyTree:
        return net.init(key, example.position, example.remaining)

    def transform(
        weights: Float[Array, "1 modes"], outputs: Float[Array, "1 modes controls"]
    ) -> Control:
        return Control(weights[0], jnp.dot(weights[0], outputs[0], precision="highest"))

    def apply(variables: PyTree, observation: Observation) -> Categorical:
        logits, outputs = net.apply(variables, observation.position, observation.remaining)
        return Categorical(jnp.asarray(logits), jnp.asarray(outputs), transform)

    return Policy(init, apply)


class Forms(NamedTuple):
    """For every period some quadratic forms of the cost to go, each with its mode and gain."""

    forms: Float[Array, "periods forms dimension dimension"]
    modes: Int[Array, "periods forms"]
    gains: Float[Array, "periods forms controls dimension"]


def least_form(
    instance: SwitchedLQR,
    forms: Float64[np.ndarray, "periods forms dimension dimension"],
    modes: Int[np.ndarray, "periods forms"],
    gains: Float64[np.ndarray, "periods forms controls dimension"],
) -> Policy:
    """The mode and the control -K z of the form that is least at the state. One form for every
    period is a schedule fixed in advance; all forms of a dynamic program are the optimum."""
    count = len(instance.system.dynamics)
    given = Forms(
        jnp.asarray(forms, jnp.float32), jnp.asarray(modes), jnp.asarray(gains, jnp.float32)
    )

    def apply(variables: Forms, observation: Observation) -> Deterministic:
        elapsed = (1 - observation.remaining) * instance.periods
        period = jnp.int32(jnp.round(elapsed))
        position = observation.position
        of_period = variables.forms[period]
        costs = jnp.einsum("z,fzy,y->f", position, of_period, position, precision="highest")
        least = jnp.argmin(costs)
        mode = jax.nn.one_hot(variables.modes[period, least], count)
        gain = variables.gains[period, least]
        return Deterministic(Control(mode, -jnp.dot(gain, position, precision="highest")))

    return Policy(lambda key, example: given, apply, trained=False)
