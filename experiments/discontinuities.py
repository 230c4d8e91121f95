"""Costs that jump with the size of an order: what each way of learning makes of them.

    python experiments/discontinuities.py
    python experiments/discontinuities.py --problems=fixed_cost_store --ways=hpo --seeds=8

One item each: a fixed cost, fixed costs in steps with a largest order, a least order, discounts for
large orders, and lead times that depend on the size. `hpo` chooses a size and an order within it;
`relaxed` weighs the sizes (Gumbel-softmax), `straight through` likewise with the chosen size in the
simulator; `smoothed` makes no choice and meets smooth weights of the sizes; `continuous only`
differentiates through the jumps as if there were none (hdpo, mlp); `ppo` learns from costs alone,
`learned critic` from a net that says what an action will cost. Costs are of whole orders on the
same paths; the optimum is exact, and what a way costs above it on these paths, mean of its seeds,
has an interval of 95 % over them. `hpo` and `ppo` leave decisions untrained whose costs are counted
in part, at either end of a rollout; the others have no such option. `hpo` tries sizes for longer
than by default (`algorithm.entropy`), or a discount may go unseen.
"""

from __future__ import annotations

import itertools

from cells import QUICK, option, origin, percent_over, run_cell, seconds_of, write_table
from figures import Figure

PROBLEMS = (
    "fixed_cost_store",
    "step_fixed_cost_store",
    "minimum_order_store",
    "bulk_discount_store",
    "size_lead_time_store",
)
HYBRID = ["policy=hybrid", "policy.choice=per_edge"]
INNER = ["algorithm.first_decisions=20", "algorithm.last_decisions=10"]
WAYS = {
    "hpo": ["algorithm=hpo", "algorithm.entropy=0.2", *INNER, *HYBRID],
    "ppo": ["algorithm=ppo", "algorithm.learning_rate=0.001", *INNER, *HYBRID],
    "learned critic": ["algorithm=learned_critic", *HYBRID],
    "relaxed": ["algorithm=relaxed", *HYBRID],
    "straight through": ["algorithm=relaxed", "algorithm.straight_through=true", *HYBRID],
    "smoothed": ["algorithm=relaxed", "policy=mlp"],
    "continuous only": ["algorithm=hdpo", "policy=mlp"],
}
STEPS = 300 if QUICK else 1500
SEEDS = int(option("seeds", [1 if QUICK else 3])[0])


def row(cell: tuple[str, str]) -> dict:
    """One cell of the table."""
    problem, way = cell
    finished = run_cell(
        [
            f"problem={problem}",
            *WAYS[way],
            "training.train={scenarios: 4096, periods: 100, burn_in: 20}",
            "training.dev={scenarios: 512, periods: 200, burn_in: 40}",
            "training.test={scenarios: 2048, periods: 2000, burn_in: 200}",
            "training.batch=64",
            f"training.steps={STEPS}",
            f"training.patience={STEPS}",
            f"training.seeds={SEEDS}",
            "training.seed_chunk=1",
        ]
    )
    optimum, learned = finished.table.rows
    assert learned.tested is not None
    assert optimum.exact is not None
    return {
        "problem": problem,
        "way": way,
        "cost": learned.tested.estimate,
        "low": learned.tested.low if SEEDS > 1 else None,
        "high": learned.tested.high if SEEDS > 1 else None,
        "seeds": SEEDS,
        "optimum": optimum.exact,
        "gap_percent": 100 * (learned.tested.estimate / optimum.exact - 1),
        **percent_over(optimum, "percent_over_optimum"),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    problems = option("problems", PROBLEMS[:2] if QUICK else PROBLEMS, PROBLEMS)
    cells = itertools.product(problems, option("ways", WAYS, WAYS))
    figure = Figure("problem", ("cost",), "cost per period", lines=("way",), log_values=True)
    write_table("discontinuities", ("problem", "way"), cells, row, figure)
