"""Time one gradient step and one evaluation of named cases; one JSON line each.

Compilation is timed apart. Beside each case the same network's matrix products are timed in the
same run, in a scan of as many periods, in the same chunks and with nothing between them; the share
says how much of what this machine can do with such products the whole simulation reaches. Times are
medians of interleaved repeats.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neuroinv.build import build
from neuroinv.composition import compose
from neuroinv.config import nearest, parse
from neuroinv.gradients import pathwise
from neuroinv.keys import Branch, branch
from neuroinv.rollout import draw, greedy, total
from neuroinv.scenarios import chunk_size
from neuroinv.types import InputError

PERIODS = 50
CASES: dict[str, list[str]] = {
    "one_store_8192": ["training.batch=8192"],
    "one_store_1024": ["training.batch=1024"],
    "one_store_256": ["training.batch=256"],
    "one_warehouse_1024": ["problem=one_warehouse_lost", "training.batch=1024"],
    "serial_1024": ["problem=serial_system", "training.batch=1024"],
}


class Program(NamedTuple):
    """A compiled program with what it was compiled for."""

    call: Callable[[], Any]
    compile_seconds: float
    memory_mib: float


def run(names: list[str], repeats: int) -> Iterator[str]:
    """JSON lines for the named cases (all of them if none is named)."""
    for name in names:
        if name not in CASES:
            raise InputError(f"'{name}' is not a case; {nearest(name, CASES)}")
    for name in names or CASES:
        yield from (json.dumps(line) for line in _case(name, CASES[name], repeats))


def _case(name: str, overrides: list[str], repeats: int) -> Iterator[dict[str, Any]]:
    config = parse(compose([*overrides, f"training.train.periods={PERIODS}"]))
    experiment = build(config)
    batch, policy = config.training.batch, experiment.policy
    params = jax.tree.map(lambda leaf: leaf[:batch], experiment.train.params)
    key = branch(jax.random.key(config.seed), Branch.TRAIN)
    scenarios = draw(experiment.problem, params, key, experiment.train.periods)
    assert experiment.algorithm is not None
    state = experiment.algorithm.init(jax.random.key(config.seed))
    kernels = [leaf for leaf in jax.tree.leaves(state.variables) if leaf.ndim == 2]
    shapes = [kernels[0].shape[0], *(kernel.shape[1] for kernel in kernels)]
    products = 2 * sum(kernel.size for kernel in kernels)

    def cost(variables, scenarios):
        act = greedy(policy, variables)
        return jnp.mean(total(pathwise(experiment.problem, act, scenarios, 0)[1]))

    periods = experiment.train.periods
    programs = {
        # Rematerialised: forward twice, then the products of both backward passes.
        "gradient_step": (4, _compile(experiment.algorithm.update, state, scenarios)),
        "evaluation": (1, _compile(cost, state.variables, scenarios)),
    }
    references = {
        "gradient_step": _products(shapes, batch, periods, gradient=True),
        "evaluation": _products(shapes, batch, periods, gradient=False),
    }
    for what, (passes, program) in programs.items():
        seconds, alone = _interleaved(program.call, references[what].call, repeats)
        operations = passes * products * batch * periods
        yield {
            "case": name,
            "what": what,
            "scenarios": batch,
            "periods": periods,
            "milliseconds": round(1e3 * seconds, 2),
            "scenario_periods_per_second": round(batch * periods / seconds),
            "gigaflops": round(operations / seconds / 1e9, 2),
            "products_alone_gigaflops": round(operations / alone / 1e9, 2),
            "share_of_products_alone": round(alone / seconds, 3),
            "compile_seconds": round(program.compile_seconds, 2),
            "memory_mib": round(program.memory_mib, 1),
            "device": jax.devices()[0].device_kind,
            "jax": importlib.metadata.version("jax"),
        }


def _compile(function: Callable, *arguments: Any) -> Program:
    began = time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    seconds = time.perf_counter() - began
    memory = compiled.memory_analysis()
    assert memory is not None
    held = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
    return Program(lambda: compiled(*arguments), seconds, held / 2**20)


def _products(shapes: list[int], batch: int, periods: int, gradient: bool) -> Program:
    """The matrix products of a network of these widths, period after period, and nothing else."""
    kernels = [jnp.full((a, b), 1 / a) for a, b in itertools.pairwise(shapes)]

    def final(kernels, inputs):
        @jax.checkpoint
        def one_period(carried, _):
            passed = carried
            for kernel in kernels:
                passed = kernel.T @ passed
            return carried + passed[:1], None

        def one_chunk(inputs):
            return jnp.sum(jax.lax.scan(one_period, inputs, length=periods)[0])

        return jnp.sum(jax.lax.map(one_chunk, inputs))

    size = chunk_size(batch)
    inputs = jnp.ones((batch // size, shapes[0], size))
    return _compile(jax.grad(final) if gradient else final, kernels, inputs)


def _interleaved(
    first: Callable[[], Any], second: Callable[[], Any], repeats: int
) -> tuple[float, float]:
    """Median seconds of two programs that take turns, so that a noisy moment hits both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for program, times in zip((first, second), taken, strict=True):
            began = time.perf_counter()
            jax.block_until_ready(program())
            if repeat:  # the first call warms up
                times.append(time.perf_counter() - began)
    return float(np.median(taken[0])), float(np.median(taken[1]))
