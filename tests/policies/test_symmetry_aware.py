"""The symmetry-aware nets: stores that change places change orders, whatever their number."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import (
    example,
    first,
    in_x64,
    numbers,
    one_store,
    parameters,
    sizes,
    states,
    trajectory,
    warehouse_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.algorithms.hdpo import hdpo
from neuroinv.config import HDPOConfig, SymmetryAwareConfig
from neuroinv.policies.symmetry_aware import symmetry_aware
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network, outgoing
from neuroinv.rollout import greedy

DEPOTS, STORES = 2, 3
TWO_DEPOTS = build_network(
    # Every store is linked to both depots; the supplier is listed last.
    (
        *(Node(f"depot_{index}", "stocking") for index in range(DEPOTS)),
        *(Node(f"store_{index}", "demand") for index in range(STORES)),
        Node("supplier", "supply"),
    ),
    (
        *(Edge(DEPOTS + STORES, depot) for depot in range(DEPOTS)),
        *(Edge(d, DEPOTS + store) for d in range(DEPOTS) for store in range(STORES)),
    ),
    4,
    "lost",
)
NETWORKS = {
    "one store": one_store(unmet_demand="lost"),
    "warehouse": warehouse_tree(unmet_demand="lost"),
    "cross-dock": warehouse_tree(holds_stock=False),
    "two depots": TWO_DEPOTS,
}
OBSERVES = ("inventory", "past_demand", "costs", "lead_times", "demand_spread")


def policy_of(network):
    config = SymmetryAwareConfig("symmetry_aware", (5, 4), (6, 5), (7,), "tanh", OBSERVES)
    return symmetry_aware(network, config)


@functools.cache
def observation(network):
    params = parameters(network, past_periods=2)
    return first(jax.vmap(inventory_problem(network).observe)(params, states(network, params)))


@functools.cache
def set_up(name):
    """Variables far from their first values, and the orders of an observation, compiled."""
    network = NETWORKS[name]
    policy = policy_of(network)
    variables = jax.jit(policy.init)(jax.random.key(0), observation(network))
    generator = np.random.default_rng(4)
    variables = jax.tree.map(
        lambda leaf: leaf + jnp.asarray(0.7 * generator.normal(size=leaf.shape), leaf.dtype),
        variables,
    )
    return variables, jax.jit(lambda variables, seen: policy.apply(variables, seen).mode())


@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=20)
@given(st.data())
def test_orders_on_any_stock_are_feasible(name, data):
    network = NETWORKS[name]
    variables, apply = set_up(name)
    seen = observation(network)
    stocks = numbers(-1e3, 1e4)
    on_hand = data.draw(hnp.arrays(np.float32, sizes(network)[0], elements=stocks))
    pipeline = data.draw(hnp.arrays(np.float32, seen.pipeline.shape, elements=numbers(0, 1e3)))
    orders = np.asarray(apply(variables, seen._replace(on_hand=on_hand, pipeline=pipeline)))
    assert orders.min() >= 0
    assert np.all(outgoing(network) @ orders <= np.maximum(on_hand, 0) * (1 + 1e-5))


def permuted(seen, depots, stores):
    """What is seen after depots and stores have changed places."""
    nodes = np.concatenate([depots, DEPOTS + stores])
    edges = np.concatenate([depots, DEPOTS + (STORES * depots[:, None] + stores).ravel()])
    moved = seen._replace(
        **{name: getattr(seen, name)[nodes] for name in ("on_hand", "pipeline", "holding_cost")},
        **{name: getattr(seen, name)[edges] for name in ("procurement_cost", "lead_time")},
        **{
            name: getattr(seen, name)[stores]
            for name in ("underage_cost", "demand_scale", "demand_std")
        },
        past_demand=seen.past_demand[:, stores],
    )
    return moved, edges


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(DEPOTS)), st.permutations(range(STORES)))
def test_orders_change_places_with_depots_and_stores(depots, stores):
    variables, apply = set_up("two depots")
    seen = observation(TWO_DEPOTS)
    moved, edges = permuted(seen, np.array(depots), np.array(stores))
    orders = np.asarray(apply(variables, seen))
    assert len(np.unique(orders.round(3))) == orders.size, "a net that reads nothing is no test"
    np.testing.assert_allclose(apply(variables, moved), orders[edges], rtol=1e-4)


def test_twice_the_stores_of_each_sort_order_the_same_each_and_twice_in_all():
    """The variables do not know how many stores there are, and the context is an average."""
    variables, apply = set_up("warehouse")
    seen = observation(NETWORKS["warehouse"])
    doubled_network = warehouse_tree(stores=6, unmet_demand="lost")
    assert doubled_network.nodes[6].name == "warehouse"

    def doubled(leaf, stores=3, axis=0):
        of_stores, others = jnp.split(leaf, [stores], axis=axis)
        return jnp.concatenate([of_stores, of_stores, others], axis=axis)

    larger = seen._replace(
        **{
            name: doubled(getattr(seen, name))
            for name in seen._fields
            if name not in ("past_demand", "calendar", "sizes")
        },
        past_demand=doubled(seen.past_demand, axis=1),
    )
    larger = larger._replace(
        on_hand=larger.on_hand.at[6].multiply(2), pipeline=larger.pipeline.at[6].multiply(2)
    )
    policy = policy_of(doubled_network)
    with jax.enable_x64(True):  # one order is a small difference of large numbers
        variables, seen, larger = (in_x64(tree) for tree in (variables, seen, larger))
        orders = np.asarray(apply(variables, seen))
        twice = np.asarray(jax.jit(lambda seen: policy.apply(variables, seen).mode())(larger))
    np.testing.assert_allclose(twice, [*orders[:3], *orders[:3], 2 * orders[3]], rtol=1e-6)


@settings(deadline=None, max_examples=15)
@given(st.floats(1e-3, 1e4))
def test_orders_are_multiplied_as_all_quantities_are(factor):
    variables, apply = set_up("two depots")
    seen = observation(TWO_DEPOTS)
    quantities = ("on_hand", "pipeline", "past_demand", "demand_scale", "demand_std")
    scaled = seen._replace(
        **{name: jnp.float32(factor) * getattr(seen, name) for name in quantities}
    )
    orders = np.asarray(apply(variables, seen))
    np.testing.assert_allclose(apply(variables, scaled), factor * orders, rtol=2e-3)


def test_every_order_depends_on_the_stock_of_every_location():
    """Through the ends of its edge or the context; here before stock is shared out."""
    policy = policy_of(TWO_DEPOTS)
    variables, _ = set_up("two depots")
    seen = observation(TWO_DEPOTS)

    def outputs(pipeline):
        return policy.apply(variables, seen._replace(pipeline=pipeline)).outputs

    slopes = np.asarray(jax.jit(jax.jacobian(outputs))(seen.pipeline))
    assert np.all(np.abs(slopes).max(axis=2) > 1e-5)


def test_gradients_through_all_periods_are_slopes_of_the_cost():
    with jax.enable_x64(True):
        lead_time = [1, 2, 1, 2, 0, 1, 3, 2]
        scenario = first(example(TWO_DEPOTS, 6, lead_time=lead_time, past_periods=2))
        in_float64 = lambda leaf: jnp.asarray(leaf, float)  # noqa: E731
        variables = jax.tree.map(in_float64, set_up("two depots")[0])
        policy = policy_of(TWO_DEPOTS)

        def cost(variables):
            happened = trajectory(TWO_DEPOTS, greedy(policy, variables), scenario)
            return sum(jax.tree.leaves(happened.costs))

        both = jax.jit(jax.value_and_grad(cost))
        generator = np.random.default_rng(2)
        direction = jax.tree.map(lambda leaf: generator.normal(size=leaf.shape), variables)

        def shifted(step):
            return jax.tree.map(lambda leaf, along: leaf + step * along, variables, direction)

        slope = (both(shifted(1e-6))[0] - both(shifted(-1e-6))[0]) / 2e-6
        gradient = jax.tree.map(lambda g, along: np.sum(g * along), both(variables)[1], direction)
        along = sum(jax.tree.leaves(gradient))
        assert abs(along) > 1e-2
        assert along == pytest.approx(float(slope), rel=1e-5)


def test_training_lowers_the_cost_and_gradients_stay_finite():
    network = warehouse_tree(unmet_demand="lost")
    scenarios = example(network, 20, 64, lead_time=[1, 2, 2, 2])
    problem = inventory_problem(network)
    observes = ("inventory", "costs")
    config = SymmetryAwareConfig("symmetry_aware", (8,), (16,), (16,), "elu", observes, "quantity")
    policy = symmetry_aware(network, config)
    seen = problem.observe(*first(scenarios)[:2])
    algorithm = hdpo(problem, policy, seen, HDPOConfig("hdpo"), 60, 5)
    state = algorithm.init(jax.random.key(0))
    update = jax.jit(algorithm.update)
    costs = []
    for _ in range(60):
        state, metrics = update(state, scenarios)
        costs.append(float(metrics["train_cost"]))
        assert np.isfinite(metrics["gradient_norm"])
    assert costs[-1] < 0.85 * costs[0]
