"""The figure beside a table: lines over one of its columns, drawn from the table alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import polars as pl

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "neuroinv"  # the same table, the same file
import matplotlib.pyplot as plt  # noqa: E402 (after the backend is chosen)

MARKERS = "osD^vPX*"
FEW_TICKS = 8


class Figure(NamedTuple):
    """What is drawn of a table."""

    x: str
    """Column of what is varied: numbers along the horizontal axis, names down the vertical one."""
    y: tuple[str, ...]
    """Columns that are compared; dashed where the name says that others published it."""
    title: str
    """What they are, with its unit."""
    lines: tuple[str, ...] = ()
    """Columns of whose values every combination is a line of its own."""
    panel: str | None = None
    """Column of whose values each has a panel of its own."""
    band: tuple[str, str] | None = None
    """Columns of the ends of an interval around the first of `y`."""
    log_x: bool = False
    log_values: bool = False
    """Whether values are on a logarithmic axis, linear up to 0.1 where some are not above zero."""


def draw(table: pl.DataFrame, figure: Figure, file: Path) -> None:
    """Write the figure of a table as an SVG."""
    panels = [None] if figure.panel is None else table[figure.panel].unique().sort().to_list()
    named = table[figure.x].dtype == pl.String
    width = 2.6 + 3.4 * len(panels)
    drawn, axes = plt.subplots(
        1, len(panels), figsize=(width, 4.0), sharey=True, squeeze=False, layout="constrained"
    )
    if named:  # all names before any point, in the order of the panel that has most of them
        parts = table.partition_by(figure.panel) if figure.panel is not None else [table]
        names = max((part[figure.x].unique(maintain_order=True) for part in parts), key=len)
        axes[0, 0].plot(np.full(len(names), np.nan), names)
    entries: dict = {}
    for of_panel, value in zip(axes[0], panels, strict=True):
        for rows, column, name, style in _lines(table, figure):
            chosen = rows if value is None else rows.filter(pl.col(figure.panel) == value)
            _line(of_panel, chosen, figure, column, name, style, named)
        of_panel.grid(alpha=0.3)
        if not named:
            of_panel.set_xlabel(_words(figure.x))
        if figure.panel is not None:
            of_panel.set_title(f"{_words(figure.panel)} {value}", fontsize=9)
        entries |= dict(zip(*reversed(of_panel.get_legend_handles_labels()), strict=True))
    if figure.log_values:
        reaches_zero = np.nanmin(table.select(figure.y).cast(pl.Float64).to_numpy()) <= 0
        scale = {"value": "symlog", "linthresh": 0.1} if reaches_zero else {"value": "log"}
        for of_panel in axes[0]:
            (of_panel.set_xscale if named else of_panel.set_yscale)(**scale)
    first = axes[0, 0]
    if named:
        first.invert_yaxis()
        drawn.supxlabel(figure.title, fontsize="medium")
    else:
        first.set_ylabel(figure.title)
        _ticks(axes[0], table[figure.x], figure.log_x)
    if len(entries) > 1:
        drawn.legend(entries.values(), entries, loc="outside right upper", fontsize=7)
    drawn.savefig(file, metadata={"Date": None})
    plt.close(drawn)


def _lines(table: pl.DataFrame, figure: Figure) -> Iterator[tuple[pl.DataFrame, str, str, dict]]:
    """Rows, column, name and style of every line, the same in all panels."""
    telling = [column for column in figure.lines if table[column].n_unique() > 1]
    combinations = table.select(telling).unique(maintain_order=True).rows() or [()]
    for index, values in enumerate(combinations):
        rows, parts = table, []
        for column, value in zip(telling, values, strict=True):
            rows = rows.filter(pl.col(column).eq_missing(value))
            parts += [f"{_words(column)} {value}"] if value is not None else []
        for place, column in enumerate(figure.y):
            of_column = [_words(column)] if len(figure.y) > 1 else []
            style = {
                "color": f"C{(index if telling else place) % 10}",
                "linestyle": "--" if "published" in column else "-",
                # After ten lines colours come again, with another marker.
                "marker": MARKERS[(place + (index // 10 if telling else 0)) % len(MARKERS)],
            }
            yield rows.drop_nulls(column), column, ", ".join(of_column + parts), style


def _line(
    axes: plt.Axes,
    rows: pl.DataFrame,
    figure: Figure,
    column: str,
    name: str,
    style: dict,
    named: bool,
) -> None:
    if rows.is_empty():
        return
    rows = rows if named else rows.sort(figure.x)
    along, values = rows[figure.x].to_list(), rows[column].to_list()
    ends = None
    if figure.band and column == figure.y[0]:  # of one seed there is none
        ends = rows.select(pl.col(figure.band).cast(pl.Float64)).to_numpy().T
    if named:
        axes.plot(values, along, label=name, **style | {"linestyle": ""})
        if ends is not None:
            axes.hlines(along, *ends, color=style["color"])
        return
    axes.plot(along, values, label=name, markersize=4, linewidth=1.2, **style)
    if ends is not None:
        axes.fill_between(along, *ends, color=style["color"], alpha=0.2)


def _ticks(axes: Iterable[plt.Axes], column: pl.Series, log: bool) -> None:
    values = column.unique().sort().to_list()
    for of_panel in axes:
        if log and values[0] > 0:
            of_panel.set_xscale("log")
        elif log:  # linear from zero to the least value above
            of_panel.set_xscale("symlog", linthresh=min(value for value in values if value > 0))
            of_panel.set_xlim(left=values[0])
        if len(values) <= FEW_TICKS:
            of_panel.set_xticks(values, [f"{value:g}" for value in values])
            of_panel.minorticks_off()


def _words(column: str) -> str:
    """The name of a column as it is read."""
    return column.replace("_", " ").replace(" percent", " (%)")
