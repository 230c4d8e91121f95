"""Scenario parameters: from what a config says of costs, lead times and demand to arrays.

A given number is the same everywhere, a list has one value per location or edge, and a `Range` is
drawn: per location (the same in all scenarios), per scenario (the same at all locations), or both.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from neuroinv.config import Range, Value
from neuroinv.types import InputError

Drawn = Float64[np.ndarray, "scenarios members"]


def draw_value(
    value: Value, scenarios: int, members: int, key: PRNGKeyArray, field: str, whole: bool = False
) -> Drawn:
    """Values of one parameter for all scenarios and members (locations or edges).

    `field` names the parameter: it labels the errors and, folded into `key`, gives each parameter
    its own stream, so that adding one changes no other. Raises InputError for a list whose length
    is not the number of members.
    """
    shape = (scenarios, members)
    if isinstance(value, Range):
        drawn_shape = {"location": (1, members), "scenario": (scenarios, 1), "both": shape}
        drawn = _uniform(value, drawn_shape[value.vary], key, field, whole)
        return np.broadcast_to(drawn, shape)
    if isinstance(value, Sequence):
        if len(value) != members:
            raise InputError(
                f"{field} lists {len(value)} values but there are {members}; "
                "give one for each, or a single number"
            )
        return np.broadcast_to(np.asarray(value, np.float64), shape)
    return np.full(shape, value, np.float64)


def _uniform(
    value: Range, shape: tuple[int, int], key: PRNGKeyArray, field: str, whole: bool
) -> Float64[np.ndarray, "rows columns"]:
    if value.reference_seed is not None:
        generator = np.random.RandomState(value.reference_seed)
        if whole:
            return generator.randint(int(value.low), int(value.high) + 1, shape).astype(np.float64)
        drawn = generator.uniform(value.low, value.high, shape)
    else:
        seed = np.asarray(jax.random.key_data(jax.random.fold_in(key, zlib.crc32(field.encode()))))
        modern = np.random.default_rng(seed)
        if whole:
            return modern.integers(int(value.low), int(value.high) + 1, shape).astype(np.float64)
        drawn = modern.uniform(value.low, value.high, shape)
    return drawn if value.decimals is None else np.round(drawn, value.decimals)
