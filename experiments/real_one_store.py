"""Real weekly sales, one store per series: networks, newsvendors, and what their inputs bring.

    python experiments/real_one_store.py problem.demand.path=weekly_sales.parquet
    python experiments/real_one_store.py --variants=scaled problem.demand.path=weekly_sales.parquet

No published figures exist for this protocol. Two shares of the just-in-time profit are reported: of
the total, which large sellers decide, and averaged over series, in which each counts once. Smallest
sellers are the tenth of the series that sells least. `behind` is by how much less a variant earns
than the network that reads scaled inputs, on the same series, mean over seeds; its interval is
one of 95 % over series. The returns newsvendor may send stock back, which no store can: a
reference. Quick: one variant of each kind, a few hundred updates, one seed.
"""

import functools
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from cells import QUICK, option, origin, profits_on_test, run_cell, seconds_of, write_table
from figures import Figure

from neuroinv.analysis.statistics import mean_interval
from neuroinv.kept_runs import load

EVERYTHING = "inventory,past_demand,calendar,costs,lead_times,demand_scale"
WITHOUT_CALENDAR = "inventory,past_demand,costs,lead_times,demand_scale"
LEADER = "scaled"
VARIANTS = {
    "quantile newsvendor": ["policy=quantile_newsvendor"],
    "returns newsvendor": ["policy=returns_newsvendor"],
    "fixed quantile": ["policy=fixed_quantile"],
    "transformed newsvendor": ["policy=transformed_newsvendor"],
    "base-stock": ["policy=base_stock"],
    "raw units": [
        "policy.scale=none",
        f"policy.observes=[{WITHOUT_CALENDAR}]",
    ],
    LEADER: [f"policy.observes=[{WITHOUT_CALENDAR}]"],
    "scaled and levels": ["policy.orders=up_to", f"policy.observes=[{WITHOUT_CALENDAR}]"],
    "scaled and weighted": [
        f"policy.observes=[{WITHOUT_CALENDAR}]",
        "algorithm.weighting=inverse_scale",
    ],
    "raw units and calendar": [
        "policy.scale=none",
        f"policy.observes=[{EVERYTHING}]",
    ],
    "scaled and calendar": [f"policy.observes=[{EVERYTHING}]"],
}
IN_QUICK = ("quantile newsvendor", "transformed newsvendor", "base-stock", LEADER)


def quickly(variant: str) -> list[str]:
    """Overrides of the quick size."""
    forecasts = "newsvendor" in variant or "quantile" in variant
    fewer = ["training.seeds=1", "training.steps=300", "training.patience=300"]
    return [*fewer, *(["policy.forecaster.steps=500"] if forecasts else [])]


@functools.cache
def profits_of(variant: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, Path]:
    """Test profit [seeds, series] of a variant, the bound and mean weekly sales [series], and the
    run it came from."""
    given = [*VARIANTS[variant], *(quickly(variant) if QUICK else [])]
    finished = run_cell(["experiment=real_one_store", "comparisons=[]", *given])
    experiment, variables = load(finished.path)
    profits, bound = profits_on_test(experiment, variables)
    sales = np.asarray(jnp.mean(experiment.test.params.demand.recorded, axis=(1, 2)))
    return profits, bound, sales, finished.path


def row(variant: str) -> dict:
    """One variant of the table."""
    profits, bound, sales, run = profits_of(variant)
    smallest = sales <= np.quantile(sales, 0.1)
    of_seeds = 100 * profits.sum(axis=1) / bound.sum()
    shares = 100 * profits / bound
    behind = mean_interval(
        (profits_of(LEADER)[0].mean(axis=0) - profits.mean(axis=0)).astype(float)
    )
    return {
        "variant": variant,
        "test_profit": float(profits.mean()),
        "share_of_total_percent": float(of_seeds.mean()),
        "lowest_seed": float(of_seeds.min()),
        "highest_seed": float(of_seeds.max()),
        "behind": behind.estimate,
        "behind_low": behind.low,
        "behind_high": behind.high,
        "mean_share_of_series_percent": float(shares.mean()),
        "mean_share_of_smallest_sellers_percent": float(shares[:, smallest].mean()),
        "just_in_time_profit": float(bound.mean()),
        "train_seconds": seconds_of(run),
        **origin(run),
    }


if __name__ == "__main__":
    figure = Figure("variant", ("share_of_total_percent",), "share of just-in-time profit (%)")
    chosen = option("variants", IN_QUICK if QUICK else VARIANTS, VARIANTS)
    write_table("real_one_store", ["variant"], chosen, row, figure)
