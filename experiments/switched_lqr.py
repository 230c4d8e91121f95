"""The switched regulator: mixed gradients beside schedules of modes and the optimum.

    python experiments/switched_lqr.py
    python experiments/switched_lqr.py --dimensions=10 --modes=8

Costs are of whole episodes of 20 periods, all on the same first states, which have the law of arXiv
2605.14297. The optimum comes from a dynamic program on quadratic forms (to within 0.1 % with two
modes and 1 % with four, above which there is a lower bound instead) and may look at the state; the
round robin may not. Published: HPO with and without the cross term at 48 states and two modes,
53.89; PPO, 79.36.
"""

from __future__ import annotations

import itertools

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure

PERIODS = 20
PUBLISHED = {(48, 2): 53.89}
NAMES = {
    "optimum": "optimum",
    "lower bound": "lower_bound",
    "round robin": "round_robin",
    "best single mode": "single_mode",
}


def row(cell: tuple[int, int]) -> dict:
    """One cell of the table."""
    dimension, modes = cell
    finished = run_cell(
        [
            "experiment=switched_lqr",
            f"problem.dimension={dimension}",
            f"problem.modes={modes}",
            f"training.steps={1000 if QUICK else 16000}",
            "training.patience=16000",
        ]
    )
    *known, learned = finished.table.rows
    assert learned.tested is not None
    costs: dict[str, float | None] = dict.fromkeys(NAMES.values())
    for reference in known:
        average = reference.exact if reference.tested is None else reference.tested.estimate
        costs[NAMES[reference.name]] = PERIODS * average
    cost = PERIODS * learned.tested.estimate
    optimum = costs["optimum"]
    return {
        "dimension": dimension,
        "modes": modes,
        "learned": cost,
        **costs,
        "gap_percent": None if optimum is None else 100 * (cost / optimum - 1),
        "published": PUBLISHED.get(cell),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    chosen = itertools.product(
        [int(count) for count in option("dimensions", (48,) if QUICK else (10, 24, 48))],
        [int(count) for count in option("modes", (2,) if QUICK else (2, 4, 1))],
    )
    figure = Figure(
        "dimension",
        ("learned", "optimum", "lower_bound", "round_robin", "single_mode"),
        "total cost",
        panel="modes",
        log_values=True,
    )
    write_table("switched_lqr", ("dimension", "modes"), chosen, row, figure)
