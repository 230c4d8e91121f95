"""The final table of a run: what its policy costs beside optimum, bounds and heuristics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

from neuroinv.analysis.statistics import Interval
from neuroinv.types import InputError


class Row(NamedTuple):
    """One policy. Values are per period and scenario: cost, or profit where that is the aim."""

    name: str
    detail: str
    """Its parameters, where they say something."""
    exact: float | None
    """What theory says, to float64 precision; None where it says nothing."""
    tested: Interval | None
    """Average on the test scenarios; over seeds, with an interval, where there are several."""
    standard_error: float | None = None
    """Of that average: what the luck of the test paths may be, mean over seeds."""
    paired: Interval | None = None
    """The run's policy less this one, path by path, with a 95 % interval over the test paths: what
    is left when their luck cancels. None for the run's own, for policies trained for comparison,
    and for what was not simulated."""
    parts: dict[str, float] | None = None
    """What the tested average is the sum of, by name: holding, underage, fixed and so on."""

    @property
    def value(self) -> float:
        """The exact value where there is one, else the tested one."""
        if self.exact is not None:
            return self.exact
        assert self.tested is not None
        return self.tested.estimate


class Table(NamedTuple):
    """Rows from best known to learned; gaps and shares are against the first row, if it is one that
    no policy can beat."""

    title: str
    policy: str
    profit: bool
    """Whether values are profits (more is better) or costs."""
    bound: str | None
    """Name of the row that gaps are measured against: an optimum or a bound."""
    rows: tuple[Row, ...]

    def references(self) -> tuple[Row, ...]:
        """The rows that do not belong to the run's own policy."""
        return tuple(row for row in self.rows if row.name != self.policy)

    def gap(self, row: Row) -> float | None:
        """Share of the bound that a row costs too much, or earns too little; None without one.

        Between exact values where both are known. Where one was only simulated they are compared
        on the same paths, whose luck then cancels, or, where the bound has no policy that could be
        simulated, with its exact value, and the luck of the paths stays in. None too where the
        bound is zero.
        """
        reference = next((r for r in self.rows if r.name == self.bound), None)
        if reference is None or reference.value == 0:
            return None
        exact = row.exact is not None and reference.exact is not None
        if not exact and row.tested is not None and reference.tested is not None:
            excess = row.tested.estimate - reference.tested.estimate
        else:
            excess = row.value - reference.value
        return (-excess if self.profit else excess) / abs(reference.value)


def render(table: Table) -> RichTable:
    """The table for a terminal."""
    what = "profit" if table.profit else "cost"
    shown = RichTable(title=table.title, title_justify="left", box=SIMPLE_HEAD)
    shown.add_column("policy")
    shown.add_column(f"exact {what}", justify="right")
    shown.add_column(f"test {what}", justify="right")
    shown.add_column("95 % interval over seeds", justify="right")
    if table.bound:
        shown.add_column(f"share of {table.bound}" if table.profit else "gap", justify="right")
    for row in table.rows:
        exact = "" if row.exact is None else f"{row.exact:.4f}"
        tested = "" if row.tested is None else f"{row.tested.estimate:.4f}"
        interval = ""
        if row.tested is not None and row.tested.high > row.tested.low:
            interval = f"{row.tested.low:.4f} to {row.tested.high:.4f}"
        name = f"{row.name} ({row.detail})" if row.detail else row.name
        cells = [name, exact, tested, interval]
        if table.bound:
            gap = table.gap(row)
            shown_gap = f"{1 - (gap or 0):.2%}" if table.profit else f"{gap or 0:+.2%}"
            cells.append("" if gap is None else shown_gap)
        shown.add_row(*cells, style="bold" if row.name == table.policy else None)
    return shown


def render_parts(table: Table) -> RichTable | None:
    """What the test values are made of, for a terminal, without what is nothing for every policy;
    None where nothing is known of it."""
    simulated = [row for row in table.rows if row.parts]
    names = list(dict.fromkeys(name for row in simulated for name in row.parts or ()))
    shown_names = [name for name in names if any((row.parts or {}).get(name) for row in simulated)]
    if not shown_names:
        return None
    shown = RichTable(box=SIMPLE_HEAD)
    shown.add_column(f"test {'profit' if table.profit else 'cost'}, by kind")
    for name in shown_names:
        shown.add_column(name, justify="right")
    for row in simulated:
        parts = row.parts or {}
        cells = [f"{parts[name]:.4f}" if name in parts else "" for name in shown_names]
        shown.add_row(row.name, *cells, style="bold" if row.name == table.policy else None)
    return shown


def to_json(table: Table) -> str:
    """The table as JSON that `read_table` reads back."""
    rows = [row._asdict() for row in table.rows]
    return json.dumps(table._replace(rows=())._asdict() | {"rows": rows}, indent=2) + "\n"


def read_table(path: Path) -> Table:
    """The table of a run directory. Raises InputError where it has none yet, or none that can be
    read."""
    file = path / "table.json"
    if not file.exists():
        raise InputError(f"{path} has no table.json; train the run to its end first")
    try:
        stored = json.loads(file.read_text())
    except ValueError as error:
        raise InputError(
            f"{file} cannot be read ({error}); remove it, and the same neuroinv train scores the "
            "run again"
        ) from None

    def read(row: dict) -> Row:
        intervals = {name: row.get(name) and Interval(*row[name]) for name in ("tested", "paired")}
        return Row(**row | intervals)

    rows = tuple(read(row) for row in stored.pop("rows"))
    return Table(rows=rows, **stored)
