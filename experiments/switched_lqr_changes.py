"""What each change to the paper's recipe brings for the switched regulator, one after the other.

    python experiments/switched_lqr_changes.py
    python experiments/switched_lqr_changes.py --dimensions=48 --modes=4
    python experiments/switched_lqr_changes.py "--changes=the paper's recipe"

Every row keeps the changes of the rows before it; the last is the recipe of
`experiments/switched_lqr.py`, with whose first states and references all are compared. The paper's
recipe comes close to that of the public code of arXiv 2605.14297: nets of 512 units that read the
state alone, 1,024 scenarios, each batch of 128 used five times, 4,000 updates. That code also lets
the weight of entropy fall to 0.001 instead of zero, clips each net's gradient by itself, and trains
its value at the same rate. Published at 48 states and two modes: 53.89.
"""

from __future__ import annotations

import itertools

import recipes
from cells import QUICK, option, origin, seconds_of, write_table
from figures import Figure
from switched_lqr import PUBLISHED, costs_of_episodes, trained

PAPER = recipes.PAPER | {
    "policy.regulator": "[]",
    "training.steps": 400 if QUICK else 4000,
    "algorithm.discount": 0.99,
}
CHANGES = {
    "the paper's recipe": {},
    "64 units": {"policy.hidden": "[64,64]", "algorithm.value_hidden": "[64,64]"},
    **recipes.CHANGES,
    "time left": {"policy.regulator": "[time_left]"},
    "squares": {"policy.regulator": "[time_left,squares]"},
    "direction": {"policy.regulator": "[time_left,squares,direction]"},
    "gains of each mode": {"policy.regulator": "[direction,squares,time_left,gains]"},
    "four times as long": {"training.steps": 1600 if QUICK else 16000},
}


def row(cell: tuple[int, int, str]) -> dict:
    """One cell of the table."""
    dimension, modes, change = cell
    finished = trained(dimension, modes, *recipes.overrides_up_to(change, PAPER, CHANGES))
    return {
        "dimension": dimension,
        "modes": modes,
        "changes": list(CHANGES).index(change),
        "change": change,
        **costs_of_episodes(finished),
        "published": PUBLISHED.get((dimension, modes)),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    chosen = itertools.product(
        [int(count) for count in option("dimensions", [10] if QUICK else [48])],
        [int(count) for count in option("modes", [2])],
        option("changes", list(CHANGES)[1:] if QUICK else CHANGES, CHANGES),
    )
    figure = Figure(
        "change",
        ("learned", "round_robin", "optimum", "published"),
        "cost of an episode",
        panel="modes",
    )
    write_table("switched_lqr_changes", ("dimension", "modes", "changes"), chosen, row, figure)
