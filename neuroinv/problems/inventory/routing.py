"""Sums, spreads and picks along the graph: products with incidences, which are known beforehand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

MOST_RUNS = 16  # each is one more operation, in the program and in its derivative

Incidence = Float32[np.ndarray, "to from"]


def route(incidence: Incidence, values: Float[Array, "from *more"]) -> Array:
    """`incidence @ values`: sums, spreads or picks quantities along the graph.

    A dense product costs a CPU more than a layer of a small net. Where rows follow one another in
    few runs, as in networks of like stores, they are cut out or repeated instead. Rows of a matrix
    that are picked or added up in no order are gathered or scattered on a CPU; for vectors the
    product is better, and accelerators, where the two were not compared, have it too. In full
    precision, because accelerators would otherwise round stock to 10 bits.
    """
    if 0 < len(runs := _runs(incidence)) <= MOST_RUNS:
        return _picked(runs, values)
    if 0 < len(runs := _runs(incidence.T)) <= MOST_RUNS:
        picked = jax.ShapeDtypeStruct((len(incidence), *values.shape[1:]), values.dtype)
        return jax.linear_transpose(lambda rows: _picked(runs, rows), picked)(values)[0]
    if values.ndim > 1 and jax.default_backend() == "cpu":
        if _picks_each(incidence):
            ends = incidence.argmax(axis=1)
            return values.at[ends].get(mode="promise_in_bounds")
        if _picks_each(incidence.T):
            ends = incidence.argmax(axis=0)
            zeros = jnp.zeros((len(incidence), *values.shape[1:]), values.dtype)
            return zeros.at[ends].add(values, mode="promise_in_bounds")
    return jnp.matmul(incidence, values, precision=jax.lax.Precision.HIGHEST)


def _picks_each(incidence: Incidence) -> bool:
    """Whether every row is one 1 among zeros."""
    return bool(
        ((incidence == 1).sum(axis=1) == 1).all() and np.count_nonzero(incidence) == len(incidence)
    )


def _runs(incidence: Incidence) -> list[tuple[int, int, int]]:
    """Runs (first, step, length) of the columns that rows pick, with step 0 or 1; empty rows count
    as column -1. No runs where a row does more than pick a column, or nothing is there."""
    empty = ~incidence.any(axis=1)
    if not incidence.size or not _picks_each(incidence[~empty]):
        return []
    runs: list[tuple[int, int, int]] = []
    for index in np.where(empty, -1, incidence.argmax(axis=1)).tolist():
        first, step, length = runs[-1] if runs else (-2, 0, 0)
        if length == 1 and first >= 0 and index == first + 1:
            runs[-1] = (first, 1, 2)
        elif length and index == first + step * length:
            runs[-1] = (first, step, length + 1)
        else:
            runs.append((index, 0, 1))
    return runs


def _picked(runs: list[tuple[int, int, int]], values: Float[Array, "from *more"]) -> Array:
    """The rows of `values` that the runs name, one run after another."""
    parts = []
    for first, step, length in runs:
        if first < 0:
            parts.append(jnp.zeros((length, *values.shape[1:]), values.dtype))
        elif step:
            parts.append(values[first : first + length])
        else:
            parts.append(jnp.broadcast_to(values[first : first + 1], (length, *values.shape[1:])))
    return jnp.concatenate(parts) if len(parts) > 1 else parts[0]
