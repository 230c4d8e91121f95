"""Tables of past sales: a long file of (date, item, location, quantity) rows becomes one array.

Nothing is repaired: a silent zero is a demand that the optimiser would learn from.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from neuroinv.config import TableColumns
from neuroinv.types import InputError

_ISO_DATE = r"^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}[\d:.]*(?:Z|[+-]\d{2}:?\d{2})?)?$"
# CSV as text: a guessed number would cost item '007' the zeros that Parquet keeps.
_SCANS = {".parquet": partial(pl.scan_parquet), ".csv": partial(pl.scan_csv, infer_schema=False)}


class SalesTable(NamedTuple):
    """Sales of every (item, location) pair in every period; a pair is a series.

    Series `s` is `items[item_index[s]]` at `locations[location_index[s]]`; series are ordered by
    item, then by location, and names are sorted as text, or by size where all are whole numbers.
    """

    dates: tuple[datetime.date, ...]
    """First day of each period, ascending and equally spaced."""
    items: tuple[str, ...]
    locations: tuple[str, ...]
    item_index: Int32[np.ndarray, " series"]
    location_index: Int32[np.ndarray, " series"]
    quantity: Float32[np.ndarray, "series periods"]
    """Units sold in the period, net of returns."""


def read_sales(
    path: str | Path, columns: TableColumns, returns: Literal["keep", "clip"]
) -> SalesTable:
    """Sales read from a `.parquet` or `.csv` file with one row per date, item and location.
    Negative quantities (net returns) are kept, or clipped at 0.

    Dates may be dates, datetimes (their day counts, by the clock of their zone) or ISO text; the
    order of the rows is free.
    Messages number rows from 1, a header not counted.

    Raises:
        InputError: the file is missing, unreadable, empty or of another kind; a column or a value
            is missing; a value is not a date, or not a finite number; a (date, item, location) is
            repeated; dates are unequally spaced; or a series lacks a date.
    """
    rows = _parse(_read(Path(path).expanduser(), columns), columns, path)
    _check_keys(rows, columns, path)
    rows = rows.sort("item", "location", "date")
    dates = rows["date"].unique().sort().to_list()
    series = rows.gather_every(len(dates))
    quantity = rows["quantity"].to_numpy(writable=True).reshape(-1, len(dates))
    return SalesTable(
        dates=tuple(dates),
        items=tuple(rows["item"].unique().sort()),
        locations=tuple(rows["location"].unique().sort()),
        item_index=series["item"].to_physical().to_numpy().astype(np.int32),
        location_index=series["location"].to_physical().to_numpy().astype(np.int32),
        quantity=np.maximum(quantity, 0) if returns == "clip" else quantity,
    )


def check_period_range(table: SalesTable, start: int, stop: int, name: str) -> None:
    """Refuse periods `start` (included) to `stop` (excluded) for the split called `name`.

    Raises:
        InputError: the range is empty, or reaches beyond the periods of the table.
    """
    periods = len(table.dates)
    if not 0 <= start < stop <= periods:
        raise InputError(
            f"split '{name}' takes periods {start} to {stop} (stop excluded) of a sales table with "
            f"{periods} periods: choose 0 <= start < stop <= {periods}."
        )


def select_locations(table: SalesTable, names: Sequence[str], path: str | Path) -> SalesTable:
    """The series of the named locations; each item's follow one another in the order of `names`.

    Raises:
        InputError: the table has no such location, or one is named twice.
    """
    rank = np.full(len(table.locations), -1, np.int32)
    for position, name in enumerate(names):
        if name not in table.locations:
            near = difflib.get_close_matches(name, table.locations, n=1)
            raise InputError(
                f"problem.demand.locations names '{name}', which {path} has not: "
                f"{f'did you mean {near[0]}?' if near else 'name locations of the table.'}"
            )
        if name in names[:position]:
            raise InputError(f"problem.demand.locations names '{name}' twice: remove one.")
        rank[table.locations.index(name)] = position
    ranked = rank[table.location_index]
    order = np.lexsort((ranked, table.item_index))
    kept = order[ranked[order] >= 0]
    return table._replace(
        locations=tuple(names),
        item_index=table.item_index[kept],
        location_index=ranked[kept],
        quantity=table.quantity[kept],
    )


def days_from_christmas(dates: Sequence[datetime.date]) -> Float32[np.ndarray, " periods"]:
    """Signed days to the nearest 25 December: positive after it, negative before it.

    The only tie, 25 June of a leap year, counts as 183 days after.
    """
    days = np.array(dates, dtype="datetime64[D]")
    december = days.astype("datetime64[Y]").astype("datetime64[M]") + 11
    before = (days - december.astype("datetime64[D]")).astype(np.int64) - 24
    after = (days - (december - 12).astype("datetime64[D]")).astype(np.int64) - 24
    return np.asarray(np.where(after <= np.abs(before), after, before), dtype=np.float32)


def _read(path: Path, columns: TableColumns) -> pl.DataFrame:
    """The four columns as the file has them, renamed to the fields of `TableColumns`."""
    if not path.is_file():
        raise InputError(f"sales file {path} does not exist: correct the path or put it there.")
    suffix = path.suffix.lower()
    if suffix not in _SCANS:
        raise InputError(f"sales file {path} ends in '{suffix}': save it as .parquet or .csv.")
    named = dataclasses.asdict(columns)
    if len(set(named.values())) < len(named):
        raise InputError(f"problem.demand.columns is {named}: name four different columns.")
    try:
        lazy = _SCANS[suffix](path, glob=False)
        schema = lazy.collect_schema()
        for field, column in named.items():
            if column not in schema:
                near = difflib.get_close_matches(column, schema, n=1)
                if len(schema) == 1 and {";", "\t"} & set(next(iter(schema))):
                    raise InputError(
                        f"sales file {path} has one column, {next(iter(schema))!r}: separate "
                        "columns by commas."
                    )
                raise InputError(
                    f"sales file {path} has no column '{column}' among {', '.join(schema)}: set "
                    f"problem.demand.columns.{field} to {near[0] if near else 'one of these'}, or "
                    f"add one in which all rows have the same."
                )
            if schema[column].is_nested() or schema[column] in (pl.Binary, pl.Duration):
                raise InputError(
                    f"column '{column}' of sales file {path} is of type {schema[column]}: store "
                    f"the {field} as text, numbers or dates."
                )
        return (
            lazy.select(named.values())
            .rename({name: field for field, name in named.items()})
            .collect()
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"sales file {path} is unreadable ({reason}): write it again.") from error


def _parse(raw: pl.DataFrame, columns: TableColumns, path: str | Path) -> pl.DataFrame:
    """The rows with a Date, two Strings and a finite Float32."""
    if raw.is_empty():
        raise InputError(f"sales file {path} has no rows: give it one per date, item and location.")

    def refuse(bad: pl.Series, field: str, remedy: str) -> None:
        if bad.any():
            row = bad.arg_max() or 0
            raise InputError(
                f"row {row + 1} of column '{getattr(columns, field)}' in {path} (the first of "
                f"{bad.sum()} such rows) is {raw[field][row]!r}: {remedy}."
            )

    for field in dataclasses.asdict(columns):
        remedy = "fill in the missing value"
        if field == "quantity":
            remedy += ", 0 where nothing was sold"
        refuse(raw[field].is_null(), field, remedy)
    date, quantity = raw["date"], raw["quantity"]
    if not isinstance(date.dtype, (pl.Date, pl.Datetime)):
        date = date.cast(pl.String).str.extract(_ISO_DATE).str.to_date("%Y-%m-%d", strict=False)
        refuse(date.is_null(), "date", "write dates as 2013-01-31")
    elif isinstance(date.dtype, pl.Datetime):
        date = date.dt.replace_time_zone(None)
    if not quantity.dtype.is_numeric():
        quantity = quantity.cast(pl.String).cast(pl.Float64, strict=False)
    quantity = quantity.cast(pl.Float32)
    refuse(~quantity.is_finite().fill_null(value=False), "quantity", "write a finite number")
    names = [raw[field].cast(pl.String) for field in ("item", "location")]
    names = [name.cast(pl.Enum(_in_order(name.unique()))) for name in names]
    return pl.DataFrame([*names, date.cast(pl.Date), quantity])


def _in_order(names: pl.Series) -> list[str]:
    whole = names.str.contains(r"^\d+$").all()
    return sorted(names, key=lambda name: (int(name), name)) if whole else sorted(names)


def _check_keys(rows: pl.DataFrame, columns: TableColumns, path: str | Path) -> None:
    """Refuses rows unless every series has every date once, at one spacing."""
    again = rows.select(~pl.struct("item", "location", "date").is_first_distinct()).to_series()
    if again.any():
        row = again.arg_max() or 0
        item, location, date, _ = rows.row(row)
        raise InputError(
            f"row {row + 1} of {path} (the first of {again.sum()} such rows) repeats date {date} "
            f"of item '{item}' at location '{location}': add repeated rows up."
        )
    dates = rows["date"].unique().sort()
    steps = np.diff(dates.to_numpy()).astype(np.int64)
    # The commonest step, not the first: a hole may follow the first date.
    spacing = int(np.argmax(np.bincount(steps))) if len(steps) else 0
    if (steps != spacing).any():
        gap = int(np.argmax(steps != spacing))
        missing = dates[gap] + datetime.timedelta(days=spacing)
        raise InputError(
            f"column '{columns.date}' in {path} steps from {dates[gap]} to {dates[gap + 1]}, not "
            f"{spacing} days on to {missing}: add the missing rows or make periods equally long."
        )
    series = rows.group_by("item", "location").agg("date").sort("item", "location")
    short = series.filter(pl.col("date").list.len() < len(dates))
    if not short.is_empty():
        item, location, present = short.row(0)
        missing = dates.filter(~dates.is_in(present))[0]
        raise InputError(
            f"item '{item}' at location '{location}' (the first of {len(short)} such series) has "
            f"no row for {missing} in {path}: add rows with quantity 0 where nothing was sold."
        )
