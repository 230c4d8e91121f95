"""Two slow items with large, rare demand: mixed gradients beside their exact optimum.

    python experiments/slow_items.py
    python experiments/slow_items.py --joint-fixed-costs=50

Costs are per item and period, procurement included: negative binomial demand of means 0.77 and
0.38 with a coefficient of variation of 3.6, no lead time (arXiv 2511.11830). An order pays about
every forty periods and waits for a backlog, so paths are longer than those of
`experiments/joint_replenishment.py`, and a batch has four times as many. The optimum is that of a
dynamic program; the classical policies are the best that are found. Published: the dynamic program,
a neural network, and the classical policies, all simulated.
"""

from __future__ import annotations

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure

NAMES = {
    "best (R, S)": "review",
    "best (Q, S)": "quantity",
    "best can-order": "can_order",
    "hybrid": "learned",
}
COLUMNS = ("optimum", "learned", "can_order", "quantity", "review")
PUBLISHED = {
    20: (0.993, 1.002, 0.995, 1.585, 1.572),
    50: (1.411, 1.423, 1.416, 2.094, 2.084),
    100: (1.889, 1.902, 1.911, 2.617, 2.630),
}
ITEMS = 2


def row(joint_fixed_cost: float) -> dict:
    """One cell of the table."""
    steps = 200 if QUICK else 1600
    finished = run_cell(
        [
            "experiment=joint_replenishment",
            "problem=joint_replenishment_2",
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
    optimum, *others = table.rows
    tested = {NAMES[one.name]: one for one in others}
    costs = {name: one.tested.estimate / ITEMS for name, one in tested.items() if one.tested}
    assert optimum.exact is not None
    known = {"optimum": optimum.exact / ITEMS} | costs
    printed = PUBLISHED.get(int(joint_fixed_cost), (None,) * len(COLUMNS))
    return {
        "joint_fixed_cost": joint_fixed_cost,
        **{name: known[name] for name in COLUMNS},
        "gap_percent": 100 * (known["learned"] / known["optimum"] - 1),
        "can_order_gap_percent": 100 * (known["can_order"] / known["optimum"] - 1),
        **{f"published_{name}": cost for name, cost in zip(COLUMNS, printed, strict=True)},
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    chosen = option("joint-fixed-costs", (50,) if QUICK else (20, 50, 100))
    figure = Figure(
        "joint_fixed_cost",
        ("optimum", "learned", "can_order", "quantity", "review"),
        "cost per item and period",
    )
    write_table("slow_items", ["joint_fixed_cost"], map(float, chosen), row, figure)
