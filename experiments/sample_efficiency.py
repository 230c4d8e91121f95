"""How many scenarios a graph network needs, and how many a plain perceptron, on six networks.

    python experiments/sample_efficiency.py serial
    python experiments/sample_efficiency.py transshipment --scenarios=8192 --policies=gnn
    python experiments/sample_efficiency.py many_warehouses --rounds=2
    python experiments/sample_efficiency.py real_one_warehouse problem.demand.path=sales.parquet

Problems: serial, transshipment, one_warehouse, many_warehouses, real_one_warehouse,
real_many_warehouses. Costs and profits are per store and period (serial: per system), as published
(arXiv 2306.11246, best of three runs over learning rates and widths); gaps are to the optimum or
the bound of the run, on cross-docks also to water filling, path by path and with a 95 % interval.
Shares are of the just-in-time profit on the same items and weeks, for several warehouses with all
lead times to stores set to 1, as published; a published share that is not printed is the printed
profit over that of our just-in-time. Published shares of 64 items are of these items, so
`share_on_all_percent` has that of whatever was learned on all 288.

Scenarios have 100 periods, published ones 50: see `experiments/serial.py`. On networks of stores
the graph network takes fewer scenarios per update the more stores there are, and half the updates,
or what `Study.updates` says; with several warehouses it takes 16 scenarios, orders quantities and
needs half as many updates again as the perceptron; those of one warehouse or cross-dock use
`policy.allocation=balanced`. Large networks are scored on fewer scenarios (see `standard_error`).

Published graph networks of several warehouses pass messages for two rounds, serial ones for as many
as there are locations above the store; with `--rounds=1`, as here, every node reads the position of
its echelon from the start.

`--scenarios`, `--policies` and `--sizes` choose some of the cells. Two policies more are there to
be asked for: `symmetry_aware`, trained as the graph network is, and on series and cross-docks
`gnn_levels`, a graph network that reads costs, lead times and how demand varies, but no inventory.
The levels that it names are then the same in every period, which is all that the best policies
known there need. On cross-docks its gradients are not shortened: all of them pass the default bound
of one, and are biased by it, on however many scenarios it is trained. It is chosen there on 4,096
dev scenarios.

Quick: the two smallest sizes (the smallest of several warehouses), fewest scenarios.
"""

from __future__ import annotations

import functools
import itertools
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from cells import (
    GIVEN,
    QUICK,
    composed,
    option,
    origin,
    percent_over,
    run_cell,
    seconds_of,
    shared_batch,
    write_table,
)
from figures import Figure

from neuroinv.build import build
from neuroinv.composition import override
from neuroinv.experiment import evaluate
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.rollout import greedy, total
from neuroinv.scoring import costs_on_test
from neuroinv.training.records import read_facts

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
        updates={5: 3000, 10: 6000, 30: 3000, 50: 3000},
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
        updates={5: 3000},
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
if not GIVEN or GIVEN[0] not in STUDIES:
    sys.exit(f"name a problem first, one of {', '.join(STUDIES)}")
PROBLEM = GIVEN.pop(0)
STUDY = STUDIES[PROBLEM]
ROUNDS = int(option("rounds", [STUDY.rounds])[0])
EVERYTHING = "inventory,past_demand,costs,lead_times,demand_scale"
ON_A_TABLE = [
    "problem.demand.columns={location: store, quantity: sales}",
    f"policy.observes=[{EVERYTHING}]",
]
REAL_DATA = PROBLEM.startswith("real")
SEVERAL_WAREHOUSES = PROBLEM.endswith("many_warehouses")
LEVELS = "gnn_levels"
LARGE = 20  # stores; from here on fewer dev and test scenarios tell as much


def stores_in(size: int) -> int:
    """Stores that costs are divided by."""
    return {"serial": 1, "real_many_warehouses": 21}.get(PROBLEM, size)


def splits(size: int, scenarios: int, policy: str) -> dict[str, str]:
    """What a cell is trained, chosen and scored on."""
    if REAL_DATA:
        # The published figures of 64 items are scored on the same 64.
        every = f"{{scenarios: {scenarios}, periods: null, burn_in: 16}}"
        return {"train": every, "dev": every, "test": every}
    dev, test = (256, 512) if stores_in(size) >= LARGE else (1024, 2048)
    dev = 2048 if PROBLEM == "serial" else 4096 if policy == LEVELS else dev
    return {
        "train": f"{{scenarios: {scenarios}, periods: 100, burn_in: 20}}",
        "dev": f"{{scenarios: {dev}, periods: 100, burn_in: 60}}",
        "test": f"{{scenarios: {test}, periods: 5000, burn_in: 3000}}",
    }


