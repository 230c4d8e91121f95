"""One set of weights on networks of other sizes: as it is, after a short fine-tune, and anew.

    python experiments/transfer.py
    python experiments/transfer.py --aggregation=root

A graph network is trained on one warehouse with few stores and scored, as it is, on many; then it
is trained further there for a tenth of the updates. A second one is trained on a padded batch of
different graphs, in which every one of the few stores is there or not. Nodes hear the mean of their
edges, or with `--aggregation=root`, as in the paper, their sum over the root of their number, which
grows with the stores. Costs are per store and period; `excess` is over the network trained on many
stores from the start. Published: nothing of the kind.
"""

import functools
from pathlib import Path

from cells import QUICK, option, origin, run_cell, seconds_of, shared_batch, write_table
from figures import Figure

from neuroinv.analysis.table import Table
from neuroinv.composition import override
from neuroinv.experiment import evaluate
from neuroinv.training.records import read_facts

FEW, MANY = (3, 10) if QUICK else (10, 50)
STEPS = 500 if QUICK else 1000
AGGREGATION = option("aggregation", ["mean"])[0]
WAYS = (
    f"{FEW} stores",
    f"0 to {FEW} stores, padded",
    f"{FEW} stores, then {MANY}",
    f"{MANY} stores",
)


def cell(stores: int, *more: str) -> list[str]:
    """A graph network on so many stores."""
    return [
        "problem=one_warehouse_lost_2_to_5",
        f"problem.nodes.store.count={stores}",
        "policy=gnn",
        f"policy.aggregation={AGGREGATION}",
        "training.train={scenarios: 8192, periods: 100, burn_in: 20}",
        f"training.batch={shared_batch(stores)}",
        "training.dev={scenarios: 512, periods: 100, burn_in: 60}",
        "training.test={scenarios: 512, periods: 5000, burn_in: 3000}",
        "training.steps_between_dev=50",
        f"training.steps={STEPS}",
        f"training.patience={STEPS}",
        "algorithm.learning_rate=0.005",
        *more,
    ]


@functools.cache
def rows() -> dict[str, tuple[Table, Path, bool]]:
    """Of every way to train: its table on many stores, its run, and whether that saw many."""
    few = run_cell(cell(FEW))
    padded = run_cell(cell(FEW, "+problem.nodes.store.present={low: 0, high: 1, vary: both}"))
    fine_tune = [f"training.start_from={few.path}", f"training.steps={STEPS // 10}"]
    tuned = run_cell(cell(MANY, *fine_tune, "algorithm.learning_rate=0.002"))
    anew = run_cell(cell(MANY))

    def scored_on_many(path: Path) -> Table:
        given = [f"problem.nodes.store.count={MANY}", "problem.nodes.store.present=1"]
        return evaluate(path, lambda run: override(run, given))

    found = [
        (scored_on_many(few.path), few.path, False),
        (scored_on_many(padded.path), padded.path, False),
        (tuned.table, tuned.path, True),
        (anew.table, anew.path, True),
    ]
    return dict(zip(WAYS, found, strict=True))


def cost(table: Table) -> float:
    """Per store and period, on the test paths of many stores."""
    tested = table.rows[-1].tested
    assert tested is not None
    return tested.estimate / MANY


def row(name: str) -> dict:
    """One way to train."""
    table, run, on_many = rows()[name]
    anew, _, _ = rows()[WAYS[-1]]
    return {
        "trained_on": name,
        "aggregation": AGGREGATION,
        "scored_on_stores": MANY,
        "tested": cost(table),
        "excess_percent": 100 * (cost(table) / cost(anew) - 1),
        "updates_on_many": (read_facts(run) or {})["updates"] if on_many else 0,
        "train_seconds_on_many": seconds_of(run) if on_many else 0.0,
        **origin(run),
    }


if __name__ == "__main__":
    figure = Figure(
        "trained_on",
        ("excess_percent",),
        "cost above training on all stores (%)",
        lines=("aggregation",),
    )
    write_table("transfer", ["trained_on", "aggregation", "scored_on_stores"], WAYS, row, figure)
