"""Seeds in one program against as many runs of one seed: the same curves, and what it saves.

    python experiments/seeds_together.py

Times are of this machine in this run; ratios are what to read. `chunk` is how many seeds are
vectorised at a time, the chunks one after another. Quick: half the seeds and updates.
"""

import functools
import time

import numpy as np
from cells import QUICK, origin, write_table
from figures import Figure

from neuroinv.build import build, dev_scenarios
from neuroinv.composition import compose
from neuroinv.config import parse
from neuroinv.training.loop import compile_programs, run_segments

SEEDS, UPDATES = (4, 50) if QUICK else (8, 100)


def curves(seed: int, seeds: int, chunk: int) -> tuple[np.ndarray, float, float]:
    """Dev cost after each segment (segments x seeds), seconds to compile and seconds to run."""
    overrides = [f"seed={seed}", f"training.seeds={seeds}", f"training.seed_chunk={chunk}"]
    overrides += ["training.steps_between_dev=25"]
    config = parse(compose([*overrides, f"training.steps={UPDATES}", "training.patience=100000"]))
    built = build(config)
    assert built.algorithm is not None
    programs = compile_programs(
        built.problem,
        built.algorithm,
        config.training,
        built.train.params,
        dev_scenarios(built),
        seed,
        built.train.periods,
        built.dev.burn_in,
    )
    recorded = []
    began = time.perf_counter()
    run_segments(
        programs,
        programs.first,
        config.training,
        lambda step, state, metrics: recorded.append(metrics["dev_cost"]),
    )
    return np.stack(recorded), programs.compile_seconds, time.perf_counter() - began


@functools.cache
def alone() -> tuple[np.ndarray, float, float]:
    """The same of as many runs of one seed, their times added up."""
    single = [curves(seed, 1, 1) for seed in range(SEEDS)]
    compiling, running = (sum(one[part] for one in single) for part in (1, 2))
    return np.concatenate([dev for dev, _, _ in single], axis=1), compiling, running


def row(chunk: int | None) -> dict:
    """So many seeds at a time, or one run each."""
    together, compiling, running = alone() if chunk is None else curves(0, SEEDS, chunk)
    of_one, compile_alone, run_alone = alone()
    return {
        "how": f"{SEEDS} runs" if chunk is None else f"one program, chunk {chunk}",
        "compile_seconds": compiling,
        "run_seconds": running,
        "time_against_single_runs": (compiling + running) / (compile_alone + run_alone),
        "largest_relative_difference": float(np.max(np.abs(together / of_one - 1))),
        **origin(),
    }


if __name__ == "__main__":
    figure = Figure("how", ("time_against_single_runs",), "time against single runs")
    write_table("seeds_together", ["how"], [None, 1, 2, SEEDS], row, figure)
