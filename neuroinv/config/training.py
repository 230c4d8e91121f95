"""Schema of how long and on what a policy trains, and of how progress is shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.values import SCHEMA, Count


@dataclass(frozen=True, config=SCHEMA)
class SplitConfig:
    """How many scenarios, for how long."""

    scenarios: Count | None
    """Number of scenarios; null takes every recorded series, a number the first by item, then by
    location."""
    periods: Count | None
    """Periods simulated; null takes all that the split of the table has."""
    burn_in: Annotated[int, Field(ge=0)]
    """First periods, simulated but not counted."""

    def __post_init__(self) -> None:
        if self.periods is not None and self.burn_in >= self.periods:
            raise ValueError(
                f"burn_in={self.burn_in} leaves none of the {self.periods} periods to count; "
                "lower it"
            )


@dataclass(frozen=True, config=SCHEMA)
class TrainingConfig:
    """How long, on what, and how often it is measured."""

    train: SplitConfig
    """Training scenarios; every seed draws its own."""
    dev: SplitConfig
    """Scenarios on which the best variables are chosen."""
    test: SplitConfig
    """Scenarios on which the best variables are scored, once."""
    seeds: Count = 1
    """Number of seeds trained, one program for all: seed, seed + 1, ..."""
    seed_chunk: Count = 8
    """Seeds vectorised at a time; chunks run one after another and bound the memory."""
    steps: Count = 1000
    """Updates, at most."""
    batch: Count = 128
    """Scenarios per update."""
    steps_between_dev: Count = 100
    """Updates between two measurements on the dev scenarios."""
    patience: Count = 1000
    """A seed stops after this many updates without a better dev cost."""
    start_from: str | None = None
    """Run directory whose best variables training starts from; of as many seeds, on any problem
    that its policy fits. They count as the best until others cost less on the dev scenarios."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 20.0
    """Least time between two checkpoints; the last state is always kept."""

    def __post_init__(self) -> None:
        if self.seeds > self.seed_chunk and self.seeds % self.seed_chunk:
            raise ValueError(
                f"seeds={self.seeds} is no multiple of seed_chunk={self.seed_chunk}; change one"
            )
        if self.steps % self.steps_between_dev:
            raise ValueError(
                f"steps={self.steps} is no multiple of steps_between_dev="
                f"{self.steps_between_dev}; change one"
            )
        if self.train.scenarios is not None and self.batch > self.train.scenarios:
            raise ValueError(
                f"batch={self.batch} is more than the train.scenarios={self.train.scenarios} "
                "there are; lower it"
            )


@dataclass(frozen=True, config=SCHEMA)
class LoggerConfig:
    """How progress is shown; metrics are always kept in the run directory."""

    progress: bool = True
    """Show a live progress line."""
    tensorboard: bool = False
    """Also write TensorBoard events (needs the package tensorboardX)."""
