"""Allocation: what leaves a location is on hand there, shared as it was wanted."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest
import scipy.optimize
import scipy.special
from examples import networks, numbers, sizes, warehouse_tree
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.policies.allocation import HOLD_LOGIT, balanced, proportional, softmax, whole_units
from neuroinv.problems.inventory.network import locations, outgoing, sources

HOLDS, SHIPS_ALL = warehouse_tree(), warehouse_tree(holds_stock=False)
OFF = {
    rule: {network: jax.jit(functools.partial(rule, network)) for network in (HOLDS, SHIPS_ALL)}
    for rule in (proportional, softmax, balanced)
}
SERVED = jnp.ones(4)
WAREHOUSE = 3  # after the three stores; its edges to them are listed first
quantities = st.floats(0.015625, 1e5, width=32)
stocks = numbers(-1e3, 1e5)


@settings(deadline=None, max_examples=100)
@given(hnp.arrays(np.float32, 4, elements=quantities), hnp.arrays(np.float32, 4, elements=stocks))
def test_proportional_ships_all_that_is_wanted_or_all_there_is(wanted, on_hand):
    shipped = np.asarray(OFF[proportional][HOLDS](wanted, on_hand))
    there = max(on_hand[WAREHOUSE], 0)
    assert shipped[3] == wanted[3], "a supply has no limit"
    assert shipped[:3].sum() == pytest.approx(min(there, wanted[:3].sum()), rel=1e-5)
    share = shipped[:3] / wanted[:3]
    np.testing.assert_allclose(share, share[0], rtol=1e-5, atol=1e-30)
    if there >= wanted[:3].sum(dtype=np.float64) * (1 + 1e-6):
        np.testing.assert_array_equal(shipped, wanted)


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.float32, 4, elements=quantities), hnp.arrays(np.float32, 4, elements=stocks))
def test_a_node_that_holds_nothing_ships_all_in_the_proportions_wanted(wanted, on_hand):
    shipped = np.asarray(OFF[proportional][SHIPS_ALL](wanted, on_hand))
    there = max(on_hand[WAREHOUSE], 0)
    np.testing.assert_allclose(
        shipped[:3], there * wanted[:3] / wanted[:3].sum(), rtol=1e-5, atol=1e-30
    )
    assert shipped[3] == wanted[3]


@pytest.mark.parametrize("wanted", [0.0, 1e-13])
def test_a_node_that_holds_nothing_ships_all_even_where_next_to_nothing_is_wanted(wanted):
    on_hand = jnp.array([0.0, 0.0, 0.0, 12.0])
    shipped = OFF[proportional][SHIPS_ALL](jnp.full(4, wanted), on_hand)
    np.testing.assert_allclose(shipped[:3].sum(), 12, rtol=1e-5)


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from([HOLDS, SHIPS_ALL]),
    hnp.arrays(np.float32, 4, elements=numbers(-20, 20)),
    hnp.arrays(np.float32, 4, elements=stocks),
)
def test_softmax_shares_stock_by_its_formula(network, logits, on_hand):
    shipped = np.asarray(OFF[softmax][network](jnp.full(4, 5.0), logits, SERVED, on_hand))
    keep = [HOLD_LOGIT] if network is HOLDS else []
    shares = scipy.special.softmax(np.array([*logits[:3], *keep], np.float64))[:3]
    expected = max(on_hand[WAREHOUSE], 0) * shares
    np.testing.assert_allclose(shipped[:3], expected, rtol=1e-4, atol=1e-30)
    assert shipped[3] == 5, "orders on a supply are what is wanted"


def water_height(missing, areas, stock, holds: bool) -> float:
    """By bisection in double precision: the height that leaves what there is."""

    def beyond(height):
        return np.maximum(missing - height * areas, 0).sum() - stock

    if holds and beyond(0) <= 0:
        return 0.0
    low = np.min((missing - stock - 1) / areas)
    return scipy.optimize.brentq(beyond, low, np.max(missing / areas) + 1, xtol=1e-12)


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from([HOLDS, SHIPS_ALL]),
    hnp.arrays(np.float32, 4, elements=numbers(-50, 50)),
    hnp.arrays(np.float32, 4, elements=st.floats(0.125, 8, width=32)),
    numbers(0, 200),
    st.one_of(st.none(), st.tuples(numbers(0, 50), st.floats(0.125, 8, width=32))),
)
@example(HOLDS, np.float32([3, 0.7, -1, 2]), np.float32([0.3, 0.7, 1, 1]), np.float32(0), None)
def test_balanced_gives_up_the_same_height_everywhere(network, missing, areas, stock, keeps):
    """Keeping stock is a claim like the stores', where it is allowed."""
    holds = network is HOLDS
    kept, kept_area = (np.float32(one) for one in keeps or (0, 1))
    on_hand = np.zeros(4, np.float32)
    on_hand[WAREHOUSE] = stock
    shipped = OFF[balanced][network](missing, areas, on_hand, kept, kept_area)
    claims = [missing[:3], [kept]] if holds else [missing[:3]]
    of_areas = [areas[:3], [kept_area]] if holds else [areas[:3]]
    joined, joined_areas = (np.concatenate(one).astype(float) for one in (claims, of_areas))
    height = water_height(joined, joined_areas, float(stock), holds)
    expected = np.maximum(missing[:3] - height * areas[:3].astype(float), 0)
    np.testing.assert_allclose(shipped[:3], expected, rtol=1e-4, atol=1e-3)
    assert shipped[3] == max(missing[3], 0), "a supply has no limit"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("holds_stock", [True, False])
