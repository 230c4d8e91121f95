"""One store, backlogged, clipped normal demand: fitted base-stock and the default network.

    python experiments/backlogged.py

The optimum is the newsvendor level over the lead time plus one period. A fitted level's cost is
exact; the network is compared with the optimum on the same test paths. Published gaps are those of
the paper's vanilla network (test loss against a simulated base-stock).
"""

import itertools

from cells import QUICK, origin, run_cell, seconds_of, write_table
from figures import Figure

PUBLISHED_GAP_PERCENT = {
    1: (0.00, 0.00, 0.01, 0.01),
    4: (0.01, 0.02, 0.01, 0.02),
    7: (None, None, None, None),
    10: (0.01, 0.01, 0.17, 0.12),
    15: (None, None, None, None),
    20: (0.01, 0.11, 0.09, 0.06),
}
UNDERAGE_COSTS = (4.0, 9.0, 19.0, 39.0)
CELLS = (
    [(10, 19.0), (20, 39.0)] if QUICK else itertools.product(PUBLISHED_GAP_PERCENT, UNDERAGE_COSTS)
)


def row(cell: tuple[int, float]) -> dict:
    """One cell of the table."""
    lead_time, underage_cost = cell
    problem = [
        "problem=one_store_backlogged",
        "problem.lead_time_bound=20",
        f"problem.edges.order.lead_time={lead_time}",
        f"problem.nodes.store.underage_cost={underage_cost}",
        "training.train.periods=80",
        "training.train.burn_in=30",
        "training.test={scenarios: 4096, periods: 5000, burn_in: 3000}",
    ]
    fitted = run_cell([*problem, "policy=base_stock"])
    learned = run_cell([*problem, "training.steps=2000", "training.patience=2000"])
    optimum, level = fitted.table.rows
    return {
        "lead_time": lead_time,
        "underage_cost": underage_cost,
        "optimum": optimum.exact,
        "optimal_level": float(optimum.detail.split()[-1]),
        "fitted_level": float(level.detail.removeprefix("S=")),
        "fitted_gap_percent": 100 * fitted.table.gap(level),
        "network_gap_percent": 100 * learned.table.gap(learned.table.rows[-1]),
        "published_gap_percent": PUBLISHED_GAP_PERCENT[lead_time][
            UNDERAGE_COSTS.index(underage_cost)
        ],
        "network_train_seconds": seconds_of(learned.path),
        **origin(learned.path),
    }


if __name__ == "__main__":
    figure = Figure(
        "lead_time",
        ("network_gap_percent", "fitted_gap_percent", "published_gap_percent"),
        "gap to the optimum (%)",
        panel="underage_cost",
    )
    write_table("backlogged", ["lead_time", "underage_cost"], CELLS, row, figure)
