"""Slow items with large, rare demand: mixed gradients beside classical policies and the optimum.

    python experiments/slow_items.py
    python experiments/slow_items.py --items=2 --joint-fixed-costs=50
    python experiments/slow_items.py --items=12 --joint-fixed-costs=100

Costs are per item and period, procurement included: negative binomial demand of means 0.38 to 0.77
with a coefficient of variation of 3.6, no lead time (arXiv 2511.11830). An order of two items pays
about every forty periods and waits for a backlog, so paths are longer than those of
`experiments/joint_replenishment.py`, and a batch has four times as many. The optimum, of two items,
is that of a dynamic program; the classical policies are the best that are found.
`percent_over_best_classical` compares with the best of them path by path, with a 95 % interval.
Published: the dynamic program, a neural network, and the classical policies, all simulated; of
twelve items the network's.
"""

from __future__ import annotations

import itertools

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure
from joint_replenishment import over_best_classical

NAMES = {
    "best (R, S)": "review",
    "best (Q, S)": "quantity",
    "best can-order": "can_order",
    "hybrid": "learned",
}
COLUMNS = ("optimum", "learned", "can_order", "quantity", "review")
PUBLISHED = {
    (2, 20.0): (0.993, 1.002, 0.995, 1.585, 1.572),
    (2, 50.0): (1.411, 1.423, 1.416, 2.094, 2.084),
    (2, 100.0): (1.889, 1.902, 1.911, 2.617, 2.630),
    (12, 20.0): (None, 0.848, None, None, None),
    (12, 100.0): (None, 1.331, None, None, None),
    (12, 200.0): (None, 1.678, None, None, None),
}


def row(cell: tuple[int, float]) -> dict:
    """One cell of the table."""
    items, joint_fixed_cost = cell
    steps = 200 if QUICK else 1600
    finished = run_cell(
        [
            "experiment=joint_replenishment",
            f"problem=joint_replenishment_{items}",
            f"problem.edges.order.joint_fixed_cost={joint_fixed_cost:g}",
            "training.train={scenarios: 8192, periods: 300, burn_in: 100}",
            "training.dev={scenarios: 1024, periods: 600, burn_in: 200}",
            "training.test={scenarios: 1024, periods: 2200, burn_in: 200}",
            "algorithm.first_decisions=100",
            "algorithm.last_decisions=50",
            "training.batch=256",
            f"training.steps={steps}",
            f"training.patience={steps}",
        ]
    )
    table = finished.table
    optimum = next((one.exact / items for one in table.rows if one.name == "optimum"), None)
    costs = {
        NAMES[one.name]: one.tested.estimate / items for one in table.rows if one.name in NAMES
    }
    known = costs | {"optimum": optimum}
    printed = PUBLISHED.get(cell, (None,) * len(COLUMNS))
    return {
        "items": items,
        "joint_fixed_cost": joint_fixed_cost,
        **{name: known[name] for name in COLUMNS},
        "gap_percent": optimum and 100 * (costs["learned"] / optimum - 1),
        "can_order_gap_percent": optimum and 100 * (costs["can_order"] / optimum - 1),
        **over_best_classical(table),
        **{f"published_{name}": cost for name, cost in zip(COLUMNS, printed, strict=True)},
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    counts = [int(count) for count in option("items", (2,) if QUICK else (2, 12), ["2", "12"])]
    costs = [float(cost) for cost in option("joint-fixed-costs", (50,) if QUICK else (20, 50, 100))]
    figure = Figure(
        "joint_fixed_cost",
        ("optimum", "learned", "can_order", "quantity", "review"),
        "cost per item and period",
        panel="items",
    )
    cells = itertools.product(counts, costs)
    write_table("slow_items", ["items", "joint_fixed_cost"], cells, row, figure)
