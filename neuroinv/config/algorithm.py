"""Schema of the algorithms that train a policy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.values import SCHEMA, Count, Fraction


@dataclass(frozen=True, config=SCHEMA)
class HDPOConfig:
    """Hindsight differentiable policy optimisation: pathwise gradients and Adam."""

    kind: Literal["hdpo"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """Adam's first learning rate."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    weighting: Literal["equal", "inverse_scale"] = "equal"
    """equal counts every unit of cost alike; inverse_scale divides a scenario's cost by its typical
    demand, so that scenarios count alike."""


Baseline = Literal["none", "batch_mean", "learned_value"]


@dataclass(frozen=True, config=SCHEMA)
class ReinforceConfig:
    """The score function with normal noise on a policy's outputs, and Adam."""

    kind: Literal["reinforce"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's first learning rate."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    baseline: Baseline = "batch_mean"
    """What the cost to go is compared with: nothing; its mean over the other scenarios of the
    batch; or that mean corrected by a network that reads the observation."""
    std: Annotated[float, Field(gt=0)] = 0.5
    """First standard deviation of the noise, in units of the outputs (not yet orders)."""
    std_trained: bool = True
    """True trains the standard deviation of every output; false keeps it."""
    value_hidden: tuple[Count, ...] = (32, 32)
    """Width of each hidden layer of the learned value."""
    value_learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's learning rate for the learned value."""


@dataclass(frozen=True, config=SCHEMA)
class CrossEntropyConfig:
    """The cross-entropy method: a search without derivatives, for policies of few variables."""

    kind: Literal["cross_entropy"]
    """Which algorithm."""
    candidates: Count = 32
    """Variables tried per update, each on the whole batch."""
    kept: Count = 8
    """The best of them, to whose mean the variables move."""
    initial_std: Annotated[float, Field(gt=0)] = 0.5
    """First standard deviation of the candidates, in units of the variables."""
    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.5
    """How far an update moves the standard deviation to that of the best."""

    def __post_init__(self) -> None:
        if self.kept >= self.candidates:
            raise ValueError(
                f"kept={self.kept} are not fewer than candidates={self.candidates}; lower it"
            )


AlgorithmConfig = Annotated[
    HDPOConfig | ReinforceConfig | CrossEntropyConfig, Field(discriminator="kind")
]
