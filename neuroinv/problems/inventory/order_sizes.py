"""What an order costs, and when it arrives, where that jumps with its size.

Fixed costs, price breaks and lead times that depend on how much is ordered are constant in cells of
the order's size (`neuroinv.discontinuities`). The first cell of every edge is no order at all.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from neuroinv.config import EdgeConfig, OrderSizesConfig, StepsConfig, numbers
from neuroinv.discontinuities import Cells, Steps, cell_weights, merge
from neuroinv.types import InputError


class OrderSizes(NamedTuple):
    """Cells of the order on each edge; costs are per period in which an order is placed.

    Edges with fewer cells are filled up with cells out of reach, whose ends are infinite.
    """

    lower: Float[Array, "edges cells"]
    upper: Float[Array, "edges cells"]
    fixed_cost: Float[Array, "edges cells"]
    procurement_cost: Float[Array, "edges cells"]
    """Per unit, on top of the edge's own; negative for a discount."""
    lead_time: Int[Array, "edges cells"]
    joint_fixed_cost: Float[Array, " joint_orders"]
    """Paid once if any edge of the joint order carries one."""


class SizedOrders(NamedTuple):
    """Orders, and the cells they count as."""

    quantity: Float[Array, " edges"]
    cells: Float[Array, "edges cells"]
    """Weights that add up to one: one for the cell an order lies in, zero for the others; a policy
    that relaxes the choice puts some weight on several."""


def sized(sizes: OrderSizes, orders: Float[Array, " edges"]) -> SizedOrders:
    """Orders in the cells that they lie in. One that is less than the least is not placed, and one
    that is more than the most is cut to it."""
    weights = cell_weights(sizes.lower, sizes.upper, orders)

    def of_cell(ends: Float[Array, "edges cells"]) -> Float[Array, " edges"]:
        return jnp.sum(jnp.where(weights > 0, ends, 0.0), axis=-1)

    return SizedOrders(jnp.clip(orders, of_cell(sizes.lower), of_cell(sizes.upper)), weights)


def placed(orders: SizedOrders) -> Float[Array, " edges"]:
    """Weight of there being an order on each edge."""
    return 1.0 - orders.cells[:, 0]


def fixed_cost(
    sizes: OrderSizes, orders: SizedOrders, joint_orders: tuple[tuple[int, ...], ...]
) -> Float[Array, ""]:
    """Fixed costs of a period: of each edge's order, and of each joint order."""
    of_edges = jnp.sum(orders.cells * sizes.fixed_cost)
    there = placed(orders)
    jointly = [jnp.max(there[jnp.asarray(edges)]) for edges in joint_orders]
    return of_edges + sum(
        (sizes.joint_fixed_cost[index] * weight for index, weight in enumerate(jointly)),
        start=jnp.zeros_like(of_edges),
    )


def by_lead_time(
    sizes: OrderSizes, orders: SizedOrders, bound: int
) -> Float[Array, "edges lead_times"]:
    """Units on each edge by the lead time of the cell they were ordered in."""
    arrives = jax.nn.one_hot(sizes.lead_time, bound + 1, dtype=orders.quantity.dtype)
    return orders.quantity[:, None] * jnp.sum(orders.cells[..., None] * arrives, axis=1)


def whole_in_cells(
    lower: Float[np.ndarray, "edges cells"],
    upper: Float[np.ndarray, "edges cells"],
    orders: SizedOrders,
) -> Float[Array, " edges"]:
    """The nearest whole units that lie in the cells orders were decided for; a cell does not hold
    its upper end, but for the last."""
    is_last = np.concatenate([np.isinf(lower[:, 1:]), np.ones((len(lower), 1), bool)], axis=1)
    least, most = np.ceil(lower), np.where(is_last, np.floor(upper), np.ceil(upper) - 1)
    least, most = np.where(np.isinf(lower), 0.0, least), np.where(np.isinf(lower), 0.0, most)
    most = np.where(upper == lower, upper, most)
    chosen = orders.cells > 0.5
    low, high = (jnp.sum(jnp.where(chosen, ends, 0.0), axis=-1) for ends in (least, most))
    return jnp.clip(jnp.round(orders.quantity), low, high)


def has_sizes(edge: EdgeConfig) -> bool:
    """Whether any cost or lead time of an edge jumps with the size of its order."""
    own = max(numbers(edge.fixed_cost)) > 0 or edge.joint_fixed_cost > 0
    return own or edge.order_sizes is not None


def lead_times_by_size(edge: EdgeConfig) -> tuple[float, ...]:
    """Lead times that orders of some size have."""
    if edge.order_sizes is None or edge.order_sizes.lead_time is None:
        return ()
    return edge.order_sizes.lead_time.values


def edge_cells(name: str, edge: EdgeConfig) -> Cells:
    """Cells of the order on the edges of a group; the first is no order. Their values are what is
    added to the edge's own costs, and the lead time where it depends on the size.

    Raises what `merge` raises.
    """
    sizes = edge.order_sizes or OrderSizesConfig()
    most = np.inf if sizes.most is None else sizes.most

    def steps(given: StepsConfig | None, of_nothing: float) -> Steps:
        if given is None:
            return Steps((0.0, 0.0, most), (0.0, 0.0))
        return Steps((0.0, 0.0, *given.breakpoints, most), (of_nothing, *given.values))

    features = {
        "fixed_cost": steps(sizes.fixed_cost, 0.0),
        "procurement_cost": steps(sizes.procurement_cost, 0.0),
    }
    if sizes.lead_time is not None:
        features["lead_time"] = steps(sizes.lead_time, sizes.lead_time.values[0])
    cells = merge(features, f"problem.edges.{name}.order_sizes")
    cells.lower[1] = sizes.least
    return cells


def check_whole(name: str, cells: Cells) -> None:
    """Raise InputError for sizes of the orders on a group of edges that hold no whole unit."""
    for low, high in zip(cells.lower[1:], cells.upper[1:], strict=True):
        first = max(np.ceil(low), 1.0)
        if first > high or (first == high and high < cells.upper[-1]):
            raise InputError(
                f"problem.edges.{name}.order_sizes has a regime from {low:g} to {high:g}, which "
                "holds no whole unit; move a breakpoint, or set problem.whole_units=false"
            )
