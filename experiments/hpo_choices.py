"""What the choices within HPO are worth, by runs in pairs.

    python experiments/hpo_choices.py
    python experiments/hpo_choices.py "--choices=no cross term"
    python experiments/hpo_choices.py "--problems=switched regulator of 10 states and 4 modes"

Each row compares runs that share seeds, networks and scenarios and differ in one choice alone:

    no cross term     the score of a regime is not followed into the state it was drawn in
    reference scales  costs and scores in the units of the paper's public code, which differ
    batch mean        costs to go are compared with their mean over the batch, nothing is learned
    trace of one      costs to go are counted to the end, and what is learned is a baseline alone

`percent` is how much the best dev cost of the choice lies above the default's, with a 95 %
interval over seeds; above zero the default is better. Seconds, date and commit are of the choice's
run; both runs are to be of commits that train alike. Published (arXiv 2605.14297) of the cross
term: within 2 %, with signs that its code and text do not agree on.
"""

from __future__ import annotations

import itertools

import numpy as np
from cells import QUICK, dev_costs_of, option, origin, run_cell, seconds_of, write_table
from figures import Figure

from neuroinv.analysis.statistics import mean_interval

SEEDS = 2 if QUICK else 8
CHOICES = {
    "no cross term": "algorithm.cross_term=false",
    "reference scales": "algorithm.scales=reference",
    "batch mean": "algorithm.baseline=batch_mean",
    "trace of one": "algorithm.trace=1",
}
PROBLEMS = {
    "joint replenishment of 10 items": [
        "experiment=joint_replenishment",
        f"training.steps={200 if QUICK else 800}",
    ],
    "joint replenishment of 10 items started at random": [
        "experiment=joint_replenishment",
        "policy.start=none",
        f"training.steps={200 if QUICK else 800}",
    ],
    "joint replenishment of 60 items in batches of 16": [
        "experiment=joint_replenishment",
        "problem.nodes.item.count=60",
        "problem.edges.order.joint_fixed_cost=3840",
        "training.batch=16",
        f"training.steps={200 if QUICK else 800}",
    ],
    "joint replenishment of 60 items in batches of 16 started at random": [
        "experiment=joint_replenishment",
        "policy.start=none",
        "problem.nodes.item.count=60",
        "problem.edges.order.joint_fixed_cost=3840",
        "training.batch=16",
        f"training.steps={200 if QUICK else 800}",
    ],
    "switched regulator of 10 states and 2 modes": [
        "experiment=switched_lqr",
        f"training.steps={400 if QUICK else 2000}",
    ],
    "switched regulator of 10 states and 4 modes": [
        "experiment=switched_lqr",
        "problem.modes=4",
        f"training.steps={400 if QUICK else 2000}",
    ],
    "switched regulator of 48 states and 2 modes": [
        "experiment=switched_lqr",
        "problem.dimension=48",
        f"training.steps={400 if QUICK else 2000}",
    ],
}


def best_dev_costs(problem: str, *choice: str) -> tuple[np.ndarray, float, dict]:
    """Best dev cost of every seed, seconds of training, and where the run was made."""
    run = run_cell(
        [
            *("training.batch=64", "training.seed_chunk=1", f"training.seeds={SEEDS}"),
            *PROBLEMS[problem],
            *choice,
        ]
    )
    return dev_costs_of(run.path), seconds_of(run.path), origin(run.path)


def row(cell: tuple[str, str]) -> dict:
    """One problem and choice: both runs, compared seed by seed."""
    problem, choice = cell
    default, _, default_made = best_dev_costs(problem)
    other, train_seconds, made = best_dev_costs(problem, CHOICES[choice])
    found = mean_interval(100 * (other / default - 1))
    return {
        "problem": problem,
        "choice": choice,
        "seeds": SEEDS,
        "default": float(default.mean()),
        "with_choice": float(other.mean()),
        "percent": found.estimate,
        "low": found.low,
        "high": found.high,
        "train_seconds": train_seconds,
        "default_commit": default_made["commit"],
        **made,
    }


if __name__ == "__main__":
    problems = list(PROBLEMS)[:1] if QUICK else PROBLEMS
    cells = itertools.product(option("problems", problems), option("choices", CHOICES))
    figure = Figure(
        "problem",
        ("percent",),
        "cost that a choice adds to the default (%)",
        lines=("choice",),
        band=("low", "high"),
    )
    write_table("hpo_choices", ("problem", "choice"), cells, row, figure)
