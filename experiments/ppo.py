"""PPO with hybrid heads over learning rates and batches, beside mixed gradients.

    python experiments/ppo.py
    python experiments/ppo.py --items=60 --batches=64 --algorithms=ppo "--settings=one epoch"

Joint replenishment, costs per item and period; the same networks, scenarios, number of rollouts and
untrained decisions for every row but those as published, started at random (`policy.start=none`, as
in arXiv 2605.14297) or from economic order quantities. A collapse is a fact only where it happens
at every learning rate and in every setting, so all of them are in the table. Published: PPO at
learning rate 1e-4 and 60 items 59.18 (batch 64) and 89.29 (16).

Settings change PPO in one way each, but for those as published, which come close to the paper's.
`as published` has its nets, inputs, discount, trace, entropy, epochs, norm, scenarios and untrained
ends, as HPO has in `joint_replenishment_changes.py`, which says what else differs; beside that, the
paper's code takes a whole batch in the first epoch, and scores noise on orders where nothing is
ordered. With nets of 512 units it takes 25 minutes of a core a seed for 60 items, batch 16. `as
published with cover` reads how long stock lasts on the whole and of the worst item too; `as
published with 64 units` does, has our nets, and reads nothing else but stock, which HPO does not
learn by that recipe either. `default` discounts
later costs by 0.95 and uses a batch five times, HPO discounts nothing and uses it once. `--items`,
`--batches`, `--starts`, `--algorithms`, `--settings` and `--learning-rates` choose some of the
cells, `--seeds` how many runs each takes.
"""

from __future__ import annotations

import itertools
import sys

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure
from joint_replenishment_changes import CHANGES, PAPER
from recipes import as_overrides

SEEDS = int(option("seeds", [1 if QUICK else 3])[0])
LEARNING_RATES = (3e-4, 1e-3) if QUICK else (1e-4, 3e-4, 1e-3, 3e-3)
NOT_OF_PPO = ("algorithm.scales", "algorithm.learning_rate", "policy.start")
PUBLISHED = {key: value for key, value in PAPER.items() if key not in NOT_OF_PPO}
WITH_COVER = PUBLISHED | CHANGES["mean and least cover"]
WITH_64_UNITS = WITH_COVER | CHANGES["64 units"] | CHANGES["nets read stock alone"]
SETTINGS = {
    "default": [],
    "undiscounted": ["algorithm.discount=1"],
    "more entropy": ["algorithm.entropy=0.5"],
    "one epoch": ["algorithm.epochs=1"],
    "ten epochs": ["algorithm.epochs=10"],
    "regimes alone after one epoch": ["algorithm.further_epochs=regimes"],
    "noise by state": ["algorithm.noise=by_state"],
    "as published": as_overrides(PUBLISHED),
    "as published with cover": as_overrides(WITH_COVER),
    "as published with 64 units": as_overrides(WITH_64_UNITS),
}


def row(cell: tuple[int, int, str, str, str, float]) -> dict:
    """One cell of the table."""
    items, batch, start, algorithm, setting, learning_rate = cell
    finished = run_cell(
        [
            "experiment=joint_replenishment",
            f"algorithm={algorithm}",
            *SETTINGS[setting],
            f"algorithm.learning_rate={learning_rate}",
            f"problem.nodes.item.count={items}",
            f"problem.edges.order.joint_fixed_cost={64 * items}",
            f"policy.start={start}",
            f"training.batch={batch}",
            f"training.steps={200 if QUICK else 1600}",
            "training.patience=1600",
            f"training.seeds={SEEDS}",
            "training.seed_chunk=1",
        ]
    )
    tested = finished.table.rows[-1].tested
    assert tested is not None
    return {
        "items": items,
        "batch": batch,
        "start": start,
        "algorithm": algorithm,
        "setting": setting,
        "learning_rate": learning_rate,
        "cost": tested.estimate / items,
        "low": tested.low / items if SEEDS > 1 else None,
        "high": tested.high / items if SEEDS > 1 else None,
        "seeds": SEEDS,
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    chosen = itertools.product(
        [int(count) for count in option("items", (3,) if QUICK else (3, 10, 20, 60))],
        [int(batch) for batch in option("batches", (64,) if QUICK else (64, 16))],
        option("starts", ("none",) if QUICK else ("none", "economic")),
        option("algorithms", ("ppo", "hpo"), ("ppo", "hpo")),
        option("settings", ("default", "undiscounted") if QUICK else SETTINGS, SETTINGS),
        [float(rate) for rate in option("learning-rates", LEARNING_RATES)],
    )
    cells = [cell for cell in chosen if cell[3] == "ppo" or cell[4] == "default"]
    if not cells:
        sys.exit("settings other than default change ppo alone; add --algorithms=ppo")
    keys = ("items", "batch", "start", "algorithm", "setting", "learning_rate")
    figure = Figure(
        "learning_rate",
        ("cost",),
        "cost per item and period",
        lines=("algorithm", "setting", "batch", "start"),
        panel="items",
        band=("low", "high"),
        log_x=True,
        log_values=True,
    )
    write_table("ppo", keys, cells, row, figure)
