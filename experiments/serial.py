"""Four locations in series, backlogged: the network beside the exact optimum of Clark and Scarf.

    python experiments/serial.py
    python experiments/serial.py --recipe=paper

Published: the vanilla network of arXiv 2306.11246, test loss against the exact optimum. It took
4,040 to 7,200 updates of 8,192 scenarios to come within 1 % on dev, which three of 16 never did.
`--recipe=paper` trains by that recipe (`conf/experiment/paper_serial.yaml`) with what two cores can
afford, 2,000 updates of 1,024 scenarios and one seed; the rows of both stand in one table.
"""

import itertools

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure

PUBLISHED_GAP_PERCENT = {
    1: (0.50, 0.48, 2.04, 2.32),
    2: (None, None, None, None),
    3: (0.65, 0.66, 0.82, 0.54),
    4: (0.85, 0.60, 0.70, 6.69),
}
UNDERAGE_COSTS = (4.0, 9.0, 19.0, 39.0)
CELLS = [(1, 39.0), (4, 39.0)] if QUICK else itertools.product((1, 2, 3, 4), UNDERAGE_COSTS)
RECIPES = {
    "ours": [
        "problem=serial_system",
        "policy=mlp",
        # Orders of the last 14 periods cost stock and meet no demand within the horizon: with 50
        # periods that bias is 0.2 % of the cost, with 100 and half the batch 0.02 %.
        "training.train={scenarios: 32768, periods: 100, burn_in: 20}",
        "training.batch=128",
        "training.steps=2000",
        "training.patience=2000",
    ],
    "paper": [
        "experiment=paper_serial",
        "training.dev={scenarios: 2048, periods: 100, burn_in: 60}",
        "training.batch=1024",
        f"training.steps={500 if QUICK else 2000}",
        "training.steps_between_dev=100",
        "training.patience=2000",
    ],
}


def row(cell: tuple[str, tuple[int, float]]) -> dict:
    """One cell of the table."""
    recipe, (lead_time, underage_cost) = cell
    finished = run_cell(
        [
            *RECIPES[recipe],
            f"problem.edges.to_store.lead_time={lead_time}",
            f"problem.nodes.store.underage_cost={underage_cost}",
            "training.test={scenarios: 4096, periods: 5000, burn_in: 3000}",
            f"training.seeds={1 if QUICK or recipe == 'paper' else 3}",
            "training.seed_chunk=1",
        ]
    )
    optimum, learned = finished.table.rows
    assert learned.tested is not None
    published = PUBLISHED_GAP_PERCENT[lead_time][UNDERAGE_COSTS.index(underage_cost)]
    return {
        "recipe": recipe,
        "lead_time": lead_time,
        "underage_cost": underage_cost,
        "optimum": optimum.exact,
        "optimum_on_the_same_paths": optimum.tested.estimate,
        "learned": learned.tested.estimate,
        "lowest": learned.tested.low,
        "highest": learned.tested.high,
        "gap_percent": 100 * finished.table.gap(learned),
        "published_gap_percent": published,
        "train_seconds_all_seeds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    cells = itertools.product(option("recipe", ["ours"]), CELLS)
    figure = Figure(
        "lead_time",
        ("gap_percent", "published_gap_percent"),
        "gap to the optimum (%)",
        lines=("recipe",),
        panel="underage_cost",
    )
    write_table("serial", ["recipe", "lead_time", "underage_cost"], cells, row, figure)
