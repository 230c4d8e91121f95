"""Schema of customers' demand: a distribution, or recorded sales."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.values import SCHEMA, Count, Fraction, Positive


@dataclass(frozen=True, config=SCHEMA)
class NormalDemand:
    """Normal demand, equally correlated between locations."""

    distribution: Literal["normal"]
    """Which distribution."""
    mean: Positive
    """Mean per period, before clipping."""
    std: Positive | None = None
    """Standard deviation per period; give this or coefficient_of_variation."""
    coefficient_of_variation: Positive | None = None
    """Standard deviation as a share of the mean; of a range with a reference_seed the product is
    rounded to 3 decimals, as in the paper's code."""
    correlation: Fraction = 0.0
    """Correlation of demand between any two locations."""
    clipped: bool = True
    """True clips negative demand to zero; false keeps it (returns)."""

    def __post_init__(self) -> None:
        if (self.std is None) == (self.coefficient_of_variation is None):
            raise ValueError("needs either std or coefficient_of_variation; give exactly one")


@dataclass(frozen=True, config=SCHEMA)
class PoissonDemand:
    """Poisson demand."""

    distribution: Literal["poisson"]
    """Which distribution."""
    mean: Positive
    """Mean per period."""


@dataclass(frozen=True, config=SCHEMA)
class GeometricDemand:
    """Geometric demand on 0, 1, 2, ..."""

    distribution: Literal["geometric"]
    """Which distribution."""
    mean: Positive
    """Mean per period."""


@dataclass(frozen=True, config=SCHEMA)
class NegativeBinomialDemand:
    """Negative binomial demand on 0, 1, 2, ..."""

    distribution: Literal["negative_binomial"]
    """Which distribution."""
    mean: Positive
    """Mean per period."""
    variance: Positive
    """Variance per period; above the mean."""


@dataclass(frozen=True, config=SCHEMA)
class TableColumns:
    """Names of the columns of a sales table."""

    date: str = "date"
    """First day of the period."""
    item: str = "item"
    """What was sold."""
    location: str = "location"
    """Where it was sold."""
    quantity: str = "quantity"
    """Units sold in the period."""


PeriodRange = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]]


@dataclass(frozen=True, config=SCHEMA)
class SeriesDemand:
    """Recorded sales, replayed: one scenario per item and location (one store) or per item."""

    distribution: Literal["series"]
    """Which distribution."""
    path: str
    """Parquet or CSV file: one row per date, item and location."""
    train: PeriodRange
    """Periods of the table used in training, from the first up to but without the last."""
    dev: PeriodRange
    """Periods used to choose the best variables."""
    test: PeriodRange
    """Periods scored once."""
    columns: TableColumns = dataclasses.field(default_factory=TableColumns)
    """Names of the table's columns."""
    locations: Annotated[tuple[str | int, ...], Field(min_length=1)] | None = None
    """Which locations of the table, in the order of the demand nodes; null is all of them, in the
    order of their names, numbers by size."""
    returns: Literal["keep", "clip"] = "clip"
    """Negative quantities are net returns: keep them as negative demand or clip them to zero."""
    past_periods: Count = 16
    """How many past periods a policy sees; the first of every split serve as its history."""
    calendar: Annotated[tuple[Literal["days_from_christmas"], ...], Field(min_length=1)] = (
        "days_from_christmas",
    )
    """Calendar features a policy sees, computed from the dates."""

    def __post_init__(self) -> None:
        for name in ("train", "dev", "test"):
            start, stop = getattr(self, name)
            if stop - start <= self.past_periods:
                raise ValueError(
                    f"{name} covers periods {start} to {stop}, no more than its history of "
                    f"past_periods={self.past_periods}; widen it"
                )


DemandConfig = Annotated[
    NormalDemand | PoissonDemand | GeometricDemand | NegativeBinomialDemand | SeriesDemand,
    Field(discriminator="distribution"),
]
