"""One store, lost sales: the optimum and the classical policies, at their exact average cost.

    python experiments/lost_sales_heuristics.py

Demand has mean 5, holding cost is 1. Published: Zipkin (2008), Old and new methods for lost-sales
inventory systems, tables 3 and 4, to two decimals; capped base-stock is not in them. Published
constant orders cut stock off at the newsvendor level of five periods' demand, without which they
cost up to twice as much (tests/optima/test_constant_order.py). One other figure differs by more
than a hundredth or two: dual balancing of geometric demand at lead time 4 and underage cost 39. A
policy whose states do not fit in memory has no figure.
"""

import itertools
from collections.abc import Callable

from cells import QUICK, origin, write_table
from figures import Figure

from neuroinv import optima

DEMAND = {"poisson": optima.poisson_pmf(5.0), "geometric": optima.geometric_pmf(5.0)}
LEAD_TIMES = (1, 2) if QUICK else (1, 2, 3, 4)
UNDERAGE_COSTS = (4.0, 9.0, 19.0, 39.0)
# One row per underage cost, one column per lead time from 1.
PUBLISHED = {
    "poisson": {
        "optimum": (
            (4.04, 4.40, 4.60, 4.73),
            (5.44, 6.09, 6.53, 6.84),
            (6.68, 7.66, 8.36, 8.89),
            (7.84, 9.11, 10.04, 10.79),
        ),
        "myopic": (
            (4.11, 4.56, 4.84, 5.06),
            (5.45, 6.22, 6.80, 7.20),
            (6.69, 7.77, 8.56, 9.18),
            (7.88, 9.16, 10.17, 11.04),
        ),
        "myopic_2": (
            (4.04, 4.41, 4.64, 4.82),
            (5.44, 6.10, 6.57, 6.92),
            (6.68, 7.67, 8.40, 8.96),
            (7.84, 9.12, 10.07, 10.84),
        ),
        "dual_balancing": (
            (4.15, 4.41, 4.62, 4.73),
            (5.73, 6.38, 6.78, 6.99),
            (7.48, 8.45, 9.19, 9.65),
            (9.31, 10.73, 11.71, 12.61),
        ),
        "standard_vector_base_stock": (
            (4.31, 4.80, 5.51, 5.83),
            (5.51, 6.45, 7.31, 8.16),
            (6.71, 8.08, 9.09, 9.57),
            (7.97, 9.29, 10.39, 11.38),
        ),
        "base_stock": (
            (4.16, 4.64, 4.98, 5.20),
            (5.55, 6.32, 6.86, 7.27),
            (6.73, 7.84, 8.60, 9.23),
            (7.86, 9.19, 10.22, 11.06),
        ),
        "constant_order": tuple((cost,) * 4 for cost in (5.27, 10.27, 15.78, 18.21)),
    },
    "geometric": {
        "optimum": (
            (9.82, 10.24, 10.47, 10.61),
            (14.51, 15.50, 16.14, 16.58),
            (19.22, 20.89, 22.06, 22.95),
            (23.87, 26.21, 27.96, 29.36),
        ),
        "myopic": (
            (9.95, 10.57, 10.99, 11.31),
            (14.64, 15.93, 16.86, 17.61),
            (19.37, 21.30, 22.79, 24.02),
            (23.97, 26.55, 28.61, 30.31),
        ),
        "myopic_2": (
            (9.83, 10.29, 10.59, 10.79),
            (14.51, 15.57, 16.32, 16.89),
            (19.22, 20.95, 22.24, 23.28),
            (23.87, 26.26, 28.10, 29.63),
        ),
        "dual_balancing": (
            (9.97, 10.34, 10.54, 10.67),
            (15.61, 16.59, 17.11, 17.46),
            (22.82, 24.60, 25.69, 26.46),
            (31.72, 34.55, 36.67, 37.26),
        ),
        "standard_vector_base_stock": (
            (10.26, 11.72, 12.81, 13.86),
            (14.98, 17.19, 18.96, 20.18),
            (19.72, 22.31, 24.77, 26.68),
            (24.43, 27.39, 30.06, 32.65),
        ),
        "base_stock": (
            (10.04, 10.70, 11.13, 11.44),
            (14.73, 15.99, 16.87, 17.54),
            (19.40, 21.31, 22.73, 23.85),
            (24.00, 26.55, 28.51, 30.12),
        ),
        "constant_order": tuple((cost,) * 4 for cost in (11.00, 18.19, 28.60, 36.73)),
    },
}


def row(cell: tuple[str, int, float]) -> dict:
    """One cell of the table."""
    distribution, lead_time, underage_cost = cell
    store = (DEMAND[distribution], lead_time, 1.0, underage_cost)

    def cost(policy: Callable, *more: object) -> float:
        return optima.policy_cost(*store, policy(*store, *more), tolerance=1e-6)

    found = {
        "optimum": lambda: optima.lost_sales_optimum(*store, tolerance=1e-6).cost,
        "myopic": lambda: cost(optima.myopic_policy),
        "myopic_2": lambda: cost(optima.myopic_policy, 2),
        "dual_balancing": lambda: cost(optima.dual_balancing_policy, "stock"),
        "standard_vector_base_stock": lambda: cost(optima.standard_vector_base_stock_policy),
        "base_stock": lambda: optima.best_base_stock(*store).cost,
        "capped_base_stock": lambda: optima.best_capped_base_stock(*store).cost,
        "constant_order": lambda: optima.best_constant_order(store[0], *store[2:]).cost,
    }
    column = UNDERAGE_COSTS.index(underage_cost), lead_time - 1
    figures: dict[str, float | None] = {}
    for policy, ours in found.items():
        try:
            figures[policy] = ours()
        except ValueError:
            figures[policy] = None
        if policy in PUBLISHED[distribution]:
            printed = PUBLISHED[distribution][policy]
            figures[f"{policy}_published"] = printed[column[0]][column[1]]
    print(f"  {distribution}, lead time {lead_time}, underage cost {underage_cost:g}", flush=True)
    return {
        "distribution": distribution,
        "lead_time": lead_time,
        "underage_cost": underage_cost,
        **figures,
        **origin(),
    }


if __name__ == "__main__":
    cells = itertools.product(DEMAND, LEAD_TIMES, UNDERAGE_COSTS)
    keys = ["distribution", "lead_time", "underage_cost"]
    figure = Figure(
        "lead_time",
        ("optimum", "capped_base_stock", "myopic_2", "myopic", "base_stock", "dual_balancing"),
        "cost per period",
        lines=("distribution",),
        panel="underage_cost",
    )
    write_table("lost_sales_heuristics", keys, cells, row, figure)
