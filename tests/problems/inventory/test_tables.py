"""Sales tables: what a file becomes, that row order and format do not matter, and every refusal."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroinv.config import TableColumns
from neuroinv.problems.inventory.tables import (
    SalesTable,
    check_period_range,
    days_from_christmas,
    read_sales,
)
from neuroinv.types import InputError

FAVORITA = Path(__file__).resolve().parents[4] / "shared" / "data" / "favorita_21_stores"
needs_favorita = pytest.mark.skipif(
    not FAVORITA.is_dir(), reason="../shared/data/favorita_21_stores is not beside the repository"
)
WEEKS = [datetime.date(2013, 1, 1) + datetime.timedelta(days=7 * week) for week in range(4)]
SERIES = [("007", "north"), ("007", "south"), ("12", "north")]


def sales() -> pl.DataFrame:
    """Three series of four weeks; series s sells 10 s + week, but for one net return."""
    frame = pl.DataFrame(
        [
            (date, item, location, 10.0 * series + week)
            for week, date in enumerate(WEEKS)
            for series, (item, location) in enumerate(SERIES)
        ],
        schema=["date", "item", "location", "quantity"],
        orient="row",
    )
    return frame.with_columns(pl.col("quantity").replace(21.0, -2.5))


def write(frame: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


def read(frame: pl.DataFrame, folder: Path, suffix: str = ".parquet", **names: str) -> SalesTable:
    return read_sales(write(frame, folder / f"sales{suffix}"), TableColumns(**names), "keep")


def assert_same(one: SalesTable, other: SalesTable) -> None:
    assert one[:3] == other[:3]
    for left, right in zip(one[3:], other[3:], strict=True):
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype


def changed(field: str, row: int, value: Any) -> pl.DataFrame:
    """The sales with one value replaced; the column takes the type that the values need."""
    values = sales()[field].to_list()
    values[row] = value
    return sales().with_columns(pl.Series(field, values, strict=False))


def test_a_table_is_ordered_by_item_location_and_date(tmp_path: Path) -> None:
    table = read(sales(), tmp_path)
    assert table.dates == tuple(WEEKS)
    assert table.items == ("007", "12")
    assert table.locations == ("north", "south")
    assert table.item_index.tolist() == [0, 0, 1]
    assert table.location_index.tolist() == [0, 1, 0]
    assert table.quantity.tolist() == [[0, 1, 2, 3], [10, 11, 12, 13], [20, -2.5, 22, 23]]
    assert [array.dtype for array in table[3:]] == [np.int32, np.int32, np.float32]


@pytest.mark.parametrize("dates", [pl.Date, pl.Datetime, pl.Datetime("ms", "UTC"), pl.String])
def test_csv_parquet_and_every_type_of_date_give_the_same_table(
    tmp_path: Path, dates: pl.DataType
) -> None:
    frame = sales().with_columns(pl.col("date").cast(dates), pl.col("quantity") + 0.1)
    expected = read(sales().with_columns(pl.col("quantity") + 0.1), tmp_path)
    assert_same(read(frame, tmp_path, ".parquet"), expected)
    assert_same(read(frame, tmp_path, ".csv"), expected)


def test_columns_may_have_any_name_even_swapped_and_others_are_ignored(tmp_path: Path) -> None:
    swap = {"item": "location", "location": "item", "quantity": "sold"}
    frame = sales().rename(swap).with_columns(note=pl.lit(None))
    assert_same(read(frame, tmp_path, **swap), read(sales(), tmp_path))


def test_whole_number_items_and_quantities_are_read_alike(tmp_path: Path) -> None:
    frame = sales().with_columns(
        pl.col("item").cast(pl.Int64), pl.col("quantity").round().cast(pl.Int16)
    )
    table = read(frame, tmp_path, ".parquet")
    assert table.items == ("7", "12"), "by size"
    assert_same(read(frame, tmp_path, ".csv"), table)


def test_returns_are_kept_or_clipped(tmp_path: Path) -> None:
    path = write(sales(), tmp_path / "sales.parquet")
    kept = read_sales(path, TableColumns(), "keep")
    clipped = read_sales(path, TableColumns(), "clip")
    assert kept.quantity.min() == -2.5
    np.testing.assert_array_equal(clipped.quantity, np.maximum(kept.quantity, 0))
    assert clipped.quantity.dtype == np.float32


@given(order=st.permutations(range(12)), suffix=st.sampled_from([".csv", ".parquet"]))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_order_of_rows_does_not_matter(tmp_path: Path, order: list[int], suffix: str) -> None:
    assert_same(read(sales()[order], tmp_path, suffix), read(sales(), tmp_path))


def test_one_row_is_a_table_of_one_period(tmp_path: Path) -> None:
    table = read(sales().head(1), tmp_path)
    assert (table.dates, table.quantity.tolist()) == ((WEEKS[0],), [[0.0]])


REMEDY = {
    "null": "fill in the missing value",
    "date": "write dates as 2013-01-31",
    "number": "write a finite number",
    "series": "add rows with quantity 0 where nothing was sold",
}
LATER = pl.concat(sales().with_columns(pl.col("date") + pl.duration(days=28 * n)) for n in range(3))
DATES = [str(date) for date in sales()["date"]]
REFUSED = {
    "empty": (sales().clear(), r"has no rows: give it one per date, item and location"),
    "misspelt column": (
        sales().rename({"item": "itme"}),
        r"no column 'item' among date, itme, location, quantity: set .*columns\.item to itme",
    ),
    "absent column": (
        sales().drop("location"),
        r"no column 'location' .* problem\.demand\.columns\.location to one of these",
    ),
    "null date": (changed("date", 4, None), rf"row 5 of .*'date' .* None: {REMEDY['null']}"),
    "null item": (changed("item", 0, None), rf"row 1 of .*'item' .* None: {REMEDY['null']}"),
    "null place": (changed("location", 1, None), rf"row 2 of .*'location' .*: {REMEDY['null']}"),
    "null sold": (changed("quantity", 11, None), rf"row 12 of .*'quantity' .*: {REMEDY['null']}"),
    "all null": (sales().with_columns(item=pl.lit(None, pl.String)), r"row 1 .* first of 12 such"),
    "not a date": (
        sales().with_columns(pl.Series("date", [*DATES[:-1], "22.1.2013"])),
        rf"row 12 of column 'date' .* '22\.1\.2013': {REMEDY['date']}",
    ),
    "no such day": (sales().with_columns(date=pl.lit("2013-02-30")), r"first of 12 .*'2013-02-30'"),
    "number as date": (
        sales().with_columns(date=20130101),
        rf"'date' .*20130101.*{REMEDY['date']}",
    ),
    "text as quantity": (
        sales().with_columns(pl.Series("quantity", ["1", "two", *["3"] * 10])),
        rf"row 2 of column 'quantity' .* 'two': {REMEDY['number']}",
    ),
    "truth as quantity": (sales().with_columns(quantity=True), rf"rue'?: {REMEDY['number']}"),
    "NaN": (changed("quantity", 3, float("nan")), rf"row 4 .* '?[nN]a[nN]'?: {REMEDY['number']}"),
    "infinite": (changed("quantity", 3, -float("inf")), rf"row 4 .* '?-inf'?: {REMEDY['number']}"),
    "beyond float32": (changed("quantity", 3, 1e39), rf"row 4 .*1e\+?39'?: {REMEDY['number']}"),
    "repeated rows": (
        pl.concat([sales(), sales()[[7, 2]]]),
        r"row 13 .*first of 2 .* 2013-01-15 of item '007' at location 'south': add repeated rows",
    ),
    "hole in the calendar": (
        LATER.filter(pl.col("date") != WEEKS[1]),
        r"'date' .* 2013-01-01 to 2013-01-15, not 7 days on to 2013-01-08: add the missing rows",
    ),
    "stray date": (
        changed("date", 5, datetime.date(2013, 1, 10)),
        r"2013-01-08 to 2013-01-10, .* or make periods equally long",
    ),
    "short series": (
        sales()[[row for row in range(12) if row not in (2, 4, 7, 8)]],
        rf"item '007' at location 'south' .*first of 2 .* 2013-01-08 in .*: {REMEDY['series']}",
    ),
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("case", REFUSED)
def test_bad_tables_are_refused_in_one_sentence(tmp_path: Path, case: str, suffix: str) -> None:
    frame, pattern = REFUSED[case]
    with pytest.raises(InputError, match=pattern) as caught:
        read(frame, tmp_path, suffix)
    assert f"sales{suffix}" in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist"):
        read_sales(tmp_path / "nowhere.csv", TableColumns(), "keep")


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sales.xlsx").touch()
    with pytest.raises(InputError, match=r"'\.xlsx': save it as \.parquet or \.csv\."):
        read_sales(tmp_path / "sales.xlsx", TableColumns(), "keep")


@pytest.mark.parametrize(
    ("name", "content"),
    [("bad.parquet", "no parquet"), ("empty.csv", ""), ("ragged.csv", "{},{},{},{}\n1,2,3,4,5\n")],
)
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content.format(*dataclasses.astuple(TableColumns())))
    with pytest.raises(InputError, match=rf"{name} is unreadable \(.+\): write it again\."):
        read_sales(tmp_path / name, TableColumns(), "keep")


def test_one_column_cannot_serve_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"problem\.demand\.columns is .*: name four different"):
        read(sales(), tmp_path, location="item")


def test_a_nested_column_is_refused(tmp_path: Path) -> None:
    frame = sales().with_columns(pl.concat_list("item"))
    with pytest.raises(InputError, match=r"'item' .* of type List\(String\): store the item as"):
        read(frame, tmp_path)


@pytest.mark.parametrize(("start", "stop"), [(2, 5), (-1, 2), (2, 2), (3, 1), (4, 5)])
def test_a_split_outside_the_table_is_refused(tmp_path: Path, start: int, stop: int) -> None:
    table = read(sales(), tmp_path)
    with pytest.raises(InputError, match=rf"'test' takes periods {start} to {stop} .* 4 periods"):
        check_period_range(table, start, stop, "test")


@pytest.mark.parametrize(
    ("date", "days"),
    [
        ("2013-12-24", -1),
        ("2013-12-25", 0),
        ("2014-01-07", 13),
        ("2013-01-01", 7),
        ("2013-06-25", 182),
        ("2013-06-26", -182),
        ("2016-06-25", 183),
        ("2016-06-26", -182),
    ],
)
def test_days_from_christmas(date: str, days: int) -> None:
    result = days_from_christmas([datetime.date.fromisoformat(date)])
    assert result.tolist() == [days]
    assert result.dtype == np.float32


def test_no_dates_are_no_days_from_christmas() -> None:
    assert days_from_christmas([]).shape == (0,)


@needs_favorita
def test_days_from_christmas_match_the_published_calendar() -> None:
    calendar = pl.read_csv(FAVORITA / "calendar.csv", try_parse_dates=True)
    result = days_from_christmas(calendar["date"].to_list())
    np.testing.assert_array_equal(result, calendar["days_from_christmas"].to_numpy())
    assert (result.min(), result.max(), len(result)) == (-181, 182, 242)


@needs_favorita
def test_the_favorita_table() -> None:
    columns = TableColumns(location="store", quantity="sales")
    table = read_sales(FAVORITA / "weekly_sales.parquet", columns, "keep")
    assert table.quantity.shape == (6048, 171)
    assert (len(table.items), len(table.locations), len(table.dates)) == (288, 21, 171)
    assert (table.dates[0], table.dates[-1]) == (WEEKS[0], datetime.date(2016, 4, 5))
    assert table.quantity.mean(dtype=np.float64) == pytest.approx(84.56, abs=0.005)
    assert table.quantity.max() == 19873
    assert np.sum(table.quantity < 0) == 10
    raw = pl.scan_parquet(FAVORITA / "weekly_sales.parquet")
    one = raw.filter(pl.col("item") == table.items[7], pl.col("store") == table.locations[3])
    series = np.flatnonzero((table.item_index == 7) & (table.location_index == 3))
    expected = one.sort("date").collect()["sales"].to_numpy()
    np.testing.assert_array_equal(table.quantity[series], expected[None])


def test_a_day_is_that_of_the_clock_of_its_zone(tmp_path: Path) -> None:
    midnights = pl.col("date").cast(pl.Datetime).dt.replace_time_zone("Europe/Zurich")
    table = read(sales().with_columns(midnights), tmp_path, ".parquet")
    assert_same(table, read(sales(), tmp_path))


def test_columns_that_are_not_separated_by_commas_are_refused(tmp_path: Path) -> None:
    sales().write_csv(tmp_path / "sales.csv", separator=";")
    with pytest.raises(InputError, match=r"has one column, 'date;item;.*separate columns by com"):
        read_sales(tmp_path / "sales.csv", TableColumns(), "keep")
