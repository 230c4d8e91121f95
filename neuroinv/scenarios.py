"""Many scenarios, or seeds, at once, in chunks that suit the machine."""

from __future__ import annotations

from collections.abc import Callable

import jax
from jaxtyping import PyTree

FITS_THE_CACHE = 256  # scenarios; the network's activations of one period then stay in it
WORTH_A_CHUNK = 128  # scenarios; fewer leave the matrix products too small


def chunk_size(count: int) -> int:
    """How many of `count` scenarios to simulate side by side.

    An accelerator takes all of them. A CPU is nearly twice as fast, on thousands of scenarios, with
    chunks whose arrays stay in its cache; a count with no suitable divisor is taken whole.
    """
    if jax.default_backend() != "cpu":
        return count
    sizes = range(FITS_THE_CACHE, WORTH_A_CHUNK - 1, -1)
    return next((size for size in sizes if count % size == 0), count)


def over_scenarios(function: Callable[..., PyTree], *scenarios: PyTree) -> PyTree:
    """`jax.vmap(function)(*scenarios)`, chunk after chunk; leaves lead with the scenario."""
    return in_chunks(function, chunk_size(jax.tree.leaves(scenarios)[0].shape[0]), *scenarios)


def in_chunks(function: Callable[..., PyTree], size: int, *trees: PyTree) -> PyTree:
    """`jax.vmap(function)(*trees)`, side by side in chunks of `size`, which divides their number.

    A larger chunk saves dispatches, a smaller one memory. (`jax.lax.map` does the same but refuses
    empty arrays, and a store without a pipeline has them.)
    """
    count = jax.tree.leaves(trees)[0].shape[0]
    if size >= count:
        return jax.vmap(function)(*trees)
    chunks = jax.tree.map(lambda leaf: leaf.reshape(count // size, size, *leaf.shape[1:]), trees)
    results = jax.lax.map(lambda chunk: jax.vmap(function)(*chunk), chunks)
    return jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), results)
