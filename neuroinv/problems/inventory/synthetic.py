"""Synthetic demand: from the distribution that a config names to arrays that can be sampled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.stats
from jaxtyping import Float64

from neuroinv.config import (
    GeometricDemand,
    NegativeBinomialDemand,
    NormalDemand,
    PoissonDemand,
)
from neuroinv.problems.inventory.demand import Discrete, Normal
from neuroinv.types import InputError

TAIL = 1e-9  # demand rarer than this is never drawn
MOST_ENTRIES = 2**28  # of all tables of demand together: a gibibyte


def synthetic_demand(
    config: NormalDemand | PoissonDemand | GeometricDemand | NegativeBinomialDemand,
    drawn: Callable[[str], Float64[np.ndarray, "scenarios demands"]],
) -> Normal | Discrete:
    """Demand of all scenarios, whose leaves lead with them.

    `drawn` gives the values of a field of the config. Raises InputError for a variance that is not
    above its mean, and for tables too large for memory.
    """
    mean = drawn("mean")
    if isinstance(config, NormalDemand):
        if config.std is not None:
            std = drawn("std")
        else:
            std = mean * drawn("coefficient_of_variation")
            if getattr(config.coefficient_of_variation, "reference_seed", None) is not None:
                std = np.round(std, 3)
        lower = 0.0 if config.clipped else -np.inf
        everywhere = np.ones(len(mean))
        return Normal(
            jnp.float32(mean),
            jnp.float32(std),
            jnp.float32(config.correlation * everywhere),
            jnp.float32(lower * everywhere),
        )
    variance = drawn("variance") if isinstance(config, NegativeBinomialDemand) else mean
    # Scenarios that are alike share a table, because SciPy takes a second for some millions of
    # entries.
    kinds, of_scenarios = np.unique(np.stack([mean, variance]), axis=1, return_inverse=True)
    of_scenarios, size = of_scenarios.ravel(), mean.size
    mean, variance = kinds
    match config:
        case PoissonDemand():
            frozen = scipy.stats.poisson(mean)
        case GeometricDemand():
            frozen = scipy.stats.geom(1 / (1 + mean), loc=-1)
        case NegativeBinomialDemand():
            if np.any(variance <= mean):
                at = np.argmax(variance <= mean)
                raise InputError(
                    f"problem.demand.variance is {variance.flat[at]:g} where the mean is "
                    f"{mean.flat[at]:g}; raise it above the mean, or use poisson demand"
                )
            frozen = scipy.stats.nbinom(mean**2 / (variance - mean), mean / variance)
    # A table is longer than its mean, and quantiles of large means take SciPy minutes. Written so
    # that it also refuses NaN, which SciPy gives for means beyond 1e19.
    too_large = mean.max() * size > MOST_ENTRIES
    if too_large or not frozen.isf(TAIL).max() * size <= MOST_ENTRIES:
        raise InputError(
            f"problem.demand.mean is up to {mean.max():g}, which for {len(of_scenarios)} scenarios "
            "makes tables of demand too large for memory; count in larger units, or use normal "
            "demand"
        )
    of_kinds = (mean, frozen.std(), _discrete_table(frozen, mean))
    return Discrete(*(jnp.float32(values)[of_scenarios] for values in of_kinds))


def _discrete_table(
    frozen: Any, means: Float64[np.ndarray, ...]
) -> Float64[np.ndarray, "... support"]:
    """Cumulative probabilities of a frozen SciPy distribution whose shape is that of `means`."""
    largest = int(np.max(frozen.isf(TAIL)))
    support = np.arange(largest + 1).reshape(-1, *(1,) * means.ndim)
    return np.moveaxis(frozen.cdf(support), 0, -1)
