"""How long an update takes against the scenarios in it, on this machine: what batch fits it.

    python experiments/batch_sizes.py
    python experiments/batch_sizes.py "--problems=one store,five warehouses and 40 stores"

On a CPU an update takes as long as its scenarios are many. An accelerator does little more for a
thousand scenarios than for one, until it is full: there a larger batch costs little, and a
policy that is trained as long sees more scenarios. `milliseconds` is the median of several updates,
`scenario_periods_per_second` what they amount to. Quick: the smallest batch of each problem.
"""

from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from cells import QUICK, composed, option, origin, write_table
from figures import Figure

from neuroinv.build import build
from neuroinv.keys import Branch, branch
from neuroinv.rollout import draw
from neuroinv.types import Scenarios, TrainState

PROBLEMS: dict[str, tuple[tuple[int, ...], list[str]]] = {
    "one store": ((128, 1024, 8192), []),
    "four locations in series": ((128, 1024, 8192), ["problem=serial_system"]),
    "one warehouse and 10 stores": (
        (16, 128, 1024),
        ["problem=one_warehouse_lost_2_to_5", "problem.nodes.store.count=10", "policy=gnn"],
    ),
    "five warehouses and 40 stores": (
        (16, 128, 1024),
        ["problem=many_warehouses_40_5", "policy=gnn", "policy.orders=quantity"],
    ),
    "joint replenishment of 60 items": (
        (64, 512, 4096),
        [
            "experiment=joint_replenishment",
            "problem.nodes.item.count=60",
            "problem.edges.order.joint_fixed_cost=3840",
        ],
    ),
    "switched regulator of 48 states": (
        (128, 1024, 8192),
        ["experiment=switched_lqr", "problem.dimension=48"],
    ),
}
"""Batches and overrides."""
SHORTEST, FEWEST = 1.0, 3
"""Seconds and updates that each is timed for at least, after one that warms up."""

Cell = tuple[str, int]
Arguments = tuple[TrainState, Scenarios]


def traced(cell: Cell) -> tuple[jax.stages.Lowered, Arguments]:
    """One update of a batch, and what it is called with."""
    problem, batch = cell
    config = composed(
        [*PROBLEMS[problem][1], f"training.train.scenarios={batch}", f"training.batch={batch}"]
    )
    experiment = build(config)
    assert experiment.algorithm is not None
    key = jax.random.key(config.seed)
    train = experiment.train
    scenarios = draw(experiment.problem, train.params, branch(key, Branch.TRAIN), train.periods)
    state = jax.jit(experiment.algorithm.init)(key)  # eagerly, every operation would be compiled
    return jax.jit(experiment.algorithm.update).lower(state, scenarios), (state, scenarios)


@functools.cache
def compiled(cells: tuple[Cell, ...]) -> dict[Cell, tuple[jax.stages.Compiled, Arguments]]:
    """All programs, compiled side by side before any is timed, with their arguments."""
    lowered, arguments = zip(*map(traced, cells), strict=True)
    with ThreadPoolExecutor() as several:
        programs = several.map(jax.stages.Lowered.compile, lowered)
    return dict(zip(cells, zip(programs, arguments, strict=True), strict=True))


def row(cell: Cell, program: jax.stages.Compiled, arguments: Arguments) -> dict:
    """One batch of one problem."""
    periods = jax.tree.leaves(arguments[1].noise)[0].shape[1]
    jax.block_until_ready(program(*arguments))
    taken: list[float] = []
    while len(taken) < FEWEST or sum(taken) < SHORTEST:
        began = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        taken.append(time.perf_counter() - began)
    seconds = float(np.median(taken))
    return {
        "problem": cell[0],
        "batch": cell[1],
        "milliseconds": 1e3 * seconds,
        "scenario_periods_per_second": round(cell[1] * periods / seconds),
        "jax": jax.__version__,
        **origin(),
    }


if __name__ == "__main__":
    named = option("problems", PROBLEMS, PROBLEMS)
    cells = [(name, batch) for name in named for batch in PROBLEMS[name][0][: 1 if QUICK else None]]
    write_table(
        "batch_sizes",
        ["problem", "batch", "device"],
        cells,
        lambda cell: row(cell, *compiled(tuple(cells))[cell]),
        Figure(
            "batch",
            ("milliseconds",),
            "milliseconds of an update",
            lines=("device",),
            panel="problem",
            log_x=True,
            log_values=True,
        ),
    )
