"""Several seeds in one program: vectorised in chunks, the chunks one after another."""

from __future__ import annotations

from collections.abc import Callable

import jax
from jaxtyping import PyTree


def map_seeds(function: Callable[[PyTree], PyTree], of_seeds: PyTree, chunk: int) -> PyTree:
    """`function` of every seed; leaves lead with seeds, whose number `chunk` divides.

    A larger chunk saves dispatches, a smaller one memory. (`jax.lax.map` does the same but refuses
    empty arrays, and a store without a pipeline has them.)
    """
    seeds = jax.tree.leaves(of_seeds)[0].shape[0]
    if chunk >= seeds:
        return jax.vmap(function)(of_seeds)
    chunks = seeds // chunk
    split = jax.tree.map(lambda x: x.reshape(chunks, chunk, *x.shape[1:]), of_seeds)
    mapped = jax.lax.map(jax.vmap(function), split)
    return jax.tree.map(lambda x: x.reshape(seeds, *x.shape[2:]), mapped)
