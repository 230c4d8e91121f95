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

Of five real stores, widths of 16 to 64, learning rates from 0.002 to 0.01, 1,000 to 3,000 updates,
batches, allocations, rounds, inputs and seeds were tried one after another, 15 runs, and the last
taken, whose dev cost is the lowest and which first earned more than is printed (`Study.tuned`).

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
dev scenarios, after three times as many updates: with 1,000, levels for 20 and 50 stores still cost
0.003 and 0.002 % more than those of water filling.

Quick: the two smallest sizes (the smallest of several warehouses), fewest scenarios.
"""

from __future__ import annotations

import functools
import itertools
import sys
from pathlib import Path

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
from six_networks import STUDIES

from neuroinv.build import build
from neuroinv.composition import override
from neuroinv.experiment import evaluate
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.rollout import greedy, total
from neuroinv.scoring import costs_on_test
from neuroinv.training.records import read_facts

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
    # Cross-docks share out what perceptrons want; longer steps lose large ones within 100 updates.
    learning_rate = 0.002 if (PROBLEM, policy) == ("transshipment", "mlp") else 0.005
    graph, named, tuned = [f"policy.rounds={ROUNDS}"], [], []
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
    if policy == LEVELS and PROBLEM == "transshipment":
        steps *= 3
    if policy == "gnn" and scenarios == STUDY.scenarios[-1] and not QUICK:
        steps, tuned = STUDY.updates.get(size, steps), STUDY.tuned.get(size, [])
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
        *tuned,
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
    everything = STUDY.scenarios[-1]
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
        if scenarios < STUDY.scenarios[-1]:
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
