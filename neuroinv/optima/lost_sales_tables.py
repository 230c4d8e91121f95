"""One period of a lost-sales store over a dense table of its states.

A table has one entry per state [on-hand, next order to arrive, ..., latest order]; on-hand runs up
to a stock limit and every order up to an order limit. With lead time L >= 1 it has L axes.
"""

import math

import numpy as np
from jaxtyping import Float64, Int

from neuroinv.optima.value_iteration import check_memory

# Value tables, orders and the costs of every next order for one arriving order.
ARRAYS_HELD = 7


def check_limits(stock_limit: int, order_limit: int, lead_time: int) -> None:
    """Raise ValueError where tables with these limits (units) would need more than 2 GiB."""
    stocks, orders = math.log2(stock_limit + 1), math.log2(order_limit + 1)
    check_memory(
        # Of values, or of what stock is left from what stock.
        max(stocks + (lead_time - 1) * orders, 2 * stocks),
        ARRAYS_HELD,
        f"lead_time {lead_time} with on-hand up to {stock_limit} and orders up to {order_limit}",
        "best_capped_base_stock",
    )


def leftover_probabilities(
    demand: Float64[np.ndarray, " support"], stock_limit: int
) -> Float64[np.ndarray, "stock stock"]:
    """Row x, column r: probability that on-hand x before demand leaves r after it."""
    padded = np.zeros(stock_limit + 1)
    kept = min(demand.size, stock_limit + 1)
    padded[:kept] = demand[:kept]
    gap = np.arange(stock_limit + 1)[:, None] - np.arange(stock_limit + 1)[None, :]
    leftover = np.where(gap >= 0, padded[np.maximum(gap, 0)], 0.0)
    leftover[:, 0] = 0.0
    leftover[:, 0] = 1.0 - leftover.sum(axis=1)
    return leftover


def sweep(
    values: Float64[np.ndarray, "..."],
    leftover: Float64[np.ndarray, "stock stock"],
    order_limit: int,
    best: Float64[np.ndarray, "..."],
    orders: Int[np.ndarray, "..."] | None,
) -> None:
    """Write into `best` the least expected next value over orders (and which order it is)."""
    stocks = leftover.shape[0]
    # On-hand above the limit is cut to it: states there are worse, and the empty system under an
    # optimal policy never gets there.
    arrived = np.minimum(np.arange(stocks)[:, None] + np.arange(order_limit + 1), stocks - 1)
    if values.ndim == 1:
        expected = leftover @ values[arrived]
        np.min(expected, axis=-1, out=best)
        if orders is not None:
            orders[...] = expected.argmin(axis=-1)
        return
    by_stock = values.reshape(stocks, -1)
    for arriving in range(order_limit + 1):
        expected = leftover @ by_stock[arrived[:, arriving]]
        expected = expected.reshape((stocks,) + (order_limit + 1,) * (values.ndim - 1))
        np.min(expected, axis=-1, out=best[:, arriving])
        if orders is not None:
            orders[:, arriving] = expected.argmin(axis=-1)
