"""Customers' demand: each distribution is a NamedTuple of arrays that knows how to sample itself.

Leaves hold one value per demand location (shape `[demands]`) unless said otherwise, so a
distribution is part of a scenario's parameters: it can be vmapped, swept and differentiated.
`mean` and `std` are what a planner would take as typical of a period, before any history is seen.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

Demands = Float[Array, " demands"]
Sampled = Float[Array, "periods demands"]


class Normal(NamedTuple):
    """Normal demand, clipped below at `lower`, equally correlated between locations.

    `mean` and `std` are those before clipping. Location k draws
    mean_k + std_k (sqrt(correlation) common + sqrt(1 - correlation) own_k).
    """

    mean: Demands
    std: Demands
    correlation: Float[Array, ""]
    """In [0, 1]."""
    lower: Float[Array, ""]
    """0 clips negative demand; minus infinity keeps it (returns)."""

    def sample(self, key: PRNGKeyArray, periods: int) -> Sampled:
        """Demand of every period and location."""
        common_key, own_key = jax.random.split(key)
        common = jax.random.normal(common_key, (periods, 1))
        own = jax.random.normal(own_key, (periods, *self.mean.shape))
        shock = jnp.sqrt(self.correlation) * common + jnp.sqrt(1 - self.correlation) * own
        return jnp.maximum(self.mean + self.std * shock, self.lower)


class Discrete(NamedTuple):
    """Any distribution on 0, 1, 2, ... (Poisson, geometric, negative binomial), by inversion.

    Counting the entries of a table is several times faster than rejection sampling, and one scheme
    serves every integer distribution (`synthetic.py` makes the tables).
    """

    mean: Demands
    std: Demands
    cumulative: Float[Array, "demands support"]
    """P(demand <= n) for n = 0, 1, ... up to where the rest is negligible."""

    def sample(self, key: PRNGKeyArray, periods: int) -> Sampled:
        """Demand of every period and location."""
        uniform = jax.random.uniform(key, (periods, *self.mean.shape), self.cumulative.dtype)
        return jnp.sum(uniform[..., None] >= self.cumulative, axis=-1).astype(self.mean.dtype)


class Series(NamedTuple):
    """Recorded demand, replayed from its first period on."""

    mean: Demands
    """Mean over the history that precedes the first period."""
    std: Demands
    """Standard deviation over that history."""
    recorded: Sampled

    def sample(self, key: PRNGKeyArray, periods: int) -> Sampled:
        """The first `periods` recorded periods; nothing is random."""
        del key
        return self.recorded[:periods]


Demand = Normal | Discrete | Series
