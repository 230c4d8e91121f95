"""Decisions: what a policy returns. Each knows `sample`, `mode`, `log_prob` and `entropy`.

A decision may be deterministic, Gaussian, or a discrete regime with one continuous candidate per
regime. Gradient estimators ask for the log-probability; a greedy policy asks for the mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree


class Deterministic(NamedTuple):
    """One action, taken for certain."""

    action: PyTree

    def sample(self, key: PRNGKeyArray) -> PyTree:
        """The action; the key is not used."""
        del key
        return self.action

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
    """Independent normal actions."""

    mean: Float[Array, " action"]
    log_std: Float[Array, " action"]

    def sample(self, key: PRNGKeyArray) -> Float[Array, " action"]:
        """A draw, differentiable in mean and standard deviation."""
        return self.mean + jnp.exp(self.log_std) * jax.random.normal(key, self.mean.shape)

    def mode(self) -> Float[Array, " action"]:
        """The mean."""
        return self.mean

    def log_prob(self, action: Float[Array, " action"]) -> Float[Array, ""]:
        """Log density of `action`."""
        return jnp.sum(jax.scipy.stats.norm.logpdf(action, self.mean, jnp.exp(self.log_std)))

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats."""
        return jnp.sum(self.log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e))


class HybridAction(NamedTuple):
    """A regime and the continuous action taken in it."""

    regime: Int[Array, ""]
    quantity: PyTree


class Categorical(NamedTuple):
    """A discrete regime, and one continuous candidate for each (leading axis: regimes)."""

    logits: Float[Array, " regimes"]
    candidates: PyTree

    def _choose(self, regime: Int[Array, ""]) -> HybridAction:
        return HybridAction(regime, jax.tree.map(lambda leaf: leaf[regime], self.candidates))

    def sample(self, key: PRNGKeyArray) -> HybridAction:
        """A regime drawn by its probability, with its candidate."""
        return self._choose(jax.random.categorical(key, self.logits))

    def mode(self) -> HybridAction:
        """The likeliest regime, with its candidate."""
        return self._choose(jnp.argmax(self.logits))

    def log_prob(self, action: HybridAction) -> Float[Array, ""]:
        """Log probability of the regime; the candidate is certain once the regime is chosen."""
        return jax.nn.log_softmax(self.logits)[action.regime]

    def entropy(self) -> Float[Array, ""]:
        """Entropy of the regime in nats."""
        log_probabilities = jax.nn.log_softmax(self.logits)
        return -jnp.sum(jnp.exp(log_probabilities) * log_probabilities)


Decision = Deterministic | Transformed | Gaussian | Categorical