def overrides(size: int, scenarios: int, policy: str) -> list[str]:
    """One cell of the study."""
    shared = policy != "mlp" and PROBLEM != "serial"
    most = shared_batch(stores_in(size)) if shared else 72 if REAL_DATA else 128
    steps = 500 if QUICK else 1000 if shared else 2000
    # Cross-docks share out what perceptrons want; longer steps lose them within 100 updates.
    learning_rate = 0.002 if (PROBLEM, policy) == ("transshipment", "mlp") else 0.005
    graph, named = [f"policy.rounds={ROUNDS}"], []
    if shared and SEVERAL_WAREHOUSES:
        # Which of its suppliers a store orders from takes longer to learn, and a level for each of
        # them that all count the same stock is a worse start than a quantity for each.
        named = ["policy.orders=quantity"]
        # With two rounds and 40 stores longer steps end in ordering nothing within 100 updates.
        careful = REAL_DATA or (ROUNDS > 1 and size >= 40)
        most, steps, learning_rate = 16, 3 * steps, 0.002 if careful else 0.005
    elif shared:
        # Not quantities: of these the smallest would be given up first, whoever needs them.
        graph += ["policy.allocation=balanced"]
    if policy == "gnn" and scenarios == STUDY.scenarios[-1] and not QUICK:
        steps = STUDY.updates.get(size, steps)
    of_policy = {
        "gnn": ["policy=gnn", *graph, *named],
        LEVELS: [
            *("policy=gnn", *graph, *named, "policy.observes=[costs,lead_times,demand_spread]"),
            *(["algorithm.clip_norm=1000"] if PROBLEM == "transshipment" else []),
        ],
        "mlp": ["policy=mlp", f"policy.hidden=[{STUDY.hidden},{STUDY.hidden}]"],
        "symmetry_aware": ["policy=symmetry_aware", *named],
    }
    return [
        *STUDY.of_size[size],
        *of_policy[policy],
        *(ON_A_TABLE if REAL_DATA else []),
        *(f"training.{name}={split}" for name, split in splits(size, scenarios, policy).items()),
        f"training.batch={min(scenarios, most)}",
        f"training.steps={steps}",
        f"training.patience={steps}",
        f"algorithm.learning_rate={learning_rate}",
    ]


@functools.cache
def just_in_time_profit(size: int, scenarios: int) -> float:
    """Per store and period, on the test weeks of a cell."""
    links = range(size) if PROBLEM == "real_many_warehouses" else ()
    near = [f"problem.edges.from_warehouse_{index}.lead_time=1" for index in links]
    experiment = build(composed([*overrides(size, scenarios, "gnn"), *near]))
    act = greedy(just_in_time(experiment.instance.network), {})
    costs = jax.jit(lambda: total(costs_on_test(experiment, act, True)))()
    return -float(jnp.mean(costs)) / stores_in(size)


def share_on_all(run: Path, size: int) -> float:
    """Percent of the just-in-time profit that a run's policy earns on every item."""
    everything = REAL[-1]
    test = f"training.test={splits(size, everything, 'gnn')['test']}"
    tested = evaluate(run, lambda kept: override(kept, [test])).rows[-1].tested
    assert tested is not None
    return 100 * tested.estimate / stores_in(size) / just_in_time_profit(size, everything)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def row(cell: tuple[int, str, int]) -> dict:
    """One cell of the table."""
    scenarios, policy, size = cell
    finished = run_cell(overrides(size, scenarios, policy))
    learned = finished.table.rows[-1]
    assert learned.tested is not None
    stores = stores_in(size)
    tested = learned.tested.estimate / stores
    index = {"gnn": 0, "mlp": 1}.get(policy, 2)  # of the last nothing is published
    published = (*STUDY.published.get((size, scenarios), (None, None)), None)[index]
    compared: dict[str, float | None] = {}
    if REAL_DATA:
        bound = just_in_time_profit(size, scenarios)
        share = (*STUDY.shares.get((size, scenarios), (None, None)), None)[index]
        compared["just_in_time"] = bound
        compared["share_of_just_in_time_percent"] = 100 * tested / bound
        every = compared["share_of_just_in_time_percent"]
        if scenarios < REAL[-1]:
            every = share_on_all(finished.path, size)
        compared["share_on_all_percent"] = every
        compared["published_share_percent"] = share or (published and 100 * published / bound)
    else:
        gaps = {row.name: finished.table.gap(row) for row in finished.table.rows}
        compared["gap_percent"] = _percent(gaps[learned.name])
        if PROBLEM == "transshipment":
            water_filling = next(row for row in finished.table.rows if row.name == "water filling")
            compared["water_filling_gap_percent"] = _percent(gaps[water_filling.name])
            compared |= percent_over(water_filling, "percent_over_water_filling")
    return {
        "size": size,
        "scenarios": scenarios,
        "policy": policy,
        "rounds": ROUNDS if policy in ("gnn", LEVELS) else None,
        "updates": (read_facts(finished.path) or {})["updates"],
        "tested": tested,
        "standard_error": learned.standard_error and learned.standard_error / stores,
        "published": published,
        **compared,
        "train_seconds": seconds_of(finished.path),
        **origin(finished.path),
    }


if __name__ == "__main__":
    sizes = list(STUDY.of_size)
    if QUICK:
        sizes = sizes[: 1 if SEVERAL_WAREHOUSES else 2]
    counts = STUDY.scenarios[:1] if QUICK else STUDY.scenarios
    chosen = (
        [int(count) for count in option("scenarios", counts)],
        option("policies", ["gnn", "mlp"], ["gnn", "mlp", "symmetry_aware", LEVELS]),
        [int(size) for size in option("sizes", sizes)],
    )
    if LEVELS in chosen[1] and PROBLEM not in ("serial", "transshipment"):
        sys.exit(f"{LEVELS} is for serial and transshipment; of {PROBLEM} choose gnn")
    keys = ["size", "scenarios", "policy", "rounds"]
    if REAL_DATA:
        score, published = "share_of_just_in_time_percent", "published_share_percent"
        label = "share of just-in-time profit (%)"
    else:
        score, published, label = "tested", "published", "cost per store and period"
    figure = Figure(
        "size",
        (score, published),
        label,
        lines=("policy", "rounds"),
        panel="scenarios",
    )
    write_table(f"sample_efficiency_{PROBLEM}", keys, itertools.product(*chosen), row, figure)
