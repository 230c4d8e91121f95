"""Real weekly sales where every order costs 64: HPO beside the classical (s, S) and others.

    python experiments/real_fixed_cost.py problem.demand.path=weekly_sales.parquet
    python experiments/real_fixed_cost.py --variants=HPO problem.demand.path=weekly_sales.parquet

The store of arXiv 2605.14297, one per series: lost sales, profit, lead time 2. No published figures
exist. Economic reorder is an (s, S) policy in multiples of economic order quantities and of typical
demand which leaves alone who is not worth an order; its three numbers are searched on the training
weeks. Base-stock levels and the network without a choice follow gradients, which see nothing of the
fixed cost; PPO is tried at one learning rate. `behind` is by how much less a variant earns than HPO
on the same series, mean over seeds; its interval is one of 95 % over series. The share is of what a
policy earns that knows the future and orders every period, which is not a bound here.
"""

import functools
from pathlib import Path

import numpy as np
from cells import QUICK, option, origin, profits_on_test, run_cell, seconds_of, write_table
from figures import Figure

from neuroinv.analysis.statistics import mean_interval
from neuroinv.kept_runs import load

LEADER = "HPO"
READS = "policy.observes=[inventory,past_demand,costs,lead_times,demand_scale]"
HYBRID = ["policy=hybrid", READS]
VARIANTS = {
    LEADER: [*HYBRID, "algorithm=hpo"],
    "HPO without cross term": [*HYBRID, "algorithm=hpo", "algorithm.cross_term=false"],
    "PPO": [*HYBRID, "algorithm=ppo", "algorithm.discount=1"],
    "straight through": [*HYBRID, "algorithm=relaxed", "algorithm.straight_through=true"],
    "network without a choice": ["policy=mlp_data_driven", READS],
    "economic reorder": ["policy=economic_reorder", "algorithm=cross_entropy"],
    "base-stock": ["policy=base_stock"],
}


@functools.cache
def profits_of(variant: str) -> tuple[np.ndarray, np.ndarray, Path]:
    """Test profit [seeds, series] of a variant, of knowing the future, and the run it is from."""
    searched = variant == "economic reorder"
    steps = 60 if searched else 200 if QUICK else 2000
    finished = run_cell(
        [
            "experiment=real_one_store",
            "problem=real_fixed_cost_store",
            *VARIANTS[variant],
            "comparisons=[]",
            f"training.steps={steps}",
            f"training.patience={steps}",
            f"training.steps_between_dev={20 if searched else 100}",
            "training.batch=512",
            f"training.seeds={1 if QUICK else 2}",
        ]
    )
    return *profits_on_test(*load(finished.path)), finished.path


def row(variant: str) -> dict:
    """One variant of the table."""
    profits, bound, run = profits_of(variant)
    of_seeds = profits.mean(axis=1)
    behind = mean_interval(profits_of(LEADER)[0].mean(axis=0) - profits.mean(axis=0))
    return {
        "variant": variant,
        "test_profit": float(profits.mean()),
        "lowest_seed": float(of_seeds.min()),
        "highest_seed": float(of_seeds.max()),
        "share_of_total_percent": float(100 * profits.mean() / bound.mean()),
        "behind": behind.estimate,
        "behind_low": behind.low,
        "behind_high": behind.high,
        "train_seconds": seconds_of(run),
        **origin(run),
    }


if __name__ == "__main__":
    in_quick = (LEADER, "economic reorder", "base-stock")
    chosen = option("variants", in_quick if QUICK else VARIANTS, VARIANTS)
    figure = Figure("variant", ("test_profit",), "profit per week and store")
    write_table("real_fixed_cost", ["variant"], chosen, row, figure)
