"""Classical policies for fixed costs: what each orders at positions made by hand."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from sized_orders import set_up
from small_runs import small_config

from neuroinv.build import build
from neuroinv.policies.reorder import (
    CanOrder,
    EchelonReorderLevels,
    JointQuantity,
    PeriodicReview,
    ReorderLevels,
    can_order,
    echelon_reorder,
    joint_quantity,
    periodic_review,
    reorder,
)
from neuroinv.problems.inventory.dynamics import Observation, inventory_problem
from neuroinv.problems.inventory.network import Network
from neuroinv.references.reference import example_observation

UP_TO = jnp.array([20.0, 30.0, 40.0, 50.0])


@functools.cache
def observed() -> tuple[Network, Observation]:
    instance, params, state = set_up("joint")
    return instance.network, inventory_problem(instance.network).observe(params, state)


def at(*positions: float) -> Observation:
    """Items at these positions; some of the units are on their way."""
    seen = observed()[1]
    pipeline = jnp.zeros_like(seen.pipeline).at[:, 0].set(3.0).at[:, -1].set(4.0)
    return seen._replace(on_hand=jnp.asarray(positions) - 7.0, pipeline=pipeline)


def assert_orders(policy, levels, positions, expected) -> None:
    orders = policy.apply(levels, at(*positions)).mode()
    np.testing.assert_allclose(orders, expected, rtol=1e-5)


def test_an_item_at_its_reorder_level_is_ordered_up_to_the_other():
    levels = ReorderLevels(jnp.array([5.0, 5.0, -2.0, 5.0]), UP_TO, jnp.full(4, jnp.inf))
    assert_orders(reorder(observed()[0]), levels, (5, 5.1, -2, 0), (15, 0, 42, 50))


def test_an_order_is_at_most_its_cap():
    levels = ReorderLevels(jnp.full(4, 5.0), UP_TO, jnp.array([14.0, 14.0, 100.0, 0.0]))
    assert_orders(reorder(observed()[0]), levels, (5, 20, 5, 5), (14, 0, 35, 0))


def test_a_joint_quantity_that_is_missing_brings_all_items_to_their_levels():
    """Items above their levels order nothing and hold nobody else back."""
    policy = joint_quantity(observed()[0])
    levels = JointQuantity(jnp.float32(35), UP_TO)
    assert_orders(policy, levels, (10, 20, 60, 34.9), (10, 10, 0, 15.1))
    assert_orders(policy, levels, (10, 20, 60, 35.1), (0, 0, 0, 0))


def test_one_item_that_must_order_takes_along_those_that_can():
    policy = can_order(observed()[0])
    levels = CanOrder(jnp.full(4, 5.0), jnp.full(4, 15.0), UP_TO)
    assert_orders(policy, levels, (5, 15, 15.1, 30), (15, 15, 0, 0))
    assert_orders(policy, levels, (5.1, 6, 7, 8), (0, 0, 0, 0))
    assert_orders(policy, levels, (60, -3, 60, 14), (0, 33, 0, 36))


def test_an_echelon_orders_by_all_stock_downstream_and_what_its_supplier_has(tmp_path):
    """Plant, warehouse and store hold 7, 10 and -4, of which the first two send no more than that;
    2 units are on their way to each."""
    instance = build(small_config(tmp_path, "problem=serial_3")).instance
    seen = example_observation(instance)
    levels = EchelonReorderLevels(jnp.array([19.0, 30.0, 40.0]), jnp.array([60.0, 30.0, 40.0]))
    seen = seen._replace(
        on_hand=jnp.array([7.0, 10.0, -4.0]),
        pipeline=jnp.zeros_like(seen.pipeline).at[:, 0].set(2.0),
    )
    policy = echelon_reorder(instance.network)
    np.testing.assert_allclose(policy.apply(levels, seen).mode(), (41, 7, 10), rtol=1e-5)
    above = levels._replace(reorder_level=jnp.array([18.0, 30.0, 40.0]))
    np.testing.assert_allclose(policy.apply(above, seen).mode(), (0, 7, 10), rtol=1e-5)


@pytest.mark.parametrize("review", [1, 3])
def test_a_review_comes_every_so_many_periods_whatever_the_position(review):
    policy = periodic_review(observed()[0])
    levels = PeriodicReview(jnp.int32(review), UP_TO)
    for period in range(7):
        orders = policy.apply(levels, at(19, -5, 45, 50), None, jnp.int32(period)).mode()
        expected = (1, 35, 0, 0) if period % review == 0 else (0, 0, 0, 0)
        np.testing.assert_allclose(orders, expected, rtol=1e-5)


@pytest.mark.parametrize("policy_of", [reorder, joint_quantity, can_order])
def test_levels_are_given_and_not_trained(policy_of):
    assert not policy_of(observed()[0]).trained
