"""Schema of the switched linear-quadratic regulator."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.values import SCHEMA, Count, Name

DRAWN = (
    "dimension",
    "modes",
    "instability",
    "coupling",
    "high",
    "low",
    "control_cost",
    "matrices_seed",
)
"""What the random instance is drawn from."""


@dataclass(frozen=True, config=SCHEMA)
class SwitchedLQRConfig:
    """A linear system with quadratic costs that may switch between modes in every period."""

    kind: Literal["switched_lqr"]
    """Which kind of problem."""
    name: Name
    """A short name, used in the name of the run directory: letters, digits, '_', '-' and '.'."""
    instance: Literal["random", "two_states"] = "random"
    """random draws the dynamics, and gives every mode a group of coordinates to move well;
    two_states is the textbook example of Zhang, Hu and Abate (2012)."""
    dimension: Count = 10
    """Coordinates of the state, each with a control of its own (random instance)."""
    modes: Count = 2
    """Modes to choose from (random instance)."""
    instability: float = 1.10
    """What a coordinate by itself is multiplied by in a period (random instance)."""
    coupling: float = 0.05
    """Largest share of a coordinate that is added to another one (random instance)."""
    high: float = 1.0
    """What a unit of control adds to a coordinate of the mode's group (random instance)."""
    low: float = 0.15
    """What it adds to the others (random instance)."""
    control_cost: Annotated[float, Field(gt=0)] = 0.1
    """Per squared unit of control (random instance)."""
    initial_bound: Annotated[float, Field(gt=0)] = 10.0
    """First states are uniform between plus and minus this, over the root of the dimension."""
    matrices_seed: Annotated[int, Field(ge=0)] = 0
    """Of the drawn dynamics."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Root of the dev and test branches of the key tree."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if self.instance != "random" and field.name in DRAWN and value != field.default:
                raise ValueError(
                    f"{field.name} is {value}, but instance is {self.instance}, whose matrices are "
                    f"given; leave {field.name} out, or use instance=random"
                )
