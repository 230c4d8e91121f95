"""Dates as a net should read them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

HARMONICS = 4  # of the year: the fourth rises and falls within three months, as Christmas does


def year_waves(calendar: Float[Array, " features"]) -> Float[Array, " waves"]:
    """Sine and cosine of the first harmonics of the year, for dates in years from a yearly date.

    Waves close the year: half a year before and half a year after a date are the same season. A
    net that reads the date itself must bridge a jump there, in a season it may never have seen.
    """
    angles = 2 * np.pi * jnp.ravel(jnp.outer(jnp.arange(1.0, HARMONICS + 1), calendar))
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)])
