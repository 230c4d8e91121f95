"""The switched regulator: mixed gradients beside schedules of modes and the optimum.

    python experiments/switched_lqr.py
    python experiments/switched_lqr.py --dimensions=10 --modes=8
    python experiments/switched_lqr.py --dimensions=48 --modes=2 --seeds=3

Costs are of whole episodes of 20 periods, all on the same first states, which have the law of arXiv
2605.14297. The optimum comes from a dynamic program on quadratic forms (to within 0.1 % with two
modes and 1 % with four, above which there is a lower bound instead) and may look at the state; the
round robin may not. `low` and `high` bound the mean of several seeds, 95 %. Published: HPO with and
without the cross term at 48 states and two modes, 53.89; PPO (`switched_lqr_ppo.py`), 79.36.
"""

from __future__ import annotations

import itertools

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure

from neuroinv.experiment import Finished

PERIODS = 20
SEEDS = int(option("seeds", [1])[0])
PUBLISHED = {(48, 2): 53.89}
NAMES = {
    "optimum": "optimum",
    "lower bound": "lower_bound",
    "round robin": "round_robin",
    "best single mode": "single_mode",
}


def trained(dimension: int, modes: int, *more: str) -> Finished:
    """The run of one cell, with these overrides too."""
    return run_cell(
        [
            "experiment=switched_lqr",
            f"problem.dimension={dimension}",
            f"problem.modes={modes}",
            f"training.steps={1000 if QUICK else 16000}",
            "training.patience=16000",
            *more,
        ]
    )


def costs_of_episodes(finished: Finished) -> dict[str, float | None]:
    """What a run learned costs, and all that it is compared with, by columns of the table."""
    *known, learned = finished.table.rows
    assert learned.tested is not None
    costs: dict[str, float | None] = dict.fromkeys(NAMES.values())
    for reference in known:
        average = reference.exact if reference.tested is None else reference.tested.estimate
        costs[NAMES[reference.name]] = PERIODS * average
    cost, optimum = PERIODS * learned.tested.estimate, costs["optimum"]
    gap = None if optimum is None else 100 * (cost / optimum - 1)
    return {"learned": cost, **costs, "gap_percent": gap}


def row(cell: tuple[int, int]) -> dict:
    """One cell of the table."""
    dimension, modes = cell
    finished = trained(dimension, modes, f"training.seeds={SEEDS}", "training.seed_chunk=1")
    tested = finished.table.rows[-1].tested
    assert tested is not None
    return {
        "dimension": dimension,
        "modes": modes,
        **costs_of_episodes(finished),
        "low": PERIODS * tested.low if SEEDS > 1 else None,
        "high": PERIODS * tested.high if SEEDS > 1 else None,
        "seeds": SEEDS,
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
        band=("low", "high"),
        log_values=True,
    )
    write_table("switched_lqr", ("dimension", "modes"), chosen, row, figure)
