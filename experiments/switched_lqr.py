"""The switched regulator: mixed gradients beside schedules of modes and the optimum.

    python experiments/switched_lqr.py

Costs are of whole episodes of 20 periods, all on the same first states, which have the law of arXiv
2605.14297. The optimum comes from a dynamic program on quadratic forms (to within the slack that
`neuroinv.references.switched_lqr` names) and may look at the state; the round robin may not.
Published: HPO with and without the cross term at 48 states and two modes, 53.89; PPO, 79.36.
"""

from __future__ import annotations

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure

PERIODS = 20
PUBLISHED = {(48, 2): 53.89}
CELLS = [(48, 2)] if QUICK else [(p, j) for j in (2, 4, 1) for p in (10, 24, 48)]
NAMES = {"best single mode": "single_mode", "round robin": "round_robin", "optimum": "optimum"}


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
    costs: dict[str, float | None] = {"optimum": None, "round_robin": None, "single_mode": None}
    for reference in known:
        assert reference.tested is not None
        costs[NAMES[reference.name]] = PERIODS * reference.tested.estimate
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
    dimensions = {int(count) for count in option("dimensions", (p for p, _ in CELLS))}
    modes = {int(count) for count in option("modes", (j for _, j in CELLS))}
    chosen = [cell for cell in CELLS if cell[0] in dimensions and cell[1] in modes]
    figure = Figure(
        "dimension",
        ("learned", "optimum", "round_robin", "single_mode"),
        "total cost",
        panel="modes",
        log_values=True,
    )
    write_table("switched_lqr", ("dimension", "modes"), chosen, row, figure)
