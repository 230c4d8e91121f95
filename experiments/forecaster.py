"""The quantile forecaster on real weekly sales: pinball loss and calibration on held-out weeks.

    python experiments/forecaster.py problem.demand.path=weekly_sales.parquet

It is trained on weeks 0 to 110 and scored on decisions of weeks 134 to 164, every series counting
once. Published: the public forecaster of arXiv 2306.11246, whose training data are not known, on
weeks 134 to 163. Quick: one seed, a quarter of the updates.
"""

import functools
from typing import Any

import jax
import numpy as np
from cells import QUICK, composed, origin, write_table
from figures import Figure

from neuroinv.build import build
from neuroinv.config import ForecasterConfig
from neuroinv.forecasting.quantile import PROBABILITIES
from neuroinv.forecasting.training import recorded_sales, score, train_forecaster

PUBLISHED_PINBALL = {4: 26.3, 5: 31.3, 6: 36.1}
PUBLISHED_COVERAGE = {0.05: 0.045, 0.25: 0.278, 0.5: 0.539, 0.75: 0.770, 0.9: 0.900, 0.95: 0.946}
SEEDS = 1 if QUICK else 4
CONFIG = ForecasterConfig(steps=500 if QUICK else ForecasterConfig().steps)


@functools.cache
def scores() -> tuple[np.ndarray, np.ndarray]:
    """Pinball loss and coverage on the test weeks, of every seed and lead time."""
    experiment = build(composed(["experiment=real_one_store"]))
    train, test = (recorded_sales(split.params) for split in (experiment.train, experiment.test))
    keys = jax.random.split(jax.random.key(0), SEEDS)

    @jax.jit
    def of_seeds() -> Any:
        return jax.lax.map(
            lambda key: score(train_forecaster(key, train, CONFIG), test, CONFIG), keys
        )

    found = of_seeds()
    return np.asarray(found.pinball), np.asarray(found.coverage)


def row(lead_time: int) -> dict:
    """One lead time of the table; means over seeds."""
    pinball, coverage = scores()
    index = CONFIG.lead_times.index(lead_time)
    of_seeds = pinball[:, index].mean(axis=1)
    covered = np.interp(list(PUBLISHED_COVERAGE), PROBABILITIES, coverage[:, index].mean(axis=0))
    shown = zip(PUBLISHED_COVERAGE, covered, strict=True)
    return {
        "lead_time": lead_time,
        "pinball": float(of_seeds.mean()),
        "lowest_seed": float(of_seeds.min()),
        "highest_seed": float(of_seeds.max()),
        "published_pinball": PUBLISHED_PINBALL[lead_time],
        **{f"coverage_{probability}": float(value) for probability, value in shown},
        **{
            f"published_{p}": value if lead_time == 4 else None
            for p, value in PUBLISHED_COVERAGE.items()
        },
        **origin(),
    }


if __name__ == "__main__":
    figure = Figure("lead_time", ("pinball", "published_pinball"), "pinball loss")
    write_table("forecaster", ["lead_time"], CONFIG.lead_times, row, figure)
