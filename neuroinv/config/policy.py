"""Schema of the policies."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.values import SCHEMA, Count


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


@dataclass(frozen=True, config=SCHEMA)
class EchelonStockConfig:
    """Order the stock of a location and all downstream of it up to a level."""

    kind: Literal["echelon_stock"]
    """Which policy."""
    initial_cover: Annotated[float, Field(gt=0)] = 1.0
    """First increment of each level over those downstream, as a multiple of typical demand over the
    lead time plus one period."""


@dataclass(frozen=True, config=SCHEMA)
class EconomicReorderConfig:
    """(s, S) for fixed costs: what to order, and when, as multiples of economic order quantities
    and typical demand; to be searched by cross_entropy."""

    kind: Literal["economic_reorder"]
    """Which policy."""
    initial_cover: Annotated[float, Field(gt=0)] = 1.0
    """First reorder level, as a multiple of typical demand over the lead time plus one period."""
    initial_batch: Annotated[float, Field(gt=0)] = 1.0
    """First distance of the order-up-to level from it, as a multiple of the economic order
    quantity."""
    initial_worth: Annotated[float, Field(gt=0)] = 0.5
    """Where sales are lost: what an item must earn to be ordered at all, first as a multiple of
    what economic orders cost."""


@dataclass(frozen=True, config=SCHEMA)
class WaterFillingConfig:
    """A cross-dock that ships so that all its stores are equally safe."""

    kind: Literal["water_filling"]
    """Which policy."""


Feature = Literal[
    "inventory",
    "past_demand",
    "calendar",
    "costs",
    "lead_times",
    "demand_scale",
    "demand_spread",
]
Activation = Literal["relu", "tanh", "elu", "silu"]
Orders = Literal["quantity", "up_to"]
Choice = Literal["joint", "per_edge"]
RegulatorPart = Literal["direction", "squares", "time_left", "gains"]
Start = Literal["economic", "none"]


@dataclass(frozen=True, config=SCHEMA)
class MLPConfig:
    """A multilayer perceptron on all that is observed, with orders feasible by construction."""

    kind: Literal["mlp"]
    """Which policy."""
    hidden: tuple[Count, ...] = (32, 32, 32)
    """Width of each hidden layer."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    observes: Annotated[tuple[Feature, ...], Field(min_length=1)] = ("inventory",)
    """What the network reads."""
    scale: Literal["demand", "none"] = "demand"
    """demand divides quantities by each location's typical demand and multiplies orders by it;
    none reads and orders raw units."""
    orders: Orders = "up_to"
    """quantity reads an order off the net; up_to reads a level off it, and orders what lifts the
    echelon's inventory position to that level."""
    allocation: Literal["proportional", "softmax"] = "proportional"
    """How stock of a location is shared: in proportion to what is wanted, where that is more than
    there is; by a softmax in every period, of which the location may keep a part."""

    def __post_init__(self) -> None:
        if self.scale == "none" and self.orders == "up_to":
            raise ValueError(
                "orders=up_to counts in periods of typical demand, which scale=none leaves out; "
                "set orders=quantity"
            )


@dataclass(frozen=True, config=SCHEMA)
class HybridConfig:
    """A net that chooses a regime, and one that says what to do in each; for costs that jump."""

    kind: Literal["hybrid"]
    """Which policy."""
    hidden: tuple[Count, ...] = (64, 64)
    """Width of each hidden layer of either net."""
    activation: Activation = "tanh"
    """Activation of the hidden layers."""
    nets: Literal["separate", "shared", "factored"] = "separate"
    """separate nets share no variable; shared ones share all hidden layers; factored uses one net
    for the actions of all regimes, which reads the regime."""
    choice: Choice = "joint"
    """joint chooses one regime for all edges whose costs jump; per_edge one for each."""
    observes: Annotated[tuple[Feature, ...], Field(min_length=1)] = ("inventory",)
    """What the nets read of an inventory network."""
    overall_cover: bool = True
    """Whether they also read what triggers a joint order: how many periods of demand stock lasts
    beyond those it must, on average over locations and where it is least."""
    orders: Orders = "up_to"
    """quantity reads an order off the net; up_to reads a level off it, and orders what lifts the
    echelon's inventory position to that level."""
    start: Start = "economic"
    """economic starts from orders of the economic order quantity; none from orders at random."""
    regulator: tuple[RegulatorPart, ...] = get_args(RegulatorPart)
    """What the nets of a switched regulator have beside its state. direction: they read the state
    in multiples of its size, and control in such multiples; squares: they read squares of it too;
    time_left: they read the share of the episode that is left; gains: every mode has a linear
    control beside the net's."""


