"""Numbers in a config: one for all, a list with one for each, or a range to draw from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag
from pydantic.dataclasses import dataclass

SCHEMA = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


@dataclass(frozen=True, config=SCHEMA)
class Range:
    """A parameter drawn uniformly from a range instead of given."""

    low: float
    """Lowest value."""
    high: float
    """Highest value (for whole numbers it is included)."""
    vary: Literal["location", "scenario", "both"] = "location"
    """One draw per location or edge for all scenarios, one per scenario, or one for each pair."""
    decimals: int | None = None
    """Round the draw to this many decimals; null keeps it as it is."""
    reference_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Null draws from the problem's key; a number reseeds NumPy's legacy generator with it, which
    reproduces the instance of the paper's public code to the digit. What varies between scenarios
    may have one with recorded sales only, where all splits share their costs."""

    def __post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError(f"high={self.high:g} is below low={self.low:g}; swap them")


def _kind_of_value(value: Any) -> str:
    if isinstance(value, Mapping | Range):
        return "range"
    return "list" if isinstance(value, list | tuple) else "number"


def numbers(value: Value) -> tuple[float, ...]:
    """The smallest set of numbers that bounds a value: its own, its list, or its range's ends."""
    if isinstance(value, Range):
        return (value.low, value.high)
    return value if isinstance(value, tuple) else (value,)


def _at_least_zero(value: Any) -> Any:
    if min(numbers(value)) < 0:
        raise ValueError(f"must not be negative but is {min(numbers(value)):g}; give 0 or more")
    return value


def _positive(value: Any) -> Any:
    given = numbers(value)
    if min(given) <= 0:
        place = (
            f"number {1 + given.index(min(given))} of {len(given)} "
            if isinstance(value, tuple)
            else ""
        )
        raise ValueError(f"must be positive but {place}is {min(given):g}; give more than 0")
    return value


MOST_COST = 1e9  # beside it single precision, with its seven digits, loses a cost of one


def _counts_in_single_precision(value: Any) -> Any:
    if max(numbers(value)) > MOST_COST:
        raise ValueError(
            f"must be at most {MOST_COST:g} but is {max(numbers(value)):g}; "
            "give costs in a larger unit"
        )
    return value


def _whole(value: Any) -> Any:
    for number in numbers(value):
        if number != int(number):
            raise ValueError(f"must be whole periods but is {number:g}; round it")
    return value


def _zero_or_one(value: Any) -> Any:
    for number in numbers(value):
        if number not in (0, 1):
            raise ValueError(f"must be 0 or 1 but is {number:g}; give one of them")
    return value


def _names_a_folder(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        raise ValueError(
            f"must name a folder but is {name!r}; use letters, digits, '_', '-' and '.', the last "
            "not in front"
        )
    return name


Name = Annotated[str, AfterValidator(_names_a_folder)]
Value = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[tuple[float, ...], Field(min_length=1), Tag("list")]
    | Annotated[Range, Tag("range")],
    Discriminator(_kind_of_value),
]
"""A number for all, a list with one for each, or a range to draw from."""
Cost = Annotated[Value, AfterValidator(_at_least_zero), AfterValidator(_counts_in_single_precision)]
OneCost = Annotated[
    float, AfterValidator(_at_least_zero), AfterValidator(_counts_in_single_precision)
]
LeadTime = Annotated[Value, AfterValidator(_at_least_zero), AfterValidator(_whole)]
Presence = Annotated[Value, AfterValidator(_zero_or_one)]
Positive = Annotated[Value, AfterValidator(_positive)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
