"""One item with a fixed cost whose demand is lost where no stock is on hand: HPO beside optima.

    python experiments/fixed_cost_lost_sales.py
    python experiments/fixed_cost_lost_sales.py --lead-times=2 --fixed-costs=5 --seeds=8

Poisson demand of mean 5, holding cost 1, underage cost 14, whole orders. The optimum is that of a
dynamic program over on-hand stock and pipeline. (s, S, q) orders up to S from s or below, but never
more than q; its three numbers are the best there are. Both are exact. `percent_over_capped` is how
much more HPO costs than (s, S, q) on the same test paths, with a 95 % interval; the optimum is not
simulated. Nets that name quantities and nets that name levels end in different places, of which
`dev_cost` tells the better.

Printed for lead time 2 and fixed cost 5 (Bijvank, Bhulai and Huh 2015): 11.46 and 11.50.
"""

from __future__ import annotations

import itertools

from cells import (
    QUICK,
    dev_costs_of,
    option,
    origin,
    percent_over,
    run_cell,
    seconds_of,
    write_table,
)
from figures import Figure

PRINTED = {(2, 5.0): (11.46, 11.50)}
STEPS = 300 if QUICK else 3000
SEEDS = int(option("seeds", [1])[0])


def row(cell: tuple[int, float, str]) -> dict:
    """One cell of the table."""
    lead_time, fixed_cost, orders = cell
    finished = run_cell(
        [
            "problem=fixed_cost_store",
            "problem.unmet_demand=lost",
            "problem.demand.mean=5",
            "problem.nodes.store.underage_cost=14",
            f"problem.edges.order.lead_time={lead_time}",
            f"problem.edges.order.fixed_cost={fixed_cost:g}",
            "policy=hybrid",
            "policy.choice=per_edge",
            f"policy.orders={orders}",
            "algorithm=hpo",
            "algorithm.first_decisions=20",
            "algorithm.last_decisions=10",
            "training.train={scenarios: 8192, periods: 100, burn_in: 20}",
            "training.dev={scenarios: 1024, periods: 200, burn_in: 40}",
            "training.test={scenarios: 4096, periods: 2000, burn_in: 200}",
            "training.batch=128",
            f"training.steps={STEPS}",
            f"training.patience={STEPS}",
            f"training.seeds={SEEDS}",
            "training.seed_chunk=1",
        ]
    )
    optimum, capped, learned = finished.table.rows
    assert optimum.exact is not None
    assert capped.exact is not None
    assert learned.tested is not None
    printed = PRINTED.get((lead_time, fixed_cost), (None, None))
    return {
        "lead_time": lead_time,
        "fixed_cost": fixed_cost,
        "orders": orders,
        "seeds": SEEDS,
        "dev_cost": dev_costs_of(finished.path).mean(),
        "learned": learned.tested.estimate,
        "optimum": optimum.exact,
        "capped": capped.exact,
        "gap_percent": 100 * (learned.tested.estimate / optimum.exact - 1),
        "capped_gap_percent": 100 * (capped.exact / optimum.exact - 1),
        **percent_over(capped, "percent_over_capped"),
        "printed_optimum": printed[0],
        "printed_capped": printed[1],
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    lead_times = [int(one) for one in option("lead-times", (2,) if QUICK else (1, 2))]
    fixed_costs = [float(one) for one in option("fixed-costs", (5,) if QUICK else (5, 20, 64))]
    figure = Figure(
        "fixed_cost",
        ("gap_percent", "capped_gap_percent"),
        "cost above the optimum (%)",
        lines=("orders",),
        panel="lead_time",
    )
    kinds = ["up_to", "quantity"]
    cells = itertools.product(lead_times, fixed_costs, option("orders", kinds, kinds))
    keys = ["lead_time", "fixed_cost", "orders"]
    write_table("fixed_cost_lost_sales", keys, cells, row, figure)
