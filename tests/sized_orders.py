"""Problems whose costs or lead times jump with the size of an order, and cells by hand."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from examples import first, problem_config
from jaxtyping import Float

from neuroinv.config import InventoryConfig
from neuroinv.problems.inventory.dynamics import Parameters, State, inventory_problem
from neuroinv.problems.inventory.instance import Instance, build_instance, draw_parameters

STEPS: dict[str, Any] = {"breakpoints": [10, 20], "values": [3, 7, 4]}
SIZES: dict[str, dict[str, Any]] = {
    "fixed": {"fixed_cost": 5},
    "steps": {"fixed_cost": 1, "order_sizes": {"most": 25, "fixed_cost": STEPS}},
    "discount": {
        "procurement_cost": 2,
        "order_sizes": {"procurement_cost": {"breakpoints": [12], "values": [0, -0.5]}},
    },
    "least and most": {"order_sizes": {"least": 6, "most": 18}},
    "lead time": {"order_sizes": {"lead_time": {"breakpoints": [9], "values": [1, 3]}}},
    "everything": {
        "fixed_cost": 2,
        "procurement_cost": 1,
        "order_sizes": {
            "least": 4,
            "most": 27,
            "fixed_cost": STEPS,
            "procurement_cost": {"breakpoints": [10, 15], "values": [0.3, 0, -0.3]},
            "lead_time": {"breakpoints": [15], "values": [0, 2]},
        },
    },
}


def store(edge: Mapping[str, Any]) -> InventoryConfig:
    order = {"source": "supplier", "destination": "store", "lead_time": 2, **edge}
    nodes = {
        "supplier": {"kind": "supply"},
        "store": {"kind": "demand", "holding_cost": 0.5, "underage_cost": 3.0},
    }
    return problem_config(nodes=nodes, edges={"order": order}, unmet_demand="backlogged")


def items(order: Mapping[str, Any], slow: Mapping[str, Any], **group: Any) -> InventoryConfig:
    """Three items in one joint order, and one that is ordered by itself."""
    nodes = {
        "supplier": {"kind": "supply"},
        "item": {"kind": "demand", "count": 3, "holding_cost": [0.5, 1, 2], "underage_cost": 4},
        "slow": {"kind": "demand", "holding_cost": 1, "underage_cost": 6, **group},
    }
    joint = {"source": "supplier", "destination": "item", "lead_time": 1, **order}
    alone = {"source": "supplier", "destination": "slow", "lead_time": 3, **slow}
    return problem_config(
        nodes=nodes, edges={"order": joint, "alone": alone}, unmet_demand="backlogged"
    )


def warehouse() -> InventoryConfig:
    """A fixed cost on every edge; the warehouse's own orders take longer the larger they are."""
    nodes = {
        "supplier": {"kind": "supply"},
        "warehouse": {"kind": "stocking", "holding_cost": 0.3},
        "store": {"kind": "demand", "count": 2, "holding_cost": 1, "underage_cost": 9},
    }
    slower = {"lead_time": {"breakpoints": [8, 16], "values": [1, 2, 4]}}
    edges = {
        "inbound": {
            "source": "supplier",
            "destination": "warehouse",
            "lead_time": 2,
            "order_sizes": slower,
        },
        "road": {
            "source": "warehouse",
            "destination": "store",
            "lead_time": [0, 3],
            "joint_fixed_cost": 6,
        },
    }
    return problem_config(nodes=nodes, edges=edges, unmet_demand="backlogged")


PROBLEMS = {
    "joint": items({"fixed_cost": [1, 2, 4], "joint_fixed_cost": 30}, {"fixed_cost": 100}),
    "absent": items({"joint_fixed_cost": 30}, {"fixed_cost": 100}, present=0),
    "mixed": items(
        {"joint_fixed_cost": 3, "order_sizes": {"least": 2, "most": 30, "fixed_cost": STEPS}},
        {"order_sizes": {"lead_time": {"breakpoints": [4.4], "values": [1, 2]}}},
    ),
    "one sized": items({}, {"fixed_cost": 9}),
    "warehouse": warehouse(),
    "everything": store(SIZES["everything"]),
}


@functools.cache
def set_up(name: str) -> tuple[Instance, Parameters, State]:
    """An instance, and the parameters and first state of one of its scenarios."""
    instance = build_instance(PROBLEMS[name])
    params = first(draw_parameters(instance, "test", 1))
    state = inventory_problem(instance.network).init(params, jax.random.key(0))
    return instance, params, state


def own_cells(
    lower: Float[np.ndarray, "edges cells"], order: Float[np.ndarray, " edges"]
) -> Float[np.ndarray, "edges cells"]:
    """One for the last cell of some size that starts at or below an order, or for no order."""
    starts = np.where(lower[:, 1:] <= order[:, None], lower[:, 1:], -1.0)
    index = np.where((order > 0) & (starts.max(axis=1) >= 0), 1 + starts.argmax(axis=1), 0)
    return np.eye(lower.shape[1], dtype=np.float32)[index]
