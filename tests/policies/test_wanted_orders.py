"""Outputs into orders: multiples of demand, or levels of the echelon position."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import (
    first,
    networks,
    numbers,
    one_store,
    parameters,
    seeds,
    serial_system,
    sizes,
    states,
    warehouse_tree,
)
from hypothesis import given, settings
from small_runs import small_mapping

from neuroinv.config import MLPConfig, parse
from neuroinv.policies.allocation import proportional
from neuroinv.policies.echelon_stock import echelon_stock, variables_of_levels
from neuroinv.policies.positions import echelon_position, location_scale, protected_periods
from neuroinv.policies.wanted_orders import FIRST_COVER, LARGEST_DROP, wanted_orders
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network, incoming
from neuroinv.types import InputError


def observation(network, seed=0):
    params = parameters(network, seed)
    state = states(network, params, seed + 1)
    return first(jax.vmap(inventory_problem(network).observe)(params, state))


@pytest.mark.parametrize("network", [one_store(), serial_system()], ids=["one store", "serial"])
@settings(deadline=None, max_examples=10)
@given(seed=seeds, output=numbers(-1.875, 3))  # lower ones ask for less than nothing
def test_constant_outputs_are_an_echelon_base_stock_policy(network, seed, output):
    seen = observation(network, seed)
    cover = FIRST_COVER + (output if output > 0 else LARGEST_DROP * np.tanh(output / LARGEST_DROP))
    levels = (protected_periods(network, seen) + cover) * location_scale(network, seen)
    policy = echelon_stock(network, 1.0)
    expected = policy.apply(variables_of_levels(network, np.asarray(levels), seen), seen).mode()
    outputs = jnp.full(len(network.edges), output)
    wanted = wanted_orders(network, seen, outputs, "up_to")
    found = proportional(network, wanted, seen.on_hand)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@settings(deadline=None, max_examples=15)
@given(networks(), seeds)
def test_no_net_leaves_an_echelon_short_for_ever(network, seed):
    """Whatever the outputs, a position short by more than the bound is lifted by all but that, by
    all suppliers together."""
    seen = observation(network, seed)
    outputs = 100 * jax.random.normal(jax.random.key(seed), (len(network.edges),))
    scale = location_scale(network, seen)
    missing = protected_periods(network, seen) - echelon_position(network, seen) / scale
    wanted = np.asarray(wanted_orders(network, seen, outputs, "up_to"))
    assert np.all(np.isfinite(wanted))
    assert np.all(wanted >= 0)
    arriving = incoming(network) @ wanted / np.asarray(scale)
    assert np.all(arriving >= missing + FIRST_COVER - LARGEST_DROP - 1e-3)


def test_suppliers_share_what_one_location_misses():
    """Evenly where their outputs are equal; nearly all of it from one that is far higher."""
    nodes = (Node("near", "supply"), Node("far", "supply"), Node("store", "demand"))
    network = build_network(nodes, (Edge(0, 2), Edge(1, 2)), 4)
    seen = observation(network)._replace(
        on_hand=jnp.zeros(1), pipeline=jnp.zeros((1, 3)), lead_time=jnp.array([2, 2])
    )
    level = (2 + 1 + FIRST_COVER) * float(seen.demand_scale[0])
    even = wanted_orders(network, seen, jnp.zeros(2), "up_to")
    np.testing.assert_allclose(even, [level / 2, level / 2], rtol=1e-5)
    one = wanted_orders(network, seen, jnp.array([0.0, -30.0]), "up_to")
    np.testing.assert_allclose(one, [level, 0], atol=1e-4 * level)


@settings(deadline=None, max_examples=15)
@given(seeds)
def test_what_a_cross_dock_shares_out_has_a_bounded_derivative(seed):
    """Also where its stores want next to nothing."""
    network = warehouse_tree(holds_stock=False)
    seen = observation(network, seed)
    on_hand = seen.on_hand.at[:3].set(3 * seen.lead_time.max() * seen.demand_scale)
    seen = seen._replace(on_hand=on_hand)

    def shipped(outputs):
        wanted = wanted_orders(network, seen, outputs, "up_to")
        return proportional(network, wanted, seen.on_hand)[:3]

    slopes = jax.jacobian(shipped)(jax.random.normal(jax.random.key(seed), (4,)))
    assert np.all(np.abs(slopes) < 100 * float(seen.on_hand[3]))


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
