"""The switched regulator by PPO at several learning rates, beside what `switched_lqr.py` has.

    python experiments/switched_lqr_ppo.py
    python experiments/switched_lqr_ppo.py --dimensions=48 --modes=2 --learning-rates=3e-4

As many rollouts as HPO takes there, no discount, and the same first states and references; `low`
and `high` bound the mean of the seeds, 95 %. `--dimensions`, `--modes` and `--learning-rates`
choose some of the cells, `--seeds` how many runs each takes.
Published (arXiv 2605.14297): 79.36 at 48 states and two modes.
"""

from __future__ import annotations

import itertools

from cells import QUICK, option, origin, seconds_of, write_table
from figures import Figure
from switched_lqr import PERIODS, costs_of_episodes, trained

SEEDS = int(option("seeds", [1 if QUICK else 3])[0])
PUBLISHED = {(48, 2): 79.36}


def row(cell: tuple[int, int, float]) -> dict:
    """One cell of the table."""
    dimension, modes, learning_rate = cell
    rate = f"algorithm.learning_rate={learning_rate}"
    seeds = f"training.seeds={SEEDS}"
    finished = trained(dimension, modes, "algorithm=ppo", "algorithm.discount=1", rate, seeds)
    tested = finished.table.rows[-1].tested
    assert tested is not None
    return {
        "dimension": dimension,
        "modes": modes,
        "learning_rate": learning_rate,
        **costs_of_episodes(finished),
        "low": PERIODS * tested.low if SEEDS > 1 else None,
        "high": PERIODS * tested.high if SEEDS > 1 else None,
        "seeds": SEEDS,
        "published": PUBLISHED.get((dimension, modes)),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    cells = itertools.product(
        [int(count) for count in option("dimensions", (48,) if QUICK else (10, 24, 48))],
        [int(count) for count in option("modes", (2,) if QUICK else (2, 4))],
        [
            float(rate)
            for rate in option("learning-rates", (3e-4,) if QUICK else (1e-4, 3e-4, 1e-3))
        ],
    )
    figure = Figure(
        "dimension",
        ("learned",),
        "total cost with PPO",
        lines=("learning_rate",),
        panel="modes",
        band=("low", "high"),
        log_values=True,
    )
    write_table("switched_lqr_ppo", ("dimension", "modes", "learning_rate"), cells, row, figure)
