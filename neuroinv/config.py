"""The schema of a run: frozen dataclasses, checked as they are built, and their digest.

Hydra composes a plain mapping from `conf/`; `parse` turns it into a `Config` or raises one
InputError that names the field, its value and the remedy. Nothing here imports JAX.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from neuroinv.types import InputError

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
    reproduces the instance of the paper's public code to the digit."""

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
    if min(numbers(value)) <= 0:
        raise ValueError(f"must be positive but is {min(numbers(value)):g}; give more than 0")
    return value


def _whole(value: Any) -> Any:
    for number in numbers(value):
        if number != int(number):
            raise ValueError(f"must be whole periods but is {number:g}; round it")
    return value


_BRANCHES = {"number", "list", "range", "normal", "poisson", "geometric", "negative_binomial"}
_BRANCHES |= {"series", "base_stock", "capped_base_stock", "mlp", "just_in_time"}
Value = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[tuple[float, ...], Field(min_length=1), Tag("list")]
    | Annotated[Range, Tag("range")],
    Discriminator(_kind_of_value),
]
"""A number for all, a list with one for each, or a range to draw from."""
Cost = Annotated[Value, AfterValidator(_at_least_zero)]
LeadTime = Annotated[Value, AfterValidator(_at_least_zero), AfterValidator(_whole)]
Positive = Annotated[Value, AfterValidator(_positive)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=SCHEMA)
class NodeConfig:
    """A node of the network, or a group of equal ones."""

    kind: Literal["supply", "stocking", "demand"]
    """supply has no limit; stocking holds and ships; demand also meets customers' demand."""
    count: Count = 1
    """How many such nodes; a group of three named store becomes store_0, store_1, store_2."""
    holding_cost: Cost = 0.0
    """Per unit on hand at the end of a period."""
    underage_cost: Cost = 0.0
    """Per unit of unmet demand and period; with objective profit, the margin per unit sold."""
    holds_stock: bool = True
    """False where everything on hand is shipped on every period (a cross-dock)."""


@dataclass(frozen=True, config=SCHEMA)
class EdgeConfig:
    """A way goods can be ordered along: from every node of a group to every node of another."""

    source: str
    """Name of the node or group that ships."""
    destination: str
    """Name of the node or group that receives."""
    lead_time: LeadTime
    """Whole periods from order to use; 0 arrives before the same period's demand."""
    procurement_cost: Cost = 0.0
    """Per unit shipped along the edge."""


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
    """Standard deviation as a share of the mean, rounded to 3 decimals as in the paper's code."""
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


@dataclass(frozen=True, config=SCHEMA)
class ProblemConfig:
    """An inventory network: nodes, edges, demand, and how unmet demand and money are counted."""

    name: str
    """A short name, used in the name of the run directory."""
    nodes: dict[str, NodeConfig]
    """The nodes, by name."""
    edges: dict[str, EdgeConfig]
    """The edges, by a name of your choice."""
    demand: DemandConfig
    """Customers' demand at the demand nodes."""
    unmet_demand: Literal["lost", "backlogged"]
    """What happens to demand that stock on hand does not meet."""
    objective: Literal["cost", "profit"] = "cost"
    """cost: underage and holding cost; profit: margin of units sold less holding cost."""
    lead_time_bound: Annotated[int, Field(ge=0)] = 4
    """Longest lead time there may be; lead times up to it share one compiled program."""
    initial_inventory: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] = (0, 1)
    """Initial stock of demand nodes, on hand and in each pipeline position, is drawn between
    these multiples of mean demand."""
    whole_units: bool = False
    """Orders are rounded to whole units on dev and test scenarios; training stays continuous."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Root of the instance, dev and test branches of the key tree."""

    def __post_init__(self) -> None:
        low, high = self.initial_inventory
        if high < low:
            raise ValueError(f"initial_inventory goes from {low:g} down to {high:g}; swap them")
        if self.objective == "profit" and self.unmet_demand == "backlogged":
            raise ValueError(
                "objective is profit while unmet_demand is backlogged, but only units sold at once "
                "earn a margin; choose lost, or objective cost"
            )
        if self.whole_units and self.unmet_demand == "backlogged" and high > 0:
            raise ValueError(
                "whole_units is true but the initial stock is a fraction, which backlogging keeps "
                "for ever; set initial_inventory to [0, 0]"
            )


@dataclass(frozen=True, config=SCHEMA)
class BaseStockConfig:
    """Order up to a level: trainable periods of cover times typical demand."""

    kind: Literal["base_stock"]
    """Which policy."""
    initial_cover: Annotated[float, Field(gt=0)] = 1.0
    """First level, as a multiple of typical demand over the lead time plus one period."""


@dataclass(frozen=True, config=SCHEMA)
class CappedBaseStockConfig:
    """Order up to a level but never more than a cap."""

    kind: Literal["capped_base_stock"]
    """Which policy."""
    initial_cover: Annotated[float, Field(gt=0)] = 1.0
    """First level, as a multiple of typical demand over the lead time plus one period."""
    initial_cap: Annotated[float, Field(gt=0)] = 1.5
    """First cap on an order, as a multiple of typical demand per period."""


