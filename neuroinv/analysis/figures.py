"""Figures of a run, drawn from its directory alone."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from neuroinv.analysis.statistics import mean_interval
from neuroinv.analysis.table import read_table
from neuroinv.training.records import read_metrics


def learning_curves(path: Path) -> Path:
    """Draw dev cost (or profit) against updates: mean over seeds, 95 % interval, references as
    lines. Returns the file (an SVG; a PNG lies beside it)."""
    table = read_table(path)
    sign = -1 if table.profit else 1
    records = read_metrics(path)
    costs = [np.asarray(record["dev_cost"], np.float64) for record in records]
    # Where a seed diverges it is left out; from then on its best counts.
    finite = {
        record["step"]: sign * values[np.isfinite(values)]
        for record, values in zip(records, costs, strict=True)
        if np.isfinite(values).any()
    }
    steps, curve = list(finite), [mean_interval(values) for values in finite.values()]
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    axes.plot(
        steps, [point.estimate for point in curve], label=f"{table.policy}, dev, mean of seeds"
    )
    axes.fill_between(
        steps, [point.low for point in curve], [point.high for point in curve], alpha=0.25
    )
    styles = itertools.product(("black", "gray"), ("-", "--", ":", "-."))
    for (colour, style), row in zip(itertools.cycle(styles), table.references(), strict=False):
        axes.axhline(row.value, color=colour, linestyle=style, linewidth=0.9, label=row.name)
    shown = [point.estimate for point in curve] + [row.value for row in table.references()]
    low, high = min(shown), max(shown)
    lines = [row.value for row in table.references()] or [low]
    if sign > 0:  # the first points are far off and would flatten all that matters
        high = min(high, max(lines) + 4 * (max(lines) - min(lines) + 0.02 * abs(low)))
    margin = 0.05 * max(high - low, 0.01 * abs(high), 1e-6)  # costs may all be the same
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel("updates")
    axes.set_ylabel("average profit per period" if table.profit else "average cost per period")
    axes.set_title(table.title, fontsize=10)
    axes.legend(fontsize=8)
    for suffix in ("png", "svg"):
        figure.savefig(path / f"curves.{suffix}", dpi=150, metadata=None)
    plt.close(figure)
    return path / "curves.svg"
