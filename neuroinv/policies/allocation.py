"""Feasible orders: what leaves a location never exceeds its stock on hand.

Orders on edges that leave a supply node are not limited. A node that may not hold stock ships
everything it has, in proportion to what was wanted. Orders are at least zero.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neuroinv.problems.inventory.network import Network, locations, outgoing, sources
from neuroinv.problems.inventory.routing import route

Orders = Float[Array, " edges"]
OnHand = Float[Array, " locations"]

SCARCELY_WANTED = 1e-6  # units
SLACK, RELATIVE_SLACK = 1e-3, 1e-6  # units, and a share: what float32 may lose of a whole unit
NO_SHARE = -1e9  # logit; were it infinite, the shares of one who serves nobody were undefined
HOLD_LOGIT = 1.0  # what keeping stock competes with, as in the paper's code
LEAST_AREA = 1e-6  # units; where no claim is left, or rounding hides the last
STEPS = 6  # of Newton's method, each of which drops all claims that have come to nothing


def proportional(
    network: Network, wanted: Orders, on_hand: OnHand, kept: OnHand | float = 0.0
) -> Orders:
    """`wanted` (at least zero), cut in equal proportion at each source that cannot ship it all and
    also hold back what it wants `kept`. A node that may not hold stock keeps nothing."""
    leaving = outgoing(network)
    if not leaving.any():
        return wanted
    available = jnp.maximum(on_hand, 0.0)
    must_ship = ~_holds_stock(network)
    # A node that must ship, and of which nothing is wanted, ships evenly.
    evenly = must_ship & (route(leaving, wanted) < SCARCELY_WANTED)
    wanted = jnp.where(route(leaving.T, jnp.asarray(evenly, wanted.dtype)) > 0, 1.0, wanted)
    claimed = route(leaving, wanted) + jnp.where(must_ship, 0.0, kept)
    share = available / jnp.maximum(claimed, 1e-10)
    share = jnp.where(must_ship, share, jnp.minimum(share, 1.0))
    return wanted * (route(leaving.T, share) + (sources(network) < 0))


def balanced(
    network: Network,
    missing: Orders,
    areas: Float[Array, " edges"],
    on_hand: OnHand,
    kept: OnHand | float = 0.0,
    kept_areas: OnHand | float = 1.0,
) -> Orders:
    """max(missing - height * area, 0) on every edge, in units: water filling upside down.

    Each source has one height, at which what leaves it and what it holds back, max(kept - height *
    kept area, 0), are no more than its stock: the least that is not negative, and for a node that
    may not hold stock, which keeps nothing, the one of either sign at which it ships all it has.
    Less than nothing may be missing. Where areas are standard deviations of the demand to last for,
    all that get something end up equally safe (Federgruen and Zipkin 1984). Areas are positive.

    Heights come from a few steps of Newton's method; what these may leave over is cut in
    proportion.
    """
    leaving = outgoing(network)
    if not leaving.any():
        return jax.nn.relu(missing)
    available = jnp.maximum(on_hand, 0.0)
    holds = jnp.asarray(_holds_stock(network), missing.dtype)

    def given_up(claims: Orders, keeps: OnHand) -> OnHand:
        """The height at which these claims and no others ship what there is."""
        claimed = route(leaving, claims * missing) + keeps * kept
        height = (claimed - available) / jnp.maximum(
            route(leaving, claims * areas) + keeps * kept_areas, LEAST_AREA
        )
        return jnp.where(holds > 0, jnp.maximum(height, 0.0), height)

    # From all claims on, which are too many, the height can only rise until it is exact.
    height = given_up(jnp.ones_like(missing), holds)
    for _ in range(STEPS):
        claims = missing > route(leaving.T, height) * areas
        keeps = kept > height * kept_areas
        height = given_up(claims.astype(missing.dtype), holds * keeps)
    left = jax.nn.relu(missing - route(leaving.T, height) * areas)
    return proportional(network, left, on_hand)


def softmax(
    network: Network,
    wanted: Orders,
    logits: Orders,
    served: Orders,
    on_hand: OnHand,
    keep_logits: OnHand | float = HOLD_LOGIT,
) -> Orders:
    """Shares of each source's stock by a softmax over its outgoing edges that lead to somebody (1
    in `served`) and, where it may hold stock, the choice of keeping it. Orders on edges from supply
    nodes are what is `wanted`."""
    leaving = outgoing(network)
    may_keep = _holds_stock(network) | (leaving.sum(axis=1) == 0)
    keep = jnp.where(may_keep, keep_logits, -jnp.inf)
    choices = jnp.where(leaving > 0, jnp.where(served > 0, logits, NO_SHARE)[None, :], -jnp.inf)
    shares = jax.nn.softmax(jnp.concatenate([choices, keep[:, None]], axis=1), axis=1)[:, :-1]
    shipped = shares * jnp.maximum(on_hand, 0.0)[:, None]
    of_locations = jnp.sum(jnp.where(leaving > 0, shipped, 0.0), axis=0)
    return jnp.where(sources(network) >= 0, of_locations, wanted)


def whole_units(network: Network, orders: Orders, on_hand: OnHand) -> Orders:
    """Orders in whole units: to the nearest (half to even) from supply, down from a location.

    What falls short of a whole unit by a rounding error counts as one, as long as the location's
    stock on hand allows: a share of 7 units that is computed as 6.9999995 ships all 7.
    """
    leaving = outgoing(network)
    down = jnp.floor(orders + SLACK + RELATIVE_SLACK * jnp.abs(orders))
    too_much = route(leaving, down) > jnp.maximum(on_hand, 0.0)
    cut = route(leaving.T, jnp.asarray(too_much, orders.dtype)) > 0
    down = jnp.where(cut, jnp.floor(orders), down)
    return jnp.where(sources(network) >= 0, down, jnp.round(orders))


def _holds_stock(network: Network) -> np.ndarray:
    return np.asarray([network.nodes[node].holds_stock for node in locations(network)])
