"""What the cross term is worth: the score of a regime followed into the state, or not.

    python experiments/cross_term.py

Pairs of runs that share seeds, networks and scenarios and differ in `algorithm.cross_term` alone.
`percent` is how much the best dev cost without it lies above that with it, with a bootstrap
interval over seeds; above zero the cross term helps. Published (arXiv 2605.14297): within 2 %, with
signs that its code and text do not agree on.
"""

from __future__ import annotations

import numpy as np
from cells import QUICK, origin, run_cell, seconds_of, write_table
from figures import Figure

from neuroinv.analysis.statistics import bootstrap
from neuroinv.training.records import read_metrics

SEEDS = 2 if QUICK else 8
PROBLEMS = {
    "joint replenishment, 10 items": [
        "experiment=joint_replenishment",
        f"training.steps={200 if QUICK else 800}",
    ],
    "joint replenishment, 10 items, started at random": [
        "experiment=joint_replenishment",
        "policy.start=none",
        f"training.steps={200 if QUICK else 800}",
    ],
    "switched regulator, 10 states, 2 modes": [
        "experiment=switched_lqr",
        f"training.steps={400 if QUICK else 2000}",
    ],
    "switched regulator, 10 states, 4 modes": [
        "experiment=switched_lqr",
        "problem.modes=4",
        f"training.steps={400 if QUICK else 2000}",
    ],
}


def row(name: str) -> dict:
    """One problem: both runs, compared seed by seed."""
    runs = [
        run_cell(
            [
                *PROBLEMS[name],
                f"algorithm.cross_term={cross_term}",
                f"training.seeds={SEEDS}",
                "training.seed_chunk=1",
                "training.batch=64",
            ]
        )
        for cross_term in ("true", "false")
    ]
    with_it, without = (
        np.asarray(read_metrics(run.path)[-1]["best_dev_cost"], np.float64) for run in runs
    )
    found = bootstrap(100 * (without / with_it - 1))
    return {
        "problem": name,
        "seeds": SEEDS,
        "with_cross_term": float(with_it.mean()),
        "without": float(without.mean()),
        "percent": found.estimate,
        "low": found.low,
        "high": found.high,
        "train_seconds": sum(seconds_of(run.path) for run in runs),
        **origin(runs[0].path),
    }


if __name__ == "__main__":
    figure = Figure(
        "problem", ("percent",), "cost that dropping the cross term adds (%)", band=("low", "high")
    )
    write_table("cross_term", ("problem",), list(PROBLEMS)[:1] if QUICK else PROBLEMS, row, figure)
