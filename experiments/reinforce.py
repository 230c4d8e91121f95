"""Robustness over learning rates: gradients through the simulator against the score function.

    python experiments/reinforce.py

One store with lost sales; the same network, updates and scenarios for every algorithm. Gaps are
exact: the average cost of the greedy policy, orders rounded, as a Markov chain, over the optimum.
A seed that diverges counts with its best before; a cell of which none ever had a finite dev cost is
a row without a gap.
Published: that HDPO is more robust than REINFORCE (abstract of arXiv 2306.11246, no numbers).
"""

import itertools

from cells import QUICK, composed, origin, run_cell, seconds_of, write_table
from figures import Figure

from neuroinv.training.loop import DivergedError
from neuroinv.training.records import run_path

ALGORITHMS = {
    "HDPO": ["algorithm=hdpo"],
    "REINFORCE, no baseline": ["algorithm=reinforce", "algorithm.baseline=none"],
    "REINFORCE, batch mean": ["algorithm=reinforce", "algorithm.baseline=batch_mean"],
    "REINFORCE, learned value": ["algorithm=reinforce", "algorithm.baseline=learned_value"],
}
LEARNING_RATES = (0.001, 0.01) if QUICK else (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
LEAD_TIMES = (2,) if QUICK else (2, 4)


def row(cell: tuple[int, str, float]) -> dict:
    """One cell of the table."""
    lead_time, algorithm, learning_rate = cell
    overrides = [
        "problem=one_store_lost",
        f"problem.edges.order.lead_time={lead_time}",
        *ALGORITHMS[algorithm],
        f"algorithm.learning_rate={learning_rate}",
        f"training.steps={500 if QUICK else 2000}",
        "training.patience=2000",
        f"training.seeds={1 if QUICK else 2}",
        "training.test={scenarios: 512, periods: 1200, burn_in: 200}",
    ]
    try:
        table = run_cell(overrides).table
        exact, gap = table.rows[-1].exact, table.gap(table.rows[-1])
    except DivergedError:
        exact, gap = None, None
    path = run_path(composed(overrides))
    return {
        "lead_time": lead_time,
        "algorithm": algorithm,
        "learning_rate": learning_rate,
        "exact": exact,
        "gap_percent": None if gap is None else 100 * gap,
        "train_seconds": seconds_of(path),
        **origin(path),
    }


if __name__ == "__main__":
    cells = itertools.product(LEAD_TIMES, ALGORITHMS, LEARNING_RATES)
    figure = Figure(
        "learning_rate",
        ("gap_percent",),
        "gap to the optimum (%)",
        lines=("algorithm",),
        panel="lead_time",
        log_x=True,
        log_values=True,
    )
    write_table("reinforce", ["lead_time", "algorithm", "learning_rate"], cells, row, figure)
