"""Outputs into orders: multiples of demand, or levels of the echelon position."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import (
    first,
    networks,
    one_store,
    parameters,
    seeds,
    serial_system,
    sizes,
    states,
    warehouse_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import small_mapping

from neuroinv.config import MLPConfig, parse
from neuroinv.policies.allocation import proportional
from neuroinv.policies.echelon_stock import echelon_stock, variables_of_levels
from neuroinv.policies.positions import echelon_position, location_scale, protected_periods
from neuroinv.policies.wanted_orders import FIRST_COVER, MOST_COVER, wanted_orders
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import destinations
from neuroinv.types import InputError


def observation(network, seed=0):
    params = parameters(network, seed)
    state = states(network, params, seed + 1)
    return first(jax.vmap(inventory_problem(network).observe)(params, state))


@pytest.mark.parametrize("network", [one_store(), serial_system()], ids=["one store", "serial"])
@settings(deadline=None, max_examples=10)
@given(seed=seeds, output=st.floats(-3, 3))
def test_constant_outputs_are_an_echelon_base_stock_policy(network, seed, output):
    seen = observation(network, seed)
    cover = FIRST_COVER + MOST_COVER * np.tanh(output / MOST_COVER)
    levels = (protected_periods(network, seen) + cover) * location_scale(network, seen)
    policy = echelon_stock(network, 1.0)
    expected = policy.apply(variables_of_levels(network, np.asarray(levels), seen), seen).mode()
    outputs = jnp.full(len(network.edges), output)
    wanted = wanted_orders(network, seen, outputs, "up_to")
    found = proportional(network, wanted, seen.on_hand)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@settings(deadline=None, max_examples=15)
@given(networks(), seeds)
def test_orders_lift_every_echelon_to_its_level_and_are_bounded(network, seed):
    """Whatever the outputs, a position short by more than the bound is lifted by all but that."""
    seen = observation(network, seed)
    outputs = 100 * jax.random.normal(jax.random.key(seed), (len(network.edges),))
    scale = location_scale(network, seen)[destinations(network)]
    lasts = (echelon_position(network, seen) / location_scale(network, seen))[destinations(network)]
    missing = protected_periods(network, seen)[destinations(network)] - lasts
    wanted = np.asarray(wanted_orders(network, seen, outputs, "up_to") / scale)
    assert np.all(wanted >= 0)
    assert np.all(wanted >= missing + FIRST_COVER - MOST_COVER - 1e-3)
    assert np.all(wanted <= np.maximum(missing + FIRST_COVER + MOST_COVER, 0) + 1e-3)


@pytest.mark.parametrize("orders", ["quantity", "up_to"])
def test_orders_are_in_the_units_of_demand(orders):
    network = warehouse_tree()
    seen = observation(network)
    outputs = jnp.arange(4.0) - 2
    dozens = seen._replace(
        on_hand=seen.on_hand / 12,
        pipeline=seen.pipeline / 12,
        demand_scale=seen.demand_scale / 12,
    )
    assert sizes(network)[2] == 4
    np.testing.assert_allclose(
        12 * wanted_orders(network, dozens, outputs, orders),
        wanted_orders(network, seen, outputs, orders),
        rtol=1e-4,
        atol=1e-4,
    )


def test_an_untrained_net_orders_typical_demand():
    network = serial_system()
    seen = observation(network)
    wanted = wanted_orders(network, seen, jnp.zeros(3), "quantity")
    np.testing.assert_allclose(wanted, np.full(3, seen.demand_scale[0]), rtol=1e-5)


def test_levels_need_a_scale(tmp_path):
    mapping = small_mapping(tmp_path, "policy.scale=none")
    with pytest.raises(InputError, match="scale=none leaves out; set orders=quantity"):
        parse(mapping)
    assert MLPConfig("mlp", scale="none", orders="quantity").orders == "quantity"
