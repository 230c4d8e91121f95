"""What the score is multiplied with: cost to go, advantages, and means over other scenarios."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.gradients import cost_to_go, generalised_advantage, moments_of_others
from neuroinv.types import InputError

some_costs = hnp.arrays(float, (3, 5), elements=st.floats(-9, 9, width=16))
shares = st.floats(0, 1, width=16)


def advantage_by_hand(cost, value, discount, trace):
    """Surprises of later periods, discounted and trusted less and less, one after another."""
    found, padded = np.zeros_like(cost), np.append(value, np.zeros((len(cost), 1)), axis=1)
    for scenario, now in np.ndindex(cost.shape):
        for period in range(now, cost.shape[1]):
            surprise = cost[scenario, period] - value[scenario, period]
            surprise += discount * padded[scenario, period + 1]
            found[scenario, now] += (discount * trace) ** (period - now) * surprise
    return found


@settings(deadline=None, max_examples=50)
@given(some_costs, some_costs, shares, shares)
def test_generalised_advantages_add_up_surprises(cost, value, discount, trace):
    actual = advantage_of(cost, value, discount, trace)
    by_hand = advantage_by_hand(cost, value, discount, trace)
    np.testing.assert_allclose(actual, by_hand, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=50)
@given(some_costs, some_costs, shares)
def test_a_trace_of_one_leaves_the_cost_to_go_less_the_value(cost, value, discount):
    """So a value that depends on nothing drawn is a baseline like any other."""
    expected = np.asarray(cost_to_go(jnp.asarray(cost), discount)) - value
    actual = advantage_of(cost, value, discount, 1.0)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


advantage_of = jax.jit(generalised_advantage)


def test_advantages_carry_no_derivative():
    slope_of = jax.grad(lambda cost: jnp.sum(generalised_advantage(cost, 2 * cost, 0.9, 0.8)))
    assert not np.any(slope_of(jnp.ones((2, 3))))


def test_moments_of_others_leave_out_one_scenario_each():
    values = np.random.default_rng(0).normal(1e3, 1.0, (5, 3)).astype(np.float32)
    mean, std = moments_of_others(jnp.asarray(values))
    for index in range(5):
        others = np.delete(values.astype(float), index, axis=0)
        np.testing.assert_allclose(mean[index], others.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(std[index], others.std(axis=0), rtol=1e-3)


def test_a_single_scenario_has_no_others():
    with pytest.raises(InputError, match=r"training\.batch is 1 .* raise it to 2 or more"):
        moments_of_others(jnp.ones((1, 3)))
