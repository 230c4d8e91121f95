"""Recorded sales: the table that a config names, and what its scenarios take from it."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Float64

from neuroinv.config import SeriesDemand
from neuroinv.problems.inventory.demand import Series
from neuroinv.problems.inventory.dynamics import LEAST_TYPICAL_SALES
from neuroinv.problems.inventory.tables import (
    SalesTable,
    check_period_range,
    days_from_christmas,
    read_sales,
    select_locations,
)
from neuroinv.types import InputError

DAYS_A_YEAR = 365.0  # keeps the calendar's features below one


def read_recorded(config: SeriesDemand, customers: int) -> SalesTable:
    """The table that a config names, of the locations that it chooses.

    Raises InputError for all that is wrong with the table, or does not fit so many customers.
    """
    table = read_sales(config.path, config.columns, config.returns)
    if config.locations is not None:
        names = [str(name) for name in config.locations]
        table = select_locations(table, names, config.path)
    typical = np.median(np.abs(table.quantity).mean(axis=1))
    if typical < LEAST_TYPICAL_SALES and np.any(table.quantity % 1):
        raise InputError(
            f"problem.demand.path: half of the series of {config.path} sell less than "
            f"{typical:.2g} units a period, too little to scale by; count in smaller units"
        )
    for split in ("train", "dev", "test"):
        start, stop = getattr(config, split)
        check_period_range(table, start, stop, f"problem.demand.{split}")
    if customers > 1 and len(table.locations) != customers:
        raise InputError(
            f"problem.nodes has {customers} demand nodes but {config.path} has "
            f"{len(table.locations)} locations; give the network one demand node per location, or "
            "choose some with problem.demand.locations"
        )
    sells = table.location_index[table.quantity[:, slice(*config.train)].any(axis=1)]
    silent = [name for index, name in enumerate(table.locations) if index not in sells]
    if customers > 1 and silent:
        raise InputError(
            f"problem.demand.path: {config.path} never sells in {', '.join(silent)} within "
            "problem.demand.train; choose other locations with problem.demand.locations"
        )
    sold = len(set(table.item_index.tolist()))
    if customers > 1 and len(table.quantity) != sold * customers:
        raise InputError(
            f"problem.demand.path: {config.path} lacks some item in some location, but a "
            "network's scenario is one item in all of them; remove items not sold everywhere"
        )
    return table


def sales_by_scenario(
    table: SalesTable, customers: int
) -> Float64[np.ndarray, "scenarios periods demands"]:
    """Sales of each item at all customers, or, with one customer, of each item and location."""
    quantity = table.quantity
    # Series are ordered by item, then location: a row of the reshaped array is one scenario.
    return quantity.reshape(-1, customers, quantity.shape[1]).swapaxes(1, 2)


def recorded_demand(
    table: SalesTable,
    config: SeriesDemand,
    periods: tuple[int, int],
    present: Float64[np.ndarray, "scenarios demands"],
) -> tuple[
    Series,
    Float32[Array, "scenarios past demands"],
    Float32[Array, "scenarios periods+1 features"],
]:
    """Demand of the first scenarios in a range of the table's periods, the sales of the first
    `past_periods` of them, which precede it, and its calendar."""
    (start, stop), (scenarios, customers) = periods, present.shape
    sales = sales_by_scenario(table, customers)[:scenarios, start:stop] * present[:, None, :]
    history, recorded = np.split(sales, [config.past_periods], axis=1)
    features = {"days_from_christmas": days_from_christmas(table.dates) / DAYS_A_YEAR}
    dated = np.stack([features[name] for name in config.calendar], axis=-1, dtype=np.float32)
    dated = dated[start + config.past_periods : stop]
    # The period after the last is never decided upon; its calendar only fills the array.
    dated = np.concatenate([dated, dated[-1:]])
    calendar = np.broadcast_to(dated, (scenarios, *dated.shape))
    demand = Series(
        jnp.float32(np.abs(history).mean(axis=1)),
        jnp.float32(history.std(axis=1)),
        jnp.float32(recorded),
    )
    return demand, jnp.float32(history), jnp.float32(calendar)
