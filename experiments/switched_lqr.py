"""The switched regulator: mixed gradients and PPO beside schedules of modes and the optimum.

    python experiments/switched_lqr.py
    python experiments/switched_lqr.py --dimensions=10 --modes=8
    python experiments/switched_lqr.py --algorithms=ppo --dimensions=48 --modes=2

Costs are of whole episodes of 20 periods, all on the same first states, which have the law of arXiv
2605.14297. The optimum comes from a dynamic program on quadratic forms (to within 0.1 % with two
modes and 1 % with four, above which there is a lower bound instead) and may look at the state; the
round robin may not. Published: HPO with and without the cross term at 48 states and two modes,
53.89; PPO, 79.36. PPO has a table of its own, of several learning rates and as many rollouts; it
discounts nothing either.
"""

from __future__ import annotations

import functools
import itertools

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure

PERIODS = 20
PUBLISHED = {("hpo", 48, 2): 53.89, ("ppo", 48, 2): 79.36}
LEARNING_RATES = {"hpo": (0.003,), "ppo": (1e-4, 3e-4, 1e-3)}
SETTINGS = {"hpo": [], "ppo": ["algorithm.discount=1"]}
TABLES = {"hpo": "switched_lqr", "ppo": "switched_lqr_ppo"}
NAMES = {
    "optimum": "optimum",
    "lower bound": "lower_bound",
    "round robin": "round_robin",
    "best single mode": "single_mode",
}


def row(algorithm: str, cell: tuple[int, int, float]) -> dict:
    """One cell of an algorithm's table."""
    dimension, modes, learning_rate = cell
    finished = run_cell(
        [
            "experiment=switched_lqr",
            f"problem.dimension={dimension}",
            f"problem.modes={modes}",
            f"algorithm={algorithm}",
            *SETTINGS[algorithm],
            f"algorithm.learning_rate={learning_rate}",
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
        "learning_rate": learning_rate,
        "learned": cost,
        **costs,
        "gap_percent": None if optimum is None else 100 * (cost / optimum - 1),
        "published": PUBLISHED.get((algorithm, dimension, modes)),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    dimensions = [int(count) for count in option("dimensions", (48,) if QUICK else (10, 24, 48))]
    counts = [int(count) for count in option("modes", (2,) if QUICK else (2, 4, 1))]
    rates = [float(rate) for rate in option("learning-rates", ())]
    references = ("optimum", "lower_bound", "round_robin", "single_mode")
    for algorithm in option("algorithms", ("hpo",) if QUICK else TABLES):
        cells = itertools.product(dimensions, counts, rates or LEARNING_RATES[algorithm])
        figure = Figure(
            "dimension",
            ("learned", *references) if algorithm == "hpo" else ("learned",),
            f"total cost with {algorithm.upper()}",
            lines=() if algorithm == "hpo" else ("learning_rate",),
            panel="modes",
            log_values=True,
        )
        keys = ("dimension", "modes", "learning_rate")
        write_table(TABLES[algorithm], keys, cells, functools.partial(row, algorithm), figure)
