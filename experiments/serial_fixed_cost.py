"""Locations in series that pay for every order from outside: mixed gradients beside the optimum.

    python experiments/serial_fixed_cost.py
    python experiments/serial_fixed_cost.py --fixed-costs=20 --policies=gnn --traces=1

The echelon of the first of three locations follows an (s, S) policy in the optimum (Clark and Scarf
1960), whose exact cost and cost on the test paths are both in the table; `gap_percent` compares
with it path by path, with a 95 % interval. What an order costs downstream shows some ten to thirty
periods later, so a trace below one, which lets the learned value stand in for what comes later, is
tried beside one that waits for all of it. No published figures exist.
"""

from __future__ import annotations

import itertools

from cells import QUICK, option, origin, percent_over, run_cell, seconds_of, write_table
from figures import Figure


def row(cell: tuple[float, str, float]) -> dict:
    """One cell of the table."""
    fixed_cost, policy, trace = cell
    finished = run_cell(
        [
            "problem=serial_fixed_cost",
            f"problem.edges.to_plant.fixed_cost={fixed_cost:g}",
            f"policy={policy}",
            "algorithm=hpo",
            f"algorithm.trace={trace:g}",
            f"training.steps={200 if QUICK else 1000}",
        ]
    )
    optimum, learned = finished.table.rows
    assert learned.tested is not None
    assert optimum.tested is not None
    return {
        "fixed_cost": fixed_cost,
        "policy": policy,
        "trace": trace,
        "learned": learned.tested.estimate,
        "optimum": optimum.exact,
        "optimum_on_test": optimum.tested.estimate,
        **percent_over(optimum, "gap_percent"),
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    cells = itertools.product(
        [float(cost) for cost in option("fixed-costs", (20,) if QUICK else (5, 20, 100))],
        option("policies", ("hybrid",) if QUICK else ("hybrid", "gnn"), ("hybrid", "gnn")),
        [float(trace) for trace in option("traces", (1,) if QUICK else (1, 0.95))],
    )
    figure = Figure(
        "fixed_cost",
        ("gap_percent",),
        "gap to the optimum (%)",
        lines=("policy", "trace"),
        band=("gap_percent_low", "gap_percent_high"),
        log_x=True,
    )
    write_table("serial_fixed_cost", ("fixed_cost", "policy", "trace"), cells, row, figure)
