"""Schema of an inventory network."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.demand import DemandConfig
from neuroinv.config.values import SCHEMA, Cost, Count, LeadTime, Presence


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
    present: Presence = 1.0
    """1 where a demand node is there, 0 where it only fills up the graph: without customers, unseen
    by graph networks. A range from 0 to 1 with vary=both makes every scenario another graph."""

    def __post_init__(self) -> None:
        if self.kind != "demand" and self.present != 1:
            raise ValueError(
                f"present is given for a {self.kind} node, which is there where what it serves is; "
                "remove it, or give it for demand nodes"
            )


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


@dataclass(frozen=True, config=SCHEMA)
class ProblemConfig:
    """An inventory network: nodes, edges, demand, and how unmet demand and money are counted."""

    name: str
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
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Root of the instance, dev and test branches of the key tree."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", self.name):
            raise ValueError(
                f"name is {self.name!r}, which is to name a folder; use letters, digits, '_', '-' "
                "and '.', the last not in front"
            )
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
