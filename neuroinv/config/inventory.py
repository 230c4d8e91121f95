"""Schema of an inventory network."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.demand import DemandConfig
from neuroinv.config.values import (
    MOST_COST,
    SCHEMA,
    Cost,
    Count,
    LeadTime,
    Name,
    OneCost,
    Presence,
    numbers,
)


@dataclass(frozen=True, config=SCHEMA)
class NodeConfig:
    """A node of the network, or a group of equal ones."""

    kind: Literal["supply", "stocking", "demand"]
    """supply has no limit; stocking holds and ships; demand also meets customers' demand."""
    count: Count = 1
    """How many such nodes; a group of three named store becomes store_0, store_1, store_2."""
    holding_cost: Cost = 0.0
    """Per unit on hand at the end of a period."""
    underage_cost: Cost | None = None
    """Per unit of unmet demand and period; with objective profit, the margin per unit sold. Every
    demand node has one."""
    holds_stock: bool = True
    """False where everything on hand is shipped on every period (a cross-dock)."""
    present: Presence = 1.0
    """1 where a demand node is there, 0 where it only fills up the graph: without customers, unseen
    by graph networks. A range from 0 to 1 with vary=both makes every scenario another graph."""

    def __post_init__(self) -> None:
        if self.underage_cost is None:
            if self.kind == "demand":
                raise ValueError(
                    "underage_cost is missing; give what a unit of unmet demand costs, or with "
                    "objective profit what a unit sold earns"
                )
            object.__setattr__(self, "underage_cost", 0.0)
        for name, default, kinds in (
            ("holding_cost", 0, ("stocking", "demand")),
            ("underage_cost", 0, ("demand",)),
            ("holds_stock", True, ("stocking",)),
            ("present", 1, ("demand",)),
        ):
            value = getattr(self, name)
            if value != default and self.kind not in kinds:
                raise ValueError(
                    f"{name} is of no effect on a {self.kind} node; remove it, or give it for "
                    f"nodes of kind {' or '.join(kinds)}"
                )


@dataclass(frozen=True, config=SCHEMA)
class StepsConfig:
    """Something that jumps with the size of an order."""

    breakpoints: tuple[Annotated[float, Field(gt=0)], ...]
    """Sizes at which it jumps, increasing; an order of just that size counts as the larger."""
    values: tuple[float, ...]
    """Its value below the first breakpoint, between each two, and above the last."""

    def __post_init__(self) -> None:
        if not self.breakpoints:
            raise ValueError(
                "breakpoints are empty, so nothing jumps with the size; give one or more, or the "
                "value on the edge itself"
            )
        if len(self.values) != len(self.breakpoints) + 1:
            raise ValueError(
                f"{len(self.breakpoints)} breakpoints divide sizes into "
                f"{len(self.breakpoints) + 1} regimes but there are {len(self.values)} values; "
                "give one value for each"
            )
        for one, other in itertools.pairwise(self.breakpoints):
            if other <= one:
                raise ValueError(
                    f"breakpoints go from {one:g} to {other:g}, and no order lies between; "
                    "give each once, in increasing order"
                )


@dataclass(frozen=True, config=SCHEMA)
class OrderSizesConfig:
    """What depends on the size of an order on an edge."""

    least: Annotated[float, Field(ge=0)] = 0.0
    """Smallest order there may be, other than none."""
    most: Annotated[float, Field(gt=0)] | None = None
    """Largest order there may be; null for no limit."""
    fixed_cost: StepsConfig | None = None
    """Per order, on top of the edge's own fixed cost."""
    procurement_cost: StepsConfig | None = None
    """Per unit of the whole order, on top of the edge's own; negative for a discount."""
    lead_time: StepsConfig | None = None
    """Whole periods from order to use, instead of the edge's own."""

    def __post_init__(self) -> None:
        if self.most is not None and self.most <= self.least:
            raise ValueError(
                f"most={self.most:g} is not above least={self.least:g}; raise it, or lower least"
            )
        for name in ("fixed_cost", "procurement_cost", "lead_time"):
            steps = getattr(self, name)
            for point in () if steps is None else steps.breakpoints:
                if point <= self.least or (self.most is not None and point >= self.most):
                    end = "least" if point <= self.least else "most"
                    raise ValueError(
                        f"{name} jumps at {point:g}, which no order crosses because of "
                        f"{end}={getattr(self, end):g}; remove that breakpoint and its value"
                    )
        for name in ("fixed_cost", "procurement_cost"):
            steps = getattr(self, name)
            for value in () if steps is None else steps.values:
                if abs(value) > MOST_COST:
                    raise ValueError(
                        f"{name} has {value:g}, which is further from zero than {MOST_COST:g}; "
                        "give costs in a larger unit"
                    )
        if self.fixed_cost is not None and min(self.fixed_cost.values, default=0) < 0:
            raise ValueError(f"fixed_cost has {min(self.fixed_cost.values):g}; give 0 or more")
        for value in () if self.lead_time is None else self.lead_time.values:
            if value < 0 or value != int(value):
                raise ValueError(f"lead_time has {value:g}; give whole periods, 0 or more")


@dataclass(frozen=True, config=SCHEMA)
class EdgeConfig:
    """A way goods can be ordered along: from every node of a group to every node of another."""

    source: str
    """Name of the node or group that ships; store_3 is one member of the group store."""
    destination: str
    """Name of the node or group that receives, likewise."""
    lead_time: LeadTime
    """Whole periods from order to use; 0 arrives before the same period's demand."""
    procurement_cost: Cost = 0.0
    """Per unit shipped along the edge."""
    members: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Which members of the destination receive, counted from 0; null is all of them."""
    fixed_cost: Cost = 0.0
    """Per order on each edge of the group, whatever its size."""
    joint_fixed_cost: OneCost = 0.0
    """Once in a period in which any edge of the group carries an order."""
    order_sizes: OrderSizesConfig | None = None
    """Where costs or lead times jump with the size of an order; null where they do not."""

    @property
    def jumps(self) -> bool:
        """Whether what an order costs, or when it arrives, jumps with its size."""
        return bool(self.fixed_cost or self.joint_fixed_cost or self.order_sizes)


@dataclass(frozen=True, config=SCHEMA)
class InventoryConfig:
    """An inventory network: nodes, edges, demand, and how unmet demand and money are counted."""

    name: Name
    """A short name, used in the name of the run directory: letters, digits, '_', '-' and '.'."""
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
    kind: Literal["inventory"] = "inventory"
    """Which kind of problem."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Root of the instance, dev and test branches of the key tree."""

    def __post_init__(self) -> None:
        low, high = self.initial_inventory
        if high < low:
            raise ValueError(f"initial_inventory goes from {low:g} down to {high:g}; swap them")
        demand = [node for node in self.nodes.values() if node.kind == "demand"]
        if demand and not any(max(numbers(node.present)) for node in demand):
            raise ValueError(
                "nodes has demand nodes, but present is 0 for all of them, so nobody ever wants "
                "anything; leave present out, or give a range for those that may be absent"
            )
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
