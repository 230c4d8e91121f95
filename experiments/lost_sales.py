"""One store, lost sales, Poisson(5): the default network beside the exact optimum.

    python experiments/lost_sales.py
    python experiments/lost_sales.py training.seeds=8
    python experiments/lost_sales.py --recipe=paper

Published: HDPO within 0.25 % in all cells with three hidden layers (arXiv 2306.11246). Gaps here
are exact: of the average cost of the learned policy, orders rounded, as a Markov chain.
`--recipe=paper` trains by the paper's recipe (`conf/experiment/paper_one_store_lost.yaml`) with
what two cores can afford, 1,000 updates of 1,024 scenarios and two seeds; the rows of both stand
in one table.
"""

import itertools

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure

from neuroinv.training.records import read_facts

CELLS = [(1, 9.0), (4, 39.0)] if QUICK else itertools.product((1, 2, 3, 4), (4.0, 9.0, 19.0, 39.0))
SEEDS = 2 if QUICK else 4
PUBLISHED_GAP_AT_MOST = 0.25
RECIPES = {
    "ours": ["experiment=quickstart"],
    "paper": [
        "experiment=paper_one_store_lost",
        "training.dev={scenarios: 2048, periods: 100, burn_in: 60}",
        "training.test={scenarios: 1024, periods: 1200, burn_in: 200}",
        f"training.steps={300 if QUICK else 1000}",
        "training.steps_between_dev=100",
        "training.patience=1000",
    ],
}


def row(cell: tuple[str, tuple[int, float]]) -> dict:
    """One cell of the table."""
    recipe, (lead_time, underage_cost) = cell
    finished = run_cell(
        [
            *RECIPES[recipe],
            f"problem.edges.order.lead_time={lead_time}",
            f"problem.nodes.store.underage_cost={underage_cost}",
            f"training.seeds={min(SEEDS, 2) if recipe == 'paper' else SEEDS}",
        ]
    )
    optimum, base_stock, capped, learned = finished.table.rows
    gap = finished.table.gap
    return {
        "recipe": recipe,
        "lead_time": lead_time,
        "underage_cost": underage_cost,
        "optimum": optimum.exact,
        "base_stock_gap_percent": 100 * gap(base_stock),
        "capped_gap_percent": 100 * gap(capped),
        "learned_exact": learned.exact,
        "learned_test": learned.tested.estimate,
        "learned_gap_percent": 100 * gap(learned),
        "published_gap_percent_at_most": PUBLISHED_GAP_AT_MOST,
        "seeds": len((read_facts(finished.path) or {})["seeds"]),
        "train_seconds_all_seeds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    cells = itertools.product(option("recipe", ["ours"]), CELLS)
    figure = Figure(
        "lead_time",
        ("learned_gap_percent", "capped_gap_percent", "base_stock_gap_percent"),
        "gap to the optimum (%)",
        lines=("recipe",),
        panel="underage_cost",
    )
    write_table("lost_sales", ["recipe", "lead_time", "underage_cost"], cells, row, figure)