@dataclass(frozen=True, config=SCHEMA)
class GNNConfig:
    """A graph neural network whose weights fit any network."""

    kind: Literal["gnn"]
    """Which policy."""
    width: Count = 32
    """Numbers kept for each node and edge."""
    hidden: tuple[Count, ...] = (32,)
    """Width of each hidden layer of the nets that update them."""
    rounds: Count = 1
    """How often nodes and edges hear of their neighbours. The paper takes one round per location
    above the store in series and two for several warehouses; here every node reads the position of
    its echelon from the start, and one goes far."""
    aggregation: Literal["root", "mean"] = "root"
    """What a node hears of its edges: their sum over the root of their number, as in the paper, or
    their mean, with which a net that was trained on few stores serves many."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    observes: Annotated[tuple[Feature, ...], Field(min_length=1)] = (
        "inventory",
        "costs",
        "lead_times",
        "demand_spread",
    )
    """What the network reads."""
    orders: Orders = "up_to"
    """quantity reads an order off the net; up_to reads a level off it, and orders what lifts the
    echelon's inventory position to that level."""
    allocation: Literal["proportional", "softmax", "balanced"] = "proportional"
    """How stock of a location is shared. Where more is wanted than there is: in proportion to what
    is wanted, the only way where costs jump with the size of an order; or balanced, so that all who
    get something are left the same height short of what they want, in units that the net chooses
    (water filling, Federgruen and Zipkin 1984). By a softmax in every period, of which the location
    may keep a part."""
    choice: Choice = "joint"
    """Where costs jump with the size of an order: joint chooses one regime for all such edges;
    per_edge one for each."""
    start: Start = "economic"
    """Where costs jump: economic starts from orders of the economic order quantity; none from
    orders at random."""
    pipeline_slots: Count = 6
    """Into how many numbers a node's pipeline is read, whatever the lead times: what is due later
    counts to the last."""


@dataclass(frozen=True, config=SCHEMA)
class SymmetryAwareConfig:
    """One net shared by all stores, one by all warehouses, and a context that sums up the rest."""

    kind: Literal["symmetry_aware"]
    """Which policy."""
    context_hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (64,)
    """Width of each hidden layer of the context's nets; the last is also how much they say."""
    store_hidden: tuple[Count, ...] = (32, 32)
    """Width of each hidden layer of the net that orders for stores."""
    warehouse_hidden: tuple[Count, ...] = (16, 16)
    """Width of each hidden layer of the net that orders for warehouses."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    observes: Annotated[tuple[Feature, ...], Field(min_length=1)] = (
        "inventory",
        "costs",
        "lead_times",
        "demand_spread",
    )
    """What the nets read."""
    orders: Orders = "up_to"
    """quantity reads an order off the net; up_to reads a level off it, and orders what lifts the
    echelon's inventory position to that level."""
    pipeline_slots: Count = 6
    """Into how many numbers a node's pipeline is read, whatever the lead times: what is due later
    counts to the last."""


@dataclass(frozen=True, config=SCHEMA)
class ForecasterConfig:
    """A net that forecasts quantiles of demand over a lead time, trained before the policy is."""

    lead_times: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (4, 5, 6)
    """Lead times to forecast for, in periods."""
    hidden: tuple[Count, ...] = (128, 128)
    """Width of each hidden layer."""
    steps: Count = 2000
    """Updates of the forecaster."""
    batch: Count = 1024
    """Windows of sales per update."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """Adam's first learning rate; along a cosine it falls to a hundredth of it."""

    def __post_init__(self) -> None:
        for lead_time in self.lead_times:
            if self.lead_times.count(lead_time) > 1:
                raise ValueError(f"lead_times has {lead_time} more than once; name each once")


@dataclass(frozen=True, config=SCHEMA)
class QuantileNewsvendorConfig:
    """Order up to the forecast quantile at the critical ratio."""

    kind: Literal["quantile_newsvendor"]
    """Which policy."""
    forecaster: ForecasterConfig = ForecasterConfig()
    """What forecasts."""


@dataclass(frozen=True, config=SCHEMA)
class ReturnsNewsvendorConfig:
    """The quantile newsvendor that may also send stock back: not admissible, a reference."""

    kind: Literal["returns_newsvendor"]
    """Which policy."""
    forecaster: ForecasterConfig = ForecasterConfig()
    """What forecasts."""


@dataclass(frozen=True, config=SCHEMA)
class FixedQuantileConfig:
    """Order up to the forecast quantile of one trainable probability."""

    kind: Literal["fixed_quantile"]
    """Which policy."""
    forecaster: ForecasterConfig = ForecasterConfig()
    """What forecasts."""
    initial_probability: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """First probability."""


@dataclass(frozen=True, config=SCHEMA)
class TransformedNewsvendorConfig:
    """Order up to the forecast quantile of a probability that a net reads off the costs."""

    kind: Literal["transformed_newsvendor"]
    """Which policy."""
    forecaster: ForecasterConfig = ForecasterConfig()
    """What forecasts."""
    hidden: tuple[Count, ...] = (32, 32)
    """Width of each hidden layer of the net that corrects the critical ratio."""


@dataclass(frozen=True, config=SCHEMA)
class JustInTimeConfig:
    """Orders each unit so that it arrives when it is sold: a hindsight bound, not trainable."""

    kind: Literal["just_in_time"]
    """Which policy."""
    path: Literal["cheapest", "fastest"] = "cheapest"
    """Which path each customer is supplied along. Published profits are those of the cheapest, for
    several warehouses with all lead times to stores set to 1; the paper's public code takes the
    fastest."""


PolicyConfig = Annotated[
    BaseStockConfig
    | CappedBaseStockConfig
    | EchelonStockConfig
    | EconomicReorderConfig
    | WaterFillingConfig
    | MLPConfig
    | HybridConfig
    | GNNConfig
    | SymmetryAwareConfig
    | QuantileNewsvendorConfig
    | ReturnsNewsvendorConfig
    | FixedQuantileConfig
    | TransformedNewsvendorConfig
    | JustInTimeConfig,
    Field(discriminator="kind"),
]
