"""Joint replenishment of ten items, with one thing other than in `joint_replenishment.py`.

    python experiments/joint_replenishment_variants.py
    python experiments/joint_replenishment_variants.py "--variants=demand is lost,no lead time"

Problems: demand that finds no stock is lost; orders arrive at once; every item in an order costs 16
beside the 640 of the order. Nets: one trunk for both towers; one net for the actions of all
regimes; a choice for every item instead of one for all; a graph network. The cost is compared, path
by path and with a 95 % interval, with the best of (R, S), (Q, S) and can-order on the same paths,
in the paper's window and in the long run. None of these is exact where demand is lost or items have
costs of their own.
"""

from __future__ import annotations

from cells import QUICK, option, origin, run_cell, seconds_of, write_table
from figures import Figure
from joint_replenishment import in_the_long_run, over_best_classical, overrides

ITEMS = 10
GRAPH_NETWORK = "graph network"
VARIANTS: dict[str, list[str]] = {
    "as it is": [],
    "demand is lost": ["problem.unmet_demand=lost"],
    "no lead time": ["problem.edges.order.lead_time=0"],
    "items cost too": ["+problem.edges.order.fixed_cost=16"],
    "shared trunk": ["policy.nets=shared"],
    "one net for actions": ["policy.nets=factored"],
    "a choice for every item": ["policy.choice=per_edge"],
    GRAPH_NETWORK: [],
}


def row(variant: str) -> dict:
    """One variant of the table."""
    policy = "gnn" if variant == GRAPH_NETWORK else "hybrid"
    finished = run_cell([*overrides(ITEMS, 64, policy, 8192, 16), *VARIANTS[variant]])
    *known, learned = finished.table.rows
    assert learned.tested is not None
    best = min(one.tested.estimate for one in known if one.tested is not None)
    return {
        "variant": variant,
        "learned": learned.tested.estimate / ITEMS,
        "classical": best / ITEMS,
        **over_best_classical(finished.table),
        **over_best_classical(in_the_long_run(finished.path, ITEMS), "long_run_"),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    chosen = option("variants", list(VARIANTS)[:2] if QUICK else VARIANTS, VARIANTS)
    figure = Figure(
        "variant",
        ("percent_over_best_classical", "long_run_percent_over_best_classical"),
        "cost above the best classical policy (%)",
    )
    write_table("joint_replenishment_variants", ["variant"], chosen, row, figure)
