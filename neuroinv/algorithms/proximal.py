"""Further updates from one batch: the score with a clipped ratio (PPO, Schulman et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.config import HPOConfig, PPOConfig
from neuroinv.gradients import Periods
from neuroinv.rollout import Sampled
from neuroinv.types import InputError

Score = Callable[[PyTree, PyTree, PyTree], tuple[Float[Array, ""], Float[Array, ""]]]
"""(trained variables, observation, what was drawn) -> its log probability, and the entropy."""


class Proximal(NamedTuple):
    """How a batch is used again."""

    epochs: int
    minibatches: int
    clip_ratio: float
    most_divergence: float


def check_minibatches(minibatches: int, decisions: int) -> None:
    """Raise InputError where a batch cannot be divided into so many parts."""
    if minibatches > decisions:
        raise InputError(
            f"algorithm.minibatches is {minibatches} but a batch has {decisions} decisions; "
            "lower it"
        )


class Rows(NamedTuple):
    """Decisions of a batch, of all scenarios and periods in one axis."""

    observation: PyTree
    drawn: PyTree
    log_prob: Float[Array, " rows"]
    advantage: Float[Array, " rows"]


def trained_periods(config: HPOConfig | PPOConfig, periods: int) -> slice:
    """Those whose decisions are trained. Raises InputError where none is left."""
    trained = slice(config.first_decisions, periods - config.last_decisions)
    if trained.stop <= trained.start:
        raise InputError(
            f"algorithm.first_decisions is {config.first_decisions} and "
            f"algorithm.last_decisions is {config.last_decisions}, which leaves none of "
            f"{periods} periods to train; lower one"
        )
    return trained


def rows_of(sampled: Sampled, advantage: Periods, trained: slice) -> Rows:
    """The decisions of the trained periods, with advantages in standard deviations."""
    kept = (
        sampled.observation,
        sampled.drawn,
        sampled.log_prob,
        standardised(advantage[:, trained]),
    )
    first = jax.tree.map(lambda leaf: leaf[:, trained], kept[:3])
    # Not -1: what is observed may be empty, such as a history of no periods.
    count = kept[3].size
    flat = jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), (*first, kept[3]))
    return Rows(*jax.lax.stop_gradient(flat))


def standardised(advantage: Periods) -> Periods:
    """Less the mean, over the standard deviation of all."""
    return (advantage - jnp.mean(advantage)) / (jnp.std(advantage) + 1e-8)


def proximal_updates(
    score: Score,
    optimizer: optax.GradientTransformation,
    trained: PyTree,
    optimizer_state: PyTree,
    rows: Rows,
    key: PRNGKeyArray,
    how: Proximal,
    entropy_weight: Float[Array, ""] | float,
) -> tuple[PyTree, PyTree, dict[str, Scalar]]:
    """Trained variables and optimiser state after all epochs, or where on a minibatch a policy is
    farther from the old one than it may be. What does not divide into minibatches sits an epoch
    out. Divergence and gradient norm are the largest of all minibatches.

    Raises InputError for more minibatches than decisions.
    """
    check_minibatches(how.minibatches, len(rows.log_prob))
    count = len(rows.log_prob) // how.minibatches

    def loss(trained: PyTree, part: Rows) -> tuple[Scalar, Scalar]:
        log_prob, entropy = jax.vmap(score, (None, 0, 0))(trained, part.observation, part.drawn)
        log_ratio = jnp.clip(log_prob - part.log_prob, -20.0, 20.0)
        ratio = jnp.exp(log_ratio)
        clipped = jnp.clip(ratio, 1 - how.clip_ratio, 1 + how.clip_ratio)
        # Costs are minimised, so the larger of the two is the pessimistic one.
        worst = jnp.maximum(ratio * part.advantage, clipped * part.advantage)
        divergence = jnp.mean(ratio - 1 - log_ratio)
        return jnp.mean(worst) - entropy_weight * jnp.mean(entropy), divergence

    def step(carried: tuple[PyTree, PyTree, Bool[Array, ""]], part: Rows) -> Any:
        trained, state, over = carried
        (_, divergence), gradient = jax.value_and_grad(loss, has_aux=True)(trained, part)
        norm = optax.tree.norm(gradient)
        over |= divergence > how.most_divergence
        change, following = optimizer.update(gradient, state)
        moved = optax.apply_updates(trained, change), following
        kept = jax.tree.map(lambda new, old: jnp.where(over, old, new), moved, (trained, state))
        return (*kept, over), (divergence, norm)

    def epoch(carried: Any, key: PRNGKeyArray) -> Any:
        order = jax.random.permutation(key, len(rows.log_prob))[: count * how.minibatches]
        parts = jax.tree.map(
            lambda leaf: leaf[order].reshape(how.minibatches, count, *leaf.shape[1:]), rows
        )
        return jax.lax.scan(step, carried, parts)

    start = (trained, optimizer_state, jnp.bool_(False))
    (trained, optimizer_state, over), (divergence, norm) = jax.lax.scan(
        epoch, start, jax.random.split(key, how.epochs)
    )
    metrics = {
        "divergence": jnp.max(divergence),
        "stopped_early": over.astype(jnp.float32),
        "gradient_norm": jnp.max(norm),
    }
    return trained, optimizer_state, metrics
