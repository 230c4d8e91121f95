"""The switched regulator by PPO at several learning rates, beside what `switched_lqr.py` has.

    python experiments/switched_lqr_ppo.py
    python experiments/switched_lqr_ppo.py --dimensions=48 --modes=2 --learning-rates=3e-4

As many rollouts as HPO takes there, no discount, and the same first states and references.
Published (arXiv 2605.14297): 79.36 at 48 states and two modes.
"""

from __future__ import annotations

import itertools

from cells import QUICK, option, origin, seconds_of, write_table
from figures import Figure
from switched_lqr import costs_of_episodes, trained

PUBLISHED = {(48, 2): 79.36}


def row(cell: tuple[int, int, float]) -> dict:
    """One cell of the table."""
    dimension, modes, learning_rate = cell
    rate = f"algorithm.learning_rate={learning_rate}"
    finished = trained(dimension, modes, "algorithm=ppo", "algorithm.discount=1", rate)
    return {
        "dimension": dimension,
        "modes": modes,
        "learning_rate": learning_rate,
        **costs_of_episodes(finished),
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
        log_values=True,
    )
    write_table("switched_lqr_ppo", ("dimension", "modes", "learning_rate"), cells, row, figure)
