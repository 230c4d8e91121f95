"""Decisions: what a policy returns. Each can be drawn, scored and carried out.

A decision may be certain, Gaussian, or a discrete regime with a continuous part in each regime.
`sample` draws, `to_action` makes of what was drawn the action that a problem takes, and `log_prob`
scores it; a greedy policy asks for the `mode`, which is an action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree


class Deterministic(NamedTuple):
    """One action, taken for certain."""

    action: PyTree

    def sample(self, key: PRNGKeyArray) -> PyTree:
        """The action; the key is not used."""
        del key
        return self.action

    def to_action(self, drawn: PyTree) -> PyTree:
        """What was drawn, as it is."""
        return drawn

    def mode(self) -> PyTree:
        """The action."""
        return self.action

    def log_prob(self, action: PyTree) -> Float[Array, ""]:
        """Zero: the score function of a certain action has no part in any gradient."""
        del action
        return jnp.zeros(())

    def entropy(self) -> Float[Array, ""]:
        """Zero."""
        return jnp.zeros(())


class Transformed(NamedTuple):
    """One action, taken for certain, that is a transform of unbounded outputs.

    The outputs are kept apart because score-function estimators add their noise to them, before the
    transform makes an action feasible.
    """

    outputs: Float[Array, " outputs"]
    transform: Callable[[Float[Array, " outputs"]], PyTree]

    def sample(self, key: PRNGKeyArray) -> PyTree:
        """The action; the key is not used."""
        del key
        return self.mode()

    def to_action(self, drawn: PyTree) -> PyTree:
        """What was drawn, as it is."""
        return drawn

    def mode(self) -> PyTree:
        """The action."""
        return self.transform(self.outputs)

    def log_prob(self, action: PyTree) -> Float[Array, ""]:
        """Zero, as for any certain action."""
        del action
        return jnp.zeros(())

    def entropy(self) -> Float[Array, ""]:
        """Zero."""
        return jnp.zeros(())


class Gaussian(NamedTuple):
    """Independent normal outputs, and the action that is made of them."""

    mean: Float[Array, " outputs"]
    log_std: Float[Array, " outputs"]
    transform: Callable[[Float[Array, " outputs"]], PyTree]

    def sample(self, key: PRNGKeyArray) -> Float[Array, " outputs"]:
        """Drawn outputs, differentiable in mean and standard deviation."""
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return self.mean + jnp.exp(self.log_std) * noise

    def to_action(self, drawn: Float[Array, " outputs"]) -> PyTree:
        """The transform of the drawn outputs."""
        return self.transform(drawn)

    def mode(self) -> PyTree:
        """The action made of the mean."""
        return self.transform(self.mean)

    def log_prob(self, drawn: Float[Array, " outputs"]) -> Float[Array, ""]:
        """Log density of the drawn outputs, before the transform."""
        return jnp.sum(norm.logpdf(drawn, self.mean, jnp.exp(self.log_std)))

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats, before the transform."""
        return jnp.sum(self.log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e))


class Categorical(NamedTuple):
    """Discrete regimes, and the outputs that a continuous action is made of in each of them.

    There is one choice of a regime, or several independent ones (leading axes: choices). What is
    drawn is the index of each choice's regime. The transform makes an action of the weight of every
    regime, one for the drawn one and zero for the others, and of the outputs for all regimes; an
    estimator that relaxes the choice hands it weights between zero and one.
    """

    logits: Float[Array, "*choices regimes"]
    outputs: Float[Array, "*choices regimes outputs"]
    transform: Callable[
        [Float[Array, "*choices regimes"], Float[Array, "*choices regimes outputs"]], PyTree
    ]
    acting: Callable[
        [Float[Array, "*choices regimes"]], Float[Array, "*choices regimes #outputs"]
    ] = lambda weights: weights[..., None]
    """Weights of the regimes -> 1 where an output has a part in the action, 0 where it has none."""

    def weights(self, drawn: Int[Array, "*choices"]) -> Float[Array, "*choices regimes"]:
        """One for the drawn regimes, zero for the others."""
        return jax.nn.one_hot(drawn, self.logits.shape[-1], dtype=self.logits.dtype)

    def sample(self, key: PRNGKeyArray) -> Int[Array, "*choices"]:
        """Regimes drawn by their probability."""
        return jax.random.categorical(key, self.logits)

    def to_action(self, drawn: Int[Array, "*choices"]) -> PyTree:
        """The action in the drawn regimes."""
        return self.transform(self.weights(drawn), self.outputs)

    def mode(self) -> PyTree:
        """The action in the likeliest regimes."""
        return self.to_action(jnp.argmax(self.logits, axis=-1))

    def log_prob(self, drawn: Int[Array, "*choices"]) -> Float[Array, ""]:
        """Log probability of the drawn regimes; the action is certain once they are chosen."""
        log_probabilities = jax.nn.log_softmax(self.logits)
        chosen = jnp.take_along_axis(log_probabilities, drawn[..., None], axis=-1)
        return jnp.sum(chosen)

    def entropy(self) -> Float[Array, ""]:
        """Entropy of the regimes in nats."""
        log_probabilities = jax.nn.log_softmax(self.logits)
        return -jnp.sum(jnp.exp(log_probabilities) * log_probabilities)


class Drawn(NamedTuple):
    """Regimes, and the outputs of all regimes with noise on them."""

    regime: Int[Array, "*choices"]
    outputs: Float[Array, "*choices regimes outputs"]


class Hybrid(NamedTuple):
    """Discrete regimes, with normal noise on the outputs of each (PPO, REINFORCE)."""

    regimes: Categorical
    log_std: Float[Array, "*choices regimes outputs"]

    def sample(self, key: PRNGKeyArray) -> Drawn:
        """Regimes and noisy outputs."""
        of_regime, of_noise = jax.random.split(key)
        noise = jax.random.normal(of_noise, self.regimes.outputs.shape, self.regimes.outputs.dtype)
        outputs = self.regimes.outputs + jnp.exp(self.log_std) * noise
        return Drawn(self.regimes.sample(of_regime), outputs)

    def to_action(self, drawn: Drawn) -> PyTree:
        """The action made of the drawn outputs in the drawn regimes."""
        return self.regimes._replace(outputs=drawn.outputs).to_action(drawn.regime)

    def mode(self) -> PyTree:
        """The action in the likeliest regimes, without noise."""
        return self.regimes.mode()

    def log_prob(self, drawn: Drawn) -> Float[Array, ""]:
        """Log density of the drawn regimes and of the outputs that act in them; the others do
        nothing and are not scored."""
        density = norm.logpdf(drawn.outputs, self.regimes.outputs, jnp.exp(self.log_std))
        acting = self.regimes.acting(self.regimes.weights(drawn.regime))
        return self.regimes.log_prob(drawn.regime) + jnp.sum(acting * density)

    def entropy(self) -> Float[Array, ""]:
        """Entropy of the regimes in nats, without that of the noise."""
        return self.regimes.entropy()
