"""One store, lost sales, Poisson(5): the default network beside the exact optimum.

    python experiments/lost_sales.py

Published: HDPO within 0.25 % in all cells with three hidden layers (arXiv 2306.11246). Gaps here
are exact: of the average cost of the learned policy, orders rounded, as a Markov chain.
"""

import itertools

from cells import QUICK, run_cell, seconds_of, write_table

CELLS = [(1, 9.0), (4, 39.0)] if QUICK else itertools.product((1, 2, 3, 4), (4.0, 9.0, 19.0, 39.0))
SEEDS = 2 if QUICK else 4
PUBLISHED_GAP_AT_MOST = 0.25


def row(cell: tuple[int, float]) -> dict:
    """One cell of the table."""
    lead_time, underage_cost = cell
    finished = run_cell(
        [
            "experiment=quickstart",
            f"problem.edges.order.lead_time={lead_time}",
            f"problem.nodes.store.underage_cost={underage_cost}",
            f"training.seeds={SEEDS}",
        ]
    )
    optimum, base_stock, capped, learned = finished.table.rows
    gap = finished.table.gap
    return {
        "lead_time": lead_time,
        "underage_cost": underage_cost,
        "optimum": optimum.exact,
        "base_stock_gap_percent": 100 * gap(base_stock),
        "capped_gap_percent": 100 * gap(capped),
        "learned_exact": learned.exact,
        "learned_test": learned.tested.estimate,
        "learned_gap_percent": 100 * gap(learned),
        "published_gap_percent_at_most": PUBLISHED_GAP_AT_MOST,
        "seeds": SEEDS,
        "train_seconds_all_seeds": seconds_of(finished),
    }


if __name__ == "__main__":
    write_table("lost_sales", CELLS, row)
