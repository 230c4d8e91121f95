"""What algorithms do alike: step with Adam along a cosine, and act greedily."""

from __future__ import annotations

from collections.abc import Callable

import optax
from jaxtyping import PyTree

from neuroinv.config import (
    HDPOConfig,
    HPOConfig,
    LearnedCriticConfig,
    PPOConfig,
    ReinforceConfig,
    RelaxedConfig,
)
from neuroinv.types import Policy

ByGradient = (
    HDPOConfig | HPOConfig | LearnedCriticConfig | PPOConfig | ReinforceConfig | RelaxedConfig
)


def decaying_adam(
    config: ByGradient, updates: int, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Adam on gradients of at most `clip_norm`, its rate falling along a cosine to the share
    `final_learning_rate` of the first after so many updates."""
    schedule = optax.cosine_decay_schedule(
        config.learning_rate, updates, config.final_learning_rate
    )
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(schedule, eps=eps))


def likeliest(policy: Policy) -> Callable[[PyTree], Callable[[PyTree], PyTree]]:
    """variables -> the greedy policy, which takes the likeliest action of every decision."""
    return lambda variables: lambda observation: policy.apply(variables, observation).mode()
