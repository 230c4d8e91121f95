"""What each change to the paper's recipe brings in joint replenishment, one after the other.

    python experiments/joint_replenishment_changes.py
    python experiments/joint_replenishment_changes.py --items=10 --batches=64
    python experiments/joint_replenishment_changes.py "--changes=the paper's recipe"

Sixty items and batch 16, where the paper's recipe falls furthest behind. Every row keeps the
changes of the rows before it; the last is the recipe of `experiments/joint_replenishment.py`. All
train two towers for 1,600 updates and are compared with the best classical policy path by path, in
percent with a 95 % interval, in the window and in the long run of that experiment. The paper's
recipe comes close to that of the public code of arXiv 2605.14297, and discounts later costs by 0.93
like it, where its text says 0.99. Its nets have 512 units, and read costs and means, which are the
same in every scenario; the second row lets them read how long stock lasts on the whole and of the
worst item too, which every later row does. What else is known to differ: that code lets the weight
of entropy fall to 0.001 instead of zero, clips each net's gradient by itself, reads a moving mean
of demand, trains its value at the same rate and counts on it beyond the horizon; it starts from
orthogonal weights, standardises advantages by minibatch and keeps the step after which an epoch
ends. Our value reads the mean of the other scenarios in the same period, so it knows the period,
and our nets read the sum of each item's stock and orders beside its parts.

A weight of entropy belongs to the units of costs, a trace to the discount, and a bound on gradients
to the learning rate, so each pair changes in one row. Quick: three items, and four of the changes.
"""

from __future__ import annotations

import itertools

import recipes
from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure
from joint_replenishment import in_the_long_run, over_best_classical, overrides

PAPER = recipes.PAPER | {
    "policy.observes": "[inventory,costs,demand_scale]",
    "policy.overall_cover": "false",
    "policy.start": "none",
    "policy.orders": "quantity",
    "algorithm.discount": 0.93,
    "algorithm.first_decisions": 20,
    "algorithm.last_decisions": 20,
}
CHANGES = {
    "the paper's recipe": {},
    "mean and least cover": {"policy.overall_cover": "true"},
    "64 units": {"policy.hidden": "[64,64]", "algorithm.value_hidden": "[64,64]"},
    "nets read stock alone": {"policy.observes": "[inventory]"},
    **recipes.CHANGES,
    "levels instead of quantities": {"policy.orders": "up_to"},
    "start at economic orders": {"policy.start": "economic"},
    "other decisions untrained": {
        "algorithm.first_decisions": 16,
        "algorithm.last_decisions": 10,
    },
}
FEW_CHANGES = [
    "nets read stock alone",
    "later costs in full",
    "levels instead of quantities",
    "other decisions untrained",
]


def row(cell: tuple[int, int, str]) -> dict:
    """One cell of the table."""
    items, batch, change = cell
    changed = recipes.overrides_up_to(change, PAPER, CHANGES)
    finished = run_cell([*overrides(items, batch, "hybrid", 8192, 16), *changed])
    tested = finished.table.rows[-1].tested
    assert tested is not None
    return {
        "items": items,
        "batch": batch,
        "changes": list(CHANGES).index(change),
        "change": change,
        "learned": tested.estimate / items,
        **over_best_classical(finished.table),
        **over_best_classical(in_the_long_run(finished.path, items), "long_run_"),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    chosen = itertools.product(
        [int(count) for count in option("items", [3 if QUICK else 60])],
        [int(count) for count in option("batches", [64 if QUICK else 16])],
        option("changes", FEW_CHANGES if QUICK else CHANGES, CHANGES),
    )
    figure = Figure(
        "change",
        ("long_run_percent_over_best_classical", "percent_over_best_classical"),
        "cost above the best classical policy (%)",
        lines=("batch",),
        panel="items",
        log_values=True,
    )
    keys = ("items", "batch", "changes")
    write_table("joint_replenishment_changes", keys, chosen, row, figure)
