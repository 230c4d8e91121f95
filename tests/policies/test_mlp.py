"""The perceptron: feasible orders, free of units, and the same however it is vmapped."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import first, in_x64, numbers, parameters, states, warehouse_tree
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.config import MLPConfig
from neuroinv.decisions import Transformed
from neuroinv.policies.mlp import mlp
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import outgoing

COUNT, HIDDEN = 5, (6, 5)
ALL = ("inventory", "past_demand", "calendar", "costs", "lead_times", "demand_scale")
STOCK_ONLY = ("inventory", "past_demand", "calendar", "lead_times")
HOLDS, SHIPS_ALL = warehouse_tree(), warehouse_tree(holds_stock=False)


@functools.cache
def observations(network):
    params = parameters(network, scenarios=COUNT, past_periods=3)
    calendar = jnp.asarray(np.random.default_rng(0).normal(size=(COUNT, 2)))
    state = states(network, params)._replace(calendar=calendar)
    return jax.vmap(inventory_problem(network).observe)(params, state)


@functools.cache
def far_variables(observes):
    """Variables far from their first values, so that the network reacts to all it sees."""
    policy = mlp(HOLDS, MLPConfig("mlp", HIDDEN, "tanh", observes, orders="quantity"))
    variables = jax.jit(policy.init)(jax.random.key(0), first(observations(HOLDS)))
    generator = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: leaf + jnp.asarray(0.5 * generator.normal(size=leaf.shape), leaf.dtype),
        variables,
    )


@functools.cache
def set_up(network, allocation="proportional", scale="demand", observes=STOCK_ONLY):
    """Variables, and the orders of one observation as a compiled function of both."""
    config = MLPConfig("mlp", HIDDEN, "tanh", observes, scale, "quantity", allocation)
    policy = mlp(network, config)
    apply = jax.jit(lambda variables, seen: policy.apply(variables, seen).mode())
    return far_variables(observes), apply


@functools.cache
def disturbed(network, orders, allocation):
    """Orders after noise on the outputs, as a compiled function of noise and observation."""
    config = MLPConfig("mlp", HIDDEN, "tanh", STOCK_ONLY, orders=orders, allocation=allocation)
    policy = mlp(network, config)
    variables = far_variables(STOCK_ONLY)

    def of_noise(noise, seen):
        decision = policy.apply(variables, seen)
        return decision._replace(outputs=decision.outputs + noise).mode()

    return jax.jit(of_noise)


@pytest.mark.parametrize("allocation", ["proportional", "softmax"])
@pytest.mark.parametrize("orders", ["quantity", "up_to"])
@pytest.mark.parametrize("network", [HOLDS, SHIPS_ALL], ids=["warehouse", "cross-dock"])
@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(np.float32, 4, elements=numbers(-1e3, 1e4)),
    hnp.arrays(np.float32, (4, 3), elements=numbers(0, 1e3)),
    hnp.arrays(np.float32, 4, elements=numbers(-100, 100)),
)
def test_orders_on_any_stock_are_feasible(network, orders, allocation, on_hand, pipeline, noise):
    seen = first(observations(network))._replace(on_hand=on_hand, pipeline=pipeline)
    orders = np.asarray(disturbed(network, orders, allocation)(noise, seen))
    there = max(on_hand[3], 0)
    leaving = (outgoing(network) @ orders)[3]
    assert orders.min() >= 0
    assert leaving <= there * (1 + 1e-5)
    if network is SHIPS_ALL:
        assert leaving == pytest.approx(there, rel=1e-5)


def orders_by_hand(outputs, seen, allocation):
    """What outputs stand for in a tree of three stores (edges 0 to 2) and their warehouse (3)."""
    outputs, demand, on_hand = (
        np.asarray(leaf, np.float64) for leaf in (outputs, seen.demand_scale, seen.on_hand)
    )
    typical = np.append(demand, demand.sum())
    wanted = typical * np.log1p((np.e - 1) * np.exp(outputs))
    if allocation == "proportional":
        to_stores = wanted[:3] * min(1, on_hand[3] / wanted[:3].sum())
    else:
        shares = np.exp(outputs[:3])
        to_stores = shares / (shares.sum() + np.e) * on_hand[3]
    return np.append(to_stores, wanted[3])


@pytest.mark.parametrize("stock", [1.0, 1e3], ids=["scarce", "plenty"])
@pytest.mark.parametrize("allocation", ["proportional", "softmax"])
def test_the_decision_keeps_the_outputs_that_its_orders_are_made_of(allocation, stock):
    config = MLPConfig("mlp", HIDDEN, "tanh", STOCK_ONLY, orders="quantity", allocation=allocation)
    policy = mlp(HOLDS, config)
    seen = first(observations(HOLDS))
    seen = seen._replace(on_hand=seen.on_hand.at[3].set(stock))
    variables, apply = set_up(HOLDS, allocation)
    decision = policy.apply(variables, seen)
    assert isinstance(decision, Transformed)
    by_hand = orders_by_hand(decision.outputs, seen, allocation)
    np.testing.assert_allclose(decision.mode(), by_hand, rtol=1e-5)
    np.testing.assert_allclose(apply(variables, seen), by_hand, rtol=1e-5)
    typical = decision._replace(outputs=jnp.zeros(4)).mode()[3]
    assert typical == pytest.approx(float(seen.demand_scale.sum()))


@pytest.mark.parametrize("allocation", ["proportional", "softmax"])
@settings(deadline=None, max_examples=15)
@given(st.floats(1e-3, 1e4), hnp.arrays(np.float32, 4, elements=numbers(-10, 50)))
def test_orders_are_multiplied_as_all_quantities_are(allocation, factor, on_hand):
    variables, apply = set_up(HOLDS, allocation)
    seen = first(observations(HOLDS))._replace(on_hand=on_hand)
    scaled = seen._replace(
        on_hand=factor * seen.on_hand,
        pipeline=factor * seen.pipeline,
        past_demand=factor * seen.past_demand,
        demand_scale=factor * seen.demand_scale,
    )
    scaled = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), scaled, seen)
    orders = np.asarray(apply(variables, seen))
    np.testing.assert_allclose(
        apply(variables, scaled), factor * orders, rtol=2e-3, atol=1e-4 * factor
    )


def test_orders_are_not_multiplied_where_raw_units_are_read():
    variables, apply = set_up(HOLDS, scale="none")
    seen = first(observations(HOLDS))
    doubled = seen._replace(demand_scale=2 * seen.demand_scale)
    np.testing.assert_array_equal(apply(variables, doubled), apply(variables, seen))


def test_each_feature_changes_orders_only_where_it_is_observed():
    seen = first(observations(HOLDS))
    changes = {
        "inventory": {"pipeline": seen.pipeline + 1},  # stock on hand also limits shipments
        "past_demand": {"past_demand": seen.past_demand + 1},
        "calendar": {"calendar": seen.calendar + 0.1},
        "costs": {"holding_cost": seen.holding_cost + 1, "underage_cost": seen.underage_cost + 1},
        "lead_times": {"lead_time": seen.lead_time + 1},
    }
    variables, apply = set_up(HOLDS, observes=("past_demand",))
    for name, change in changes.items():
        same = np.array_equal(apply(variables, seen), apply(variables, seen._replace(**change)))
        assert same == (name != "past_demand"), name
    variables, apply = set_up(HOLDS, observes=ALL)
    for change in changes.values():
        assert not np.array_equal(apply(variables, seen), apply(variables, seen._replace(**change)))


def test_an_untrained_network_orders_about_typical_demand_from_its_supply():
    policy = mlp(HOLDS, MLPConfig("mlp", (16,), "relu", ("inventory",), orders="quantity"))
    seen = first(observations(HOLDS))

    @jax.jit
    def untrained(key):
        return policy.apply(policy.init(key, seen), seen).mode()

    for key in jax.random.split(jax.random.key(3), 5):
        assert untrained(key)[3] == pytest.approx(float(seen.demand_scale.sum()), rel=0.5)


def several_variables(variables):
    """Three sets of variables, stacked."""
    return jax.tree.map(lambda leaf: jnp.stack([leaf, 0.5 * leaf, leaf + 0.1]), variables)


def test_every_nesting_of_vmap_equals_single_calls():
    variables, apply = set_up(HOLDS, observes=ALL)
    stacked, seen = several_variables(variables), observations(HOLDS)

    def take(tree, index):
        return jax.tree.map(lambda leaf: leaf[index], tree)

    single = np.array(
        [
            [apply(take(stacked, seed), take(seen, scenario)) for scenario in range(COUNT)]
            for seed in range(3)
        ]
    )
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    scenarios_of = jax.vmap(apply, (None, 0))
    seeds_of = jax.vmap(apply, (0, None))
    close(jax.jit(scenarios_of)(variables, seen), single[0])
    close(jax.jit(jax.vmap(scenarios_of, (0, None)))(stacked, seen), single)
    close(jax.jit(jax.vmap(seeds_of, (None, 0)))(stacked, seen), single.swapaxes(0, 1))
    paired = jax.vmap(apply)(stacked, jax.tree.map(lambda leaf: leaf[:3], seen))
    close(paired, single[np.arange(3), np.arange(3)])


def cost_of(apply):
    """A smooth scalar of the orders, so that gradients have something to say."""
    return lambda variables, seen: jnp.sum(jnp.sin(apply(variables, seen) / 10))


def along(direction, gradient):
    return sum(
        np.sum(d * np.asarray(g))
        for d, g in zip(jax.tree.leaves(direction), jax.tree.leaves(gradient), strict=True)
    )


def test_gradients_of_the_vmapped_network_are_its_slopes():
    with jax.enable_x64(True):
        variables, apply = set_up(HOLDS, observes=ALL)
        variables, seen = in_x64(variables), in_x64(observations(HOLDS))
        batch = jax.vmap(cost_of(apply), (None, 0))
        both = jax.value_and_grad(lambda variables: batch(variables, seen).sum())
        stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, 0.5 * leaf]), variables)
        of_seeds = jax.jit(jax.vmap(both))
        generator = np.random.default_rng(7)
        direction = jax.tree.map(lambda leaf: generator.normal(size=leaf.shape), stacked)
        ahead, behind = (
            of_seeds(jax.tree.map(lambda x, d, step=step: x + step * d, stacked, direction))[0]
            for step in (1e-5, -1e-5)
        )
        slopes = (ahead - behind) / 2e-5
        gradients = of_seeds(stacked)[1]
        for seed in range(2):
            of_seed = [
                jax.tree.map(lambda x, i=seed: x[i], tree) for tree in (direction, gradients)
            ]
            assert along(*of_seed) == pytest.approx(float(slopes[seed]), rel=1e-6)
        one_seed = jax.jit(both)(variables)[1]
        assert along(first(direction), one_seed) == pytest.approx(float(slopes[0]), rel=1e-6)


def test_gradient_of_a_single_scenario_is_that_of_a_batch_of_one():
    variables, apply = set_up(HOLDS, observes=ALL)
    seen = jax.tree.map(lambda leaf: leaf[:1], observations(HOLDS))
    batch = jax.vmap(cost_of(apply), (None, 0))
    expected = jax.grad(lambda variables: batch(variables, seen).sum())(variables)
    single = jax.grad(cost_of(apply))(variables, first(seen))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), single, expected
    )
