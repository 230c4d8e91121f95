"""A cross-dock and its stores: the perceptron and water filling beside the lower bound.

    python experiments/transshipment.py

Costs are per store and period; gaps are to the Federgruen-Zipkin bound, which no policy attains,
and against water filling the network is compared path by path, with a 95 % interval.
Published: the vanilla network of arXiv 2306.11246 (stores' correlation 0.5), which took 2,560 to
8,000 updates of 1,024 scenarios to come within 1 % on dev.
"""

import itertools

from cells import QUICK, origin, percent_over, run_cell, seconds_of, write_table
from figures import Figure

PUBLISHED_GAP_PERCENT = {
    (3, 2, 4.0): 0.00,
    (3, 6, 4.0): 0.18,
    (5, 6, 4.0): 0.24,
    (10, 2, 4.0): 0.13,
    (10, 6, 4.0): 0.29,
}
CELLS = [(5, 2, 9.0)] if QUICK else itertools.product((3, 5, 10), (2, 6), (4.0, 9.0))


def row(cell: tuple[int, int, float]) -> dict:
    """One cell of the table."""
    stores, lead_time, underage_cost = cell
    steps = 1000 if QUICK else 2000
    finished = run_cell(
        [
            "problem=transshipment",
            f"problem.nodes.store.count={stores}",
            f"problem.edges.to_store.lead_time={lead_time}",
            "problem.lead_time_bound=6",
            f"problem.nodes.store.underage_cost={underage_cost}",
            "policy=mlp",
            "policy.hidden=[128,128]",
            "training.train={scenarios: 32768, periods: 100, burn_in: 20}",
            "training.batch=128",
            "training.test={scenarios: 4096, periods: 5000, burn_in: 3000}",
            f"training.steps={steps}",
            f"training.patience={steps}",
            "algorithm.learning_rate=0.003",
        ]
    )
    bound, heuristic, learned = finished.table.rows
    assert learned.tested is not None
    assert heuristic.tested is not None
    return {
        "stores": stores,
        "lead_time": lead_time,
        "underage_cost": underage_cost,
        "bound": bound.exact / stores,
        "water_filling": heuristic.tested.estimate / stores,
        "learned": learned.tested.estimate / stores,
        "water_filling_gap_percent": 100 * finished.table.gap(heuristic),
        "learned_gap_percent": 100 * finished.table.gap(learned),
        **percent_over(heuristic, "percent_over_water_filling"),
        "published_gap_percent": PUBLISHED_GAP_PERCENT.get(cell),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    figure = Figure(
        "lead_time",
        ("learned_gap_percent", "water_filling_gap_percent", "published_gap_percent"),
        "gap to the bound (%)",
        lines=("stores",),
        panel="underage_cost",
    )
    write_table("transshipment", ["stores", "lead_time", "underage_cost"], CELLS, row, figure)
