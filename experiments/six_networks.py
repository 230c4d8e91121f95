"""Six networks in several sizes, and what is published of them (arXiv 2306.11246)."""

from __future__ import annotations

from typing import NamedTuple

Pair = tuple[float | None, float | None]


class Study(NamedTuple):
    """One problem in several sizes."""

    of_size: dict[int, list[str]]
    """Overrides."""
    scenarios: tuple[int, ...]
    hidden: int
    """Width of the perceptron's layers."""
    published: dict[tuple[int, int], Pair]
    """(size, scenarios) -> (graph network, perceptron)."""
    shares: dict[tuple[int, int], Pair] = {}  # noqa: RUF012 (never mutated)
    """Likewise, percent of the just-in-time profit, as printed."""
    rounds: int = 1
    """Rounds of message passing of the graph network."""
    updates: dict[int, int] = {}  # noqa: RUF012 (never mutated)
    """Of the graph network from most scenarios, by size, where more than usual pay."""
    tuned: dict[int, list[str]] = {}  # noqa: RUF012 (never mutated)
    """Overrides of the graph network from most scenarios, by size, where a search over them
    was made."""


def stores_of(problem: str, *more: str) -> dict[int, list[str]]:
    """A network of 3 to 50 stores."""
    counts = (3, 5, 10, 20, 30, 50)
    return {n: [f"problem={problem}", f"problem.nodes.store.count={n}", *more] for n in counts}


def table(scenarios: tuple[int, ...], rows: dict[int, list[float | None]]) -> dict:
    """Published figures, listed as they are printed: per size, pairs by number of scenarios."""
    return {
        (size, count): (row[2 * index], row[2 * index + 1])
        for size, row in rows.items()
        for index, count in enumerate(scenarios)
    }


SYNTHETIC = (128, 1024, 8192)
REAL = (64, 288)
LENGTHS = {3: "serial_3", 4: "serial_system", 5: "serial_5", 6: "serial_6", 7: "serial_7"}
MANY = {10: 2, 20: 3, 30: 4, 40: 5, 50: 6}
STUDIES = {
    "serial": Study(
        {length: [f"problem={name}"] for length, name in LENGTHS.items()},
        SYNTHETIC,
        64,
        table(
            SYNTHETIC,
            {
                3: [10.11, 10.25, 9.89, 10.05, 9.87, 9.96],
                4: [11.02, 11.27, 10.80, 10.97, 10.74, 10.83],
                5: [11.29, 11.54, 11.09, 11.21, 10.99, 11.08],
                7: [13.29, 14.03, 12.74, 13.87, 12.80, 12.58],
            },
        ),
    ),
    "transshipment": Study(
        stores_of(
            "transshipment",
            "problem.edges.to_store.lead_time=4",
            "problem.nodes.store.underage_cost=9",
            "problem.lead_time_bound=4",
        ),
        SYNTHETIC,
        128,
        table(
            SYNTHETIC,
            {
                3: [8.58, 8.85, 8.56, 8.59, 8.54, 8.56],
                5: [7.95, 8.31, 7.93, 7.99, 7.91, 7.92],
                10: [8.41, 9.02, 8.32, 8.47, 8.30, 8.33],
                30: [8.45, 10.20, 8.41, 8.92, 8.38, 8.42],
                50: [8.21, 10.76, 8.15, 8.70, 8.12, 8.19],
            },
        ),
        updates={20: 3000, 30: 3000},
    ),
    "one_warehouse": Study(
        stores_of("one_warehouse_lost_2_to_5"),
        SYNTHETIC,
        128,
        table(
            SYNTHETIC,
            {
                3: [5.64, 5.72, 5.60, 5.63, 5.60, 5.61],
                5: [5.36, 5.46, 5.27, 5.29, 5.26, 5.27],
                10: [5.80, 5.98, 5.73, 5.79, 5.72, 5.74],
                30: [5.64, 6.15, 5.61, 5.79, 5.61, 5.67],
                50: [5.46, 6.20, 5.43, 5.66, 5.42, 5.49],
            },
        ),
        updates={5: 3000, 10: 6000, 30: 3000, 50: 6000},
    ),
    "many_warehouses": Study(
        {n: [f"problem=many_warehouses_{n}_{warehouses}"] for n, warehouses in MANY.items()},
        SYNTHETIC,
        128,
        table(
            SYNTHETIC,
            {
                10: [9.65, 9.96, 9.61, 9.77, 9.60, 9.70],
                20: [9.46, 9.96, 9.42, 9.64, 9.40, 9.51],
                40: [9.47, 10.14, 9.46, 9.73, 9.41, 9.55],
            },
        ),
        updates={20: 6000, 40: 6000},
    ),
    "real_one_warehouse": Study(
        {
            n: [
                "problem=real_one_warehouse",
                f"problem.nodes.store.count={n}",
                f"problem.demand.locations=[{','.join(f'store_{i:02}' for i in range(n))}]",
            ]
            for n in (3, 5, 10, 15, 21)
        },
        REAL,
        128,
        table(
            REAL,
            {
                3: [545.59, 533.44, 638.42, 638.32],
                5: [484.83, 483.51, 578.54, 575.47],
                10: [418.01, 412.49, 466.94, 459.88],
                15: [441.95, 427.32, 484.29, 479.68],
                21: [517.60, 494.85, 579.76, 569.37],
            },
        ),
        table(
            REAL,
            {
                3: [83.81, 81.94, 85.21, 85.20],
                5: [82.44, 82.21, 85.08, 84.63],
                10: [79.72, 78.67, 81.63, 80.40],
                15: [80.84, 78.16, 82.02, 81.24],
                21: [81.24, 77.67, 82.74, 81.26],
            },
        ),
        updates={5: 2000},
        tuned={5: ["policy.width=64", "policy.hidden=[64]", "algorithm.learning_rate=0.002"]},
    ),
    "real_many_warehouses": Study(
        {n: [f"problem=real_many_warehouses_21_{n}"] for n in (2, 3, 4, 5)},
        REAL,
        128,
        table(
            REAL,
            {
                2: [466.74, 445.45, 534.28, 516.30],
                3: [470.55, 447.97, 536.15, 521.01],
                4: [476.10, 440.49, 537.80, 519.51],
                5: [477.28, 439.50, 533.88, 518.83],
            },
        ),
        table(
            REAL,
            {
                2: [None, None, 82.23, 79.46],
                3: [None, None, 81.30, 79.01],
                4: [None, None, 82.65, 79.84],
                5: [None, None, 81.94, 79.63],
            },
        ),
    ),
}
