"""The learned value: every scenario of a batch is learned from, however it is shared out."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neuroinv.algorithms.value import learned_value

PERIODS = 3


@pytest.mark.parametrize(("scenarios", "times"), [(7, 4), (2, 4), (8, 1)])
def test_its_updates_learn_from_every_scenario(scenarios, times):
    """One scenario after another is given other features, and what is learned differs."""
    value = learned_value((4,), 0.01)
    first = value.init(jax.random.key(0), jnp.ones(2))
    # Of the optimiser's state too: the first steps of Adam all but forget how long a gradient was.
    update = jax.jit(lambda seen: value.update(first, to_go, seen, times))
    generator = np.random.default_rng(0)
    to_go = jnp.asarray(generator.normal(size=(scenarios, PERIODS)), jnp.float32)
    seen = jnp.asarray(generator.normal(size=(scenarios, PERIODS, 3)), jnp.float32)
    learned = update(seen)
    for one in range(scenarios):
        other = update(seen.at[one].add(1.0))
        moved = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), learned, other)
        assert max(jax.tree.leaves(moved)) > 1e-4


def test_it_learns_what_is_seen_and_starts_from_the_mean_of_others():
    value = learned_value((16,), 0.01)
    generator = np.random.default_rng(0)
    seen = jnp.asarray(generator.normal(size=(64, PERIODS, 3)), jnp.float32)
    to_go = seen[..., 0] + 5.0
    learned = value.init(jax.random.key(0), jnp.ones(2))
    error = jax.jit(lambda of: jnp.mean((to_go - value.apply(of, to_go, seen)) ** 2))
    before = error(learned)
    learned = jax.jit(lambda of: value.update(of, to_go, seen, 400))(learned)
    assert error(learned) < 0.1 * before
