"""One warehouse and a few stores: base-stock levels found by gradient and by search, beside nets.

    python experiments/one_warehouse_base_stock.py

Unmet demand is lost, so no classical policy is optimal; one level per location is what a planner
would set. `base_stock` counts a location's own stock, `echelon_stock` also all that is downstream
of it. The gradient is HDPO's; the search is the cross-entropy method, which needs none and
simulates 32 candidates an update. Costs are per store and period; `over_bound_percent` is over a
lower bound that no policy attains. Published (arXiv 2306.11246): the best of all its networks.
"""

import itertools
from pathlib import Path

import jax
import numpy as np
from cells import QUICK, origin, run_cell, seconds_of, shared_batch, write_table
from figures import Figure

from neuroinv.config import BaseStockConfig, EchelonStockConfig
from neuroinv.kept_runs import load
from neuroinv.policies import echelon_stock, stock_levels
from neuroinv.problems.inventory.network import locations
from neuroinv.references.reference import example_observation

STORES = (3,) if QUICK else (3, 5, 10)
PUBLISHED = {3: 5.60, 5: 5.26, 10: 5.72}
STEPS = 500 if QUICK else 1000
BY_GRADIENT = ["algorithm.learning_rate=0.03", "training.batch=128"]
BY_SEARCH = ["algorithm=cross_entropy", "training.batch=64"]
LEARNING = "algorithm.learning_rate=0.005"
# Updates and overrides; the nets are those of `experiments/sample_efficiency.py`.
POLICIES = {
    ("base_stock", "gradient"): (500, BY_GRADIENT),
    ("base_stock", "search"): (100, BY_SEARCH),
    ("echelon_stock", "gradient"): (500, BY_GRADIENT),
    ("echelon_stock", "search"): (100, BY_SEARCH),
    ("mlp", "gradient"): (2 * STEPS, [LEARNING, "policy.hidden=[128,128]", "training.batch=128"]),
    ("gnn", "gradient"): (STEPS, [LEARNING]),
}


def levels(run: Path) -> str | None:
    """The level of every location, in units; None for a network."""
    experiment, of_seeds = load(run)
    network, seen = experiment.instance.network, example_observation(experiment.instance)
    variables = jax.tree.map(lambda leaf: leaf[0], of_seeds)
    match experiment.config.policy:
        case BaseStockConfig():
            found = stock_levels.levels(network, variables, seen)
        case EchelonStockConfig():
            found = echelon_stock.echelon_levels(network, variables, seen)
        case _:
            return None
    names = [network.nodes[node].name for node in locations(network)]
    return ", ".join(f"{n} {level:.2f}" for n, level in zip(names, np.asarray(found), strict=True))


def row(cell: tuple[int, tuple[str, str]]) -> dict:
    """One cell of the table."""
    stores, (policy, found_by) = cell
    steps, more = POLICIES[policy, found_by]
    finished = run_cell(
        [
            "problem=one_warehouse_lost_2_to_5",
            f"problem.nodes.store.count={stores}",
            f"policy={policy}",
            "training.train={scenarios: 8192, periods: 100, burn_in: 20}",
            "training.dev={scenarios: 1024, periods: 100, burn_in: 60}",
            "training.test={scenarios: 2048, periods: 5000, burn_in: 3000}",
            f"training.batch={shared_batch(stores)}",
            f"training.steps={steps}",
            f"training.patience={steps}",
            *more,
        ]
    )
    bound, learned = finished.table.rows[0], finished.table.rows[-1]
    assert learned.tested is not None
    return {
        "stores": stores,
        "policy": policy,
        "found_by": found_by,
        "bound": bound.value / stores,
        "tested": learned.tested.estimate / stores,
        "standard_error": learned.standard_error and learned.standard_error / stores,
        "over_bound_percent": 100 * (learned.tested.estimate / bound.value - 1),
        "published_best": PUBLISHED[stores],
        "levels": levels(finished.path),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    keys = ["stores", "policy", "found_by"]
    figure = Figure(
        "stores", ("over_bound_percent",), "cost above the bound (%)", lines=("policy", "found_by")
    )
    write_table("one_warehouse_base_stock", keys, itertools.product(STORES, POLICIES), row, figure)
