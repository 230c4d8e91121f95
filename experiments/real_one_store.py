"""Real weekly sales, one store per series: what scaling the inputs and knowing the calendar bring.

    python experiments/real_one_store.py problem.demand.path=weekly_sales.parquet

No published figures exist for this protocol. Two shares of the just-in-time profit are reported: of
the total, which large sellers decide, and averaged over series, in which each counts once. Smallest
sellers are the tenth of the series that sells least.
"""

import jax
import jax.numpy as jnp
import numpy as np
from cells import run_cell, seconds_of, write_table

from neuroinv.experiment import load, test_costs
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.rollout import greedy

EVERYTHING = "inventory,past_demand,calendar,costs,lead_times,demand_scale"
WITHOUT_CALENDAR = "inventory,past_demand,costs,lead_times,demand_scale"
VARIANTS = {
    "base-stock": ["policy=base_stock"],
    "raw units": ["policy.scale=none", f"policy.observes=[{WITHOUT_CALENDAR}]"],
    "scaled": [f"policy.observes=[{WITHOUT_CALENDAR}]"],
    "scaled, weighted": [
        f"policy.observes=[{WITHOUT_CALENDAR}]",
        "algorithm.weighting=inverse_scale",
    ],
    "raw units, calendar": ["policy.scale=none", f"policy.observes=[{EVERYTHING}]"],
    "scaled, calendar": [f"policy.observes=[{EVERYTHING}]"],
}


def row(variant: str) -> dict:
    """One variant of the table."""
    finished = run_cell(["experiment=real_one_store", "comparisons=[]", *VARIANTS[variant]])
    experiment, variables = load(finished.path)
    hindsight = just_in_time(experiment.instance.network)
    bound = -np.asarray(test_costs(experiment, greedy(hindsight, {}), True))
    profits = -np.stack(
        [
            np.asarray(test_costs(experiment, greedy(experiment.policy, one), False))
            for one in (
                jax.tree.map(lambda leaf, i=seed: leaf[i], variables)
                for seed in range(experiment.config.training.seeds)
            )
        ]
    )
    sales = np.asarray(jnp.mean(experiment.test.params.demand.recorded, axis=(1, 2)))
    smallest = sales <= np.quantile(sales, 0.1)
    of_seeds = 100 * profits.sum(axis=1) / bound.sum()
    shares = 100 * profits / bound
    return {
        "variant": variant,
        "test_profit": float(profits.mean()),
        "share_of_total_percent": float(of_seeds.mean()),
        "lowest_seed": float(of_seeds.min()),
        "highest_seed": float(of_seeds.max()),
        "mean_share_of_series_percent": float(shares.mean()),
        "mean_share_of_smallest_sellers_percent": float(shares[:, smallest].mean()),
        "just_in_time_profit": float(bound.mean()),
        "train_seconds": seconds_of(finished),
    }


if __name__ == "__main__":
    write_table("real_one_store", VARIANTS, row)
