"""What sharing weights brings: independent stores, one joint perceptron against a graph network.

    python experiments/weight_sharing.py
    python experiments/weight_sharing.py --scenarios=128 --stores=1,3,50

n stores with lost sales, Poisson(5), lead time 3, underage 9, each on its own; the optimum per
store is that of one. Published (arXiv 2306.11246): test cost per store of a joint perceptron and of
one net shared by all stores; with one store, of nets that share nothing, of which each learns what
it would learn alone (30 stores; those of 3 stores: 6.582, 6.537 and 6.534).

`--scenarios`, `--stores` and `--policies` choose some of the cells.
"""

import itertools

from cells import QUICK, option, origin, run_cell, seconds_of, shared_batch, write_table
from figures import Figure

from neuroinv.optima import lost_sales_optimum, poisson_pmf

PUBLISHED = {
    ("mlp", 1): (6.558, 6.537, 6.533),
    ("mlp", 3): (6.590, 6.547, 6.535),
    ("mlp", 5): (6.621, 6.552, 6.537),
    ("mlp", 10): (6.725, 6.570, 6.540),
    ("mlp", 20): (6.804, 6.596, 6.546),
    ("mlp", 30): (6.873, 6.617, 6.552),
    ("mlp", 50): (7.060, None, None),
    ("gnn", 3): (6.542, 6.535, 6.534),
    ("gnn", 5): (6.536, 6.532, 6.533),
    ("gnn", 10): (6.533, 6.532, 6.532),
    ("gnn", 20): (6.534, 6.532, 6.532),
    ("gnn", 30): (6.533, 6.532, 6.532),
    ("gnn", 50): (6.532, 6.532, 6.532),
}
SCENARIOS = (128, 1024, 8192)
STORES = (1, 3, 10) if QUICK else (1, 3, 5, 10, 20, 30, 50)


def row(cell: tuple[int, int, str]) -> dict:
    """One cell of the table."""
    scenarios, stores, policy = cell
    shared, joint = policy == "gnn", policy == "mlp" and stores > 1
    steps = 500 if QUICK else 1000 if shared else 2000
    finished = run_cell(
        [
            "problem=one_store_lost",
            f"+problem.nodes.store.count={stores}",
            "problem.edges.order.lead_time=3",
            f"policy={policy}",
            *(["policy.observes=[inventory]"] if shared else []),
            *(["policy.hidden=[128,128]"] if joint else []),
            f"training.train={{scenarios: {scenarios}, periods: 100, burn_in: 20}}",
            f"training.batch={min(scenarios, shared_batch(stores) if shared else 128)}",
            "training.dev={scenarios: 1024, periods: 100, burn_in: 60}",
            "training.test={scenarios: 1024, periods: 2000, burn_in: 500}",
            f"training.steps={steps}",
            f"training.patience={steps}",
            "algorithm.learning_rate=0.005",
        ]
    )
    tested = finished.table.rows[-1].tested
    assert tested is not None
    printed = PUBLISHED.get((policy, stores), (None, None, None))
    published = dict(zip(SCENARIOS, printed, strict=True))
    optimum = lost_sales_optimum(poisson_pmf(5.0), 3, 1.0, 9.0).cost
    return {
        "scenarios": scenarios,
        "stores": stores,
        "policy": policy,
        "tested": tested.estimate / stores,
        "excess_percent": 100 * (tested.estimate / stores / optimum - 1),
        "published": published.get(scenarios),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    cells = itertools.product(
        [int(count) for count in option("scenarios", SCENARIOS[:1] if QUICK else SCENARIOS)],
        [int(count) for count in option("stores", STORES)],
        option("policies", ("gnn", "mlp"), ("gnn", "mlp")),
    )
    figure = Figure(
        "stores",
        ("excess_percent",),
        "cost above the optimum (%)",
        lines=("policy",),
        panel="scenarios",
        log_x=True,
        log_values=True,
    )
    write_table("weight_sharing", ["scenarios", "stores", "policy"], cells, row, figure)