Feature = Literal["inventory", "past_demand", "calendar", "costs", "lead_times", "demand_scale"]


@dataclass(frozen=True, config=SCHEMA)
class MLPConfig:
    """A multilayer perceptron on all that is observed, with orders feasible by construction."""

    kind: Literal["mlp"]
    """Which policy."""
    hidden: tuple[Count, ...] = (32, 32, 32)
    """Width of each hidden layer."""
    activation: Literal["relu", "tanh", "elu", "silu"] = "relu"
    """Activation of the hidden layers."""
    observes: Annotated[tuple[Feature, ...], Field(min_length=1)] = ("inventory",)
    """What the network reads."""
    scale: Literal["demand", "none"] = "demand"
    """demand divides quantities by each location's typical demand and multiplies orders by it;
    none reads and orders raw units."""
    allocation: Literal["proportional", "softmax"] = "proportional"
    """How stock of a location is shared when more is wanted than there is."""


@dataclass(frozen=True, config=SCHEMA)
class JustInTimeConfig:
    """Orders each unit so that it arrives when it is sold: a hindsight bound, not trainable."""

    kind: Literal["just_in_time"]
    """Which policy."""


PolicyConfig = Annotated[
    BaseStockConfig | CappedBaseStockConfig | MLPConfig | JustInTimeConfig,
    Field(discriminator="kind"),
]


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


@dataclass(frozen=True, config=SCHEMA)
class SplitConfig:
    """How many scenarios, for how long."""

    scenarios: Count | None
    """Number of scenarios; null takes every recorded series."""
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
    """Number of seeds trained in one program: seed, seed + 1, ..."""
    seed_chunk: Count = 8
    """Seeds vectorised at a time; chunks run one after another and bound the memory."""
    steps: Count = 1000
    """Updates, at most."""
    batch: Count = 256
    """Scenarios per update."""
    steps_between_dev: Count = 100
    """Updates between two measurements on the dev scenarios."""
    patience: Count = 1000
    """A seed stops after this many updates without a better dev cost."""
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


@dataclass(frozen=True, config=SCHEMA)
class Config:
    """Everything that defines a run."""

    problem: ProblemConfig
    """What is to be optimised."""
    policy: PolicyConfig
    """What decides."""
    algorithm: HDPOConfig
    """What trains the policy."""
    training: TrainingConfig
    """How long, on what."""
    logger: LoggerConfig
    """How progress is shown."""
    comparisons: tuple[PolicyConfig, ...] = ()
    """Other policies to train in the same way, each in a run of its own, and list beside this."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """First seed of training; see neuroinv.keys for what hangs on it."""
    results: str = "results/runs"
    """Folder that run directories are made in."""


def parse(mapping: Mapping[str, Any]) -> Config:
    """The checked config of a plain mapping. Raises InputError with one sentence."""
    try:
        return TypeAdapter(Config).validate_python(dict(mapping))
    except ValidationError as error:
        raise InputError(_sentence(error)) from None


def to_mapping(config: Config) -> dict[str, Any]:
    """The plain mapping that `parse` turns back into the same config."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def digest(config: Config) -> str:
    """Twelve hexadecimal digits that name a run, wherever it is kept and however it is shown."""
    mapping = to_mapping(config)
    del mapping["logger"], mapping["results"], mapping["training"]["checkpoint_seconds"]
    return hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()[:12]


MOST_LISTED = 12


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known: the closest one there is, or all of them."""
    close = difflib.get_close_matches(name, known := sorted(known), n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    listed = f"choose from {', '.join(known)}"
    return listed if len(known) <= MOST_LISTED else "see neuroinv train --help for all keys"


def schemas() -> dict[str, Any]:
    """Every dataclass of the schema, by name."""
    return {
        name: item
        for name, item in globals().items()
        if dataclasses.is_dataclass(item) and item.__module__ == __name__
    }


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    # Pydantic names the branch of a union it took after the field; a user never wrote it.
    path = [str(part) for part in first["loc"]]
    shown = [
        part
        for before, part in zip(["", *path], path, strict=False)
        if part not in _BRANCHES or before in ("", "nodes", "edges")
    ]
    field = ".".join(shown)
    match first["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            known = {f.name for schema in schemas().values() for f in dataclasses.fields(schema)}
            return f"{field} is not a key of the config; {nearest(shown[-1], known)}"
        case "missing" | "missing_argument":
            return f"{field} is missing; give it a value"
        case "value_error":
            message = first["msg"].removeprefix("Value error, ")
            return f"{field} {message}" if message.startswith("must") else f"{field}: {message}"
        case "union_tag_invalid":
            tag = first["ctx"]["discriminator"].strip("'")
            expected = first["ctx"]["expected_tags"].replace("'", "")
            return f"{field}.{tag} is '{first['ctx']['tag']}'; choose from {expected}"
        case _:
            reason = first["msg"][0].lower() + first["msg"][1:]
            return f"{field} is {first['input']!r}; {reason.replace('input should', 'it should')}"
