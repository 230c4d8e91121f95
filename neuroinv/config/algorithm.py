"""Schema of the algorithms that train a policy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.values import SCHEMA, Fraction


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