def test_balanced_shares_among_fifty_and_has_the_derivative_of_what_it_does(holds_stock, seed):
    """Areas are as far apart as a graph network may set them."""
    network, count = warehouse_tree(50, holds_stock=holds_stock), 50
    generator = np.random.default_rng(seed)
    missing = generator.normal(2, 4, count + 1)
    areas = np.exp(generator.uniform(-2, 2, count + 1))
    on_hand = np.zeros(count + 1)
    on_hand[-1] = 60.0
    with jax.enable_x64(True):
        given = (jnp.asarray(missing), jnp.asarray(areas))

        def some(missing, areas):
            shipped = balanced(network, missing, areas, jnp.asarray(on_hand))
            return jnp.sum(shipped[:count] ** 2), shipped

        height = water_height(missing[:count], areas[:count], 60.0, holds_stock)
        expected = np.maximum(missing[:count] - height * areas[:count], 0)
        np.testing.assert_allclose(some(*given)[1][:count], expected, rtol=1e-6, atol=1e-6)
        jax.test_util.check_grads(lambda *of: some(*of)[0], given, order=1, modes=["rev"])


@settings(deadline=None, max_examples=8)  # each compiles its operations
@given(networks(), st.data())
def test_no_location_of_any_graph_ships_more_than_it_has(network, data):
    location_count, _, edge_count = sizes(network)
    elements = numbers(0, 1e4)
    wanted = data.draw(hnp.arrays(np.float32, edge_count, elements=elements))
    on_hand = data.draw(hnp.arrays(np.float32, location_count, elements=stocks))
    leaving, there = outgoing(network), np.maximum(on_hand, 0)
    holds = np.array([network.nodes[node].holds_stock for node in locations(network)])
    missing = data.draw(hnp.arrays(np.float32, edge_count, elements=numbers(-1e4, 1e4)))

    @jax.jit
    def by_all(wanted, missing, on_hand):
        areas = jnp.full(edge_count, 3.0)
        return (
            proportional(network, wanted, on_hand),
            softmax(network, wanted, wanted, jnp.ones(edge_count), on_hand),
            balanced(network, missing, areas, on_hand, kept=5.0),
        )

    for rule, orders in zip(
        (proportional, softmax, balanced), by_all(wanted, missing, on_hand), strict=True
    ):
        shipped = np.asarray(orders)
        assert shipped.min() >= 0
        assert np.all(leaving @ shipped <= there * (1 + 1e-5))
        if rule is not proportional:
            emptied = ~holds & (leaving.sum(axis=1) > 0)
            np.testing.assert_allclose(
                (leaving @ shipped)[emptied], there[emptied], rtol=1e-5, atol=1e-30
            )


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.float32, 4, elements=numbers(0, 1000)))
def test_whole_units_are_whole_and_never_more_than_could_be_shipped(orders):
    ships = sources(HOLDS) >= 0
    on_hand = np.array([0, 0, 0, orders[ships].sum()], np.float32)
    whole = np.asarray(whole_units(HOLDS, jnp.asarray(orders), jnp.asarray(on_hand)))
    np.testing.assert_array_equal(whole, np.round(whole))
    assert whole[ships].sum() <= on_hand[WAREHOUSE]
    assert np.all(whole[ships] <= orders[ships] + 2e-3)
    assert np.all(orders[ships] - whole[ships] < 1)
    assert np.all(np.abs(orders - whole)[~ships] <= 0.5)


SHARED = jax.jit(
    lambda wanted, on_hand: whole_units(HOLDS, proportional(HOLDS, wanted, on_hand), on_hand)
)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 100_000), st.floats(1, 8, width=32), st.sampled_from([(0,), (0, 1), (0, 2)]))
def test_a_whole_stock_wanted_in_full_is_shipped_to_the_last_unit(stock, times, receivers):
    """By one edge, or shared evenly; a quotient and a product in float32 would lose a unit."""
    stock -= stock % len(receivers)
    wanted = jnp.zeros(4).at[jnp.asarray(receivers)].set(times * max(stock, 1) / len(receivers))
    on_hand = jnp.zeros(4).at[WAREHOUSE].set(stock)
    assert SHARED(wanted, on_hand)[:3].sum() == stock


@settings(deadline=None, max_examples=100)
@given(hnp.arrays(np.float32, 4, elements=quantities), numbers(0, 1e5))
def test_shares_in_whole_units_never_add_up_to_more_than_the_stock(wanted, stock):
    """Of any stock, one just below a whole number included."""
    for there in (stock, np.nextafter(np.round(stock), np.float32(0)), np.round(stock)):
        shipped = SHARED(wanted, jnp.zeros(4).at[WAREHOUSE].set(there))
        assert shipped[:3].sum() <= there * (1 + 1e-6)


def test_halves_from_supply_are_rounded_to_even():
    halves = jnp.array([0.0, 0.0, 0.0, 2.5])
    assert whole_units(HOLDS, halves, jnp.zeros(4))[3] == 2
    assert whole_units(HOLDS, halves + 1, jnp.zeros(4))[3] == 4
