"""The hybrid policy: regimes within reach, orders within their regime, nets apart where asked."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import numbers, one_store
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sized_orders import own_cells, set_up

from neuroinv.config import GNNConfig, HybridConfig
from neuroinv.decisions import Hybrid
from neuroinv.policies.gnn import gnn
from neuroinv.policies.hybrid import hybrid
from neuroinv.policies.order_regimes import NEVER, fixed_cost_features
from neuroinv.policies.positions import served_edges
from neuroinv.problems.inventory.dynamics import ABSENT_SCALE, inventory_problem
from neuroinv.problems.inventory.instance import cell_ends
from neuroinv.problems.inventory.network import outgoing, sources
from neuroinv.types import InputError

HIDDEN = (6, 5)
CASES = [
    ("joint", "joint", "up_to"),
    ("joint", "per_edge", "quantity"),
    ("mixed", "per_edge", "quantity"),
    ("mixed", "per_edge", "up_to"),
    ("everything", "joint", "up_to"),
    ("everything", "per_edge", "quantity"),
    ("warehouse", "per_edge", "up_to"),
    ("one sized", "joint", "up_to"),
]
OF_KINDS = [("hybrid", *case) for case in CASES] + [
    ("gnn", "joint", "joint", "up_to"),
    ("gnn", "warehouse", "per_edge", "quantity"),
]


def net(nets="separate", choice="joint", orders="up_to", **given) -> HybridConfig:
    return HybridConfig("hybrid", HIDDEN, "tanh", nets, choice, orders=orders, **given)


@functools.cache
def observed(name):
    instance, params, state = set_up(name)
    return instance, inventory_problem(instance.network).observe(params, state)


def initialised(kind, name, choice, orders):
    """A policy of either kind, and its first variables."""
    instance, seen = observed(name)
    if kind == "gnn":
        config = GNNConfig("gnn", width=4, hidden=(4,), choice=choice, orders=orders)
        policy = gnn(instance.network, config)
    else:
        policy = hybrid(instance.network, net(choice=choice, orders=orders))
    return policy, jax.jit(policy.init)(jax.random.key(0), seen)


@functools.cache
def disturbed(kind, name, choice, orders):
    """Drawn regimes and their orders, as a compiled function of stock, noise and a key."""
    _, seen = observed(name)
    policy, variables = initialised(kind, name, choice, orders)

    @jax.jit
    def decide(on_hand, noise, key):
        decision = policy.apply(variables, seen._replace(on_hand=on_hand))
        of_logits, of_outputs = jax.random.split(key)
        decision = decision._replace(
            logits=decision.logits + noise * jax.random.normal(of_logits, decision.logits.shape),
            outputs=decision.outputs
            + noise * jax.random.normal(of_outputs, decision.outputs.shape),
        )
        drawn = decision.sample(jax.random.fold_in(key, 1))
        return drawn, decision.to_action(drawn), decision.entropy()

    return decide


@pytest.mark.parametrize(("kind", "name", "choice", "orders"), OF_KINDS)
@settings(deadline=None, max_examples=25)
@given(st.data())
def test_orders_are_feasible_and_of_the_size_that_was_chosen(kind, name, choice, orders, data):
    instance, _ = observed(name)
    network, (lower, upper) = instance.network, cell_ends(instance)
    locations = len(network.nodes) - 1
    on_hand = data.draw(hnp.arrays(np.float32, locations, elements=numbers(-90, 90)))
    noise = data.draw(st.sampled_from([0.0, 1.0, 30.0]))
    key = jax.random.key(data.draw(st.integers(0, 1000)))
    drawn, action, entropy = disturbed(kind, name, choice, orders)(on_hand, noise, key)
    quantity, cells = (np.asarray(part) for part in action)
    assert np.all(np.isin(cells, (0, 1)))
    np.testing.assert_array_equal(cells.sum(axis=1), 1)
    chosen = cells.argmax(axis=1)
    low, high = (ends[np.arange(len(chosen)), chosen] for ends in (lower, upper))
    assert np.all(np.isfinite(low)), "a regime out of reach"
    assert np.isfinite(entropy)
    assert quantity.min() >= 0
    from_supply = sources(network) < 0
    # An order of nothing may be placed where any size above nothing is one regime.
    counts_as = own_cells(lower, quantity).argmax(axis=1)
    as_decided = (counts_as == chosen) | (quantity == 0) & (low == 0)
    assert np.all(as_decided[from_supply])
    assert np.all(quantity <= high)
    leaving = outgoing(network) @ quantity
    assert np.all(leaving <= np.maximum(on_hand, 0) * (1 + 1e-5))
    sized = list(network.sized_edges)
    unsized = np.delete(np.arange(len(chosen)), sized)
    np.testing.assert_array_equal(chosen[unsized], 1)
    if choice == "joint":
        assert np.unique(chosen[sized]).tolist() == drawn.tolist()
    else:
        np.testing.assert_array_equal(chosen, drawn)


def test_every_regime_within_reach_can_be_drawn():
    """The warehouse's orders have four sizes, those of the roads two."""
    keys = jax.random.split(jax.random.key(0), 200)
    decide = jax.vmap(disturbed("hybrid", "warehouse", "per_edge", "up_to"), (None, None, 0))
    drawn, *_ = decide(jnp.full(3, 5.0), 30.0, keys)
    assert [set(choices.tolist()) for choices in np.asarray(drawn).T] == [
        {0, 1, 2, 3},
        {0, 1},
        {0, 1},
    ]


@pytest.mark.parametrize("kind", ["hybrid", "gnn"])
def test_nets_that_read_costs_read_fixed_ones(kind):
    """Started at random, so that no economic order quantity tells them."""
    instance, seen = observed("joint")
    dearer = seen.sizes._replace(joint_fixed_cost=4 * seen.sizes.joint_fixed_cost)
    found = {}
    for observes in (("inventory",), ("inventory", "costs")):
        if kind == "gnn":
            config = GNNConfig("gnn", width=4, hidden=(4,), observes=observes, start="none")
            policy = gnn(instance.network, config)
        else:
            policy = hybrid(instance.network, net(observes=observes, start="none"))
        variables = jax.jit(policy.init)(jax.random.key(0), seen)
        logits = [
            np.asarray(policy.apply(variables, seen._replace(sizes=sizes)).logits)
            for sizes in (seen.sizes, dearer)
        ]
        found[observes[-1]] = not np.array_equal(*logits)
    assert found == {"inventory": False, "costs": True}


@pytest.mark.parametrize("name", ["joint", "absent", "warehouse"])
def test_what_nets_read_of_fixed_costs_has_no_unit_and_is_zero_where_nobody_is(name):
    instance, seen = observed(name)
    in_cents = seen._replace(
        holding_cost=100 * seen.holding_cost,
        underage_cost=100 * seen.underage_cost,
        sizes=seen.sizes._replace(
            fixed_cost=100 * seen.sizes.fixed_cost,
            joint_fixed_cost=100 * seen.sizes.joint_fixed_cost,
        ),
    )
    read, same = (
        np.asarray(fixed_cost_features(instance.network, one)[0]) for one in (seen, in_cents)
    )
    np.testing.assert_allclose(same, read, rtol=1e-5)
    served = np.asarray(served_edges(instance.network, seen)) > 0
    assert np.all(read[~served] == 0)
    assert np.any(read[served] > 0)


@pytest.mark.parametrize("kind", ["hybrid", "gnn"])
def test_a_joint_choice_with_regimes_that_not_all_edges_have_is_one_sentence(kind):
    said = r"choice is joint, .* has 2 sizes to choose from .* has 4, .*policy\.choice=per_edge"
    with pytest.raises(InputError, match=said):
        disturbed(kind, "warehouse", "joint", "up_to")


def test_a_graph_network_decides_together_on_items_in_whatever_order_they_are_listed():
    """Three items that share an order, listed backwards; the fourth is ordered by itself."""
    instance, seen = observed("joint")
    network = instance.network
    backwards = jnp.array([2, 1, 0, 3])

    def listed_backwards(leaf):
        return leaf[backwards] if leaf.ndim and len(leaf) == len(backwards) else leaf

    seen = seen._replace(on_hand=jnp.array([-30.0, -58.0, -44.0, -71.0]))
    policy = gnn(network, GNNConfig("gnn", width=8, hidden=(8,), choice="joint"))
    variables = jax.jit(policy.init)(jax.random.key(0), seen)
    variables = jax.tree.map(lambda leaf: 3.0 * leaf, variables)

    @jax.jit
    def decide(seen):
        decision = policy.apply(variables, seen)
        return decision.logits, decision.to_action(jnp.array([1])).quantity

    logits, orders = decide(seen)
    again, of_others = decide(jax.tree.map(listed_backwards, seen))
    np.testing.assert_allclose(again, logits, rtol=1e-5)
    np.testing.assert_allclose(of_others, orders[backwards], rtol=1e-5, atol=1e-5)
    assert np.unique(np.asarray(orders)).size == len(backwards)


@functools.cache
def slopes(nets):
    """Derivatives of the score and of the orders in all variables."""
    instance, seen = observed("joint")
    policy = hybrid(instance.network, net(nets))
    variables = jax.jit(policy.init)(jax.random.key(0), seen)

    def score(variables):
        return policy.apply(variables, seen).log_prob(jnp.array([1]))

    def orders(variables):
        decision = policy.apply(variables, seen)
        return jnp.sum(decision.to_action(jnp.array([1])).quantity)

    return jax.jit(lambda: [jax.grad(of)(variables)["params"] for of in (score, orders)])()


def size(tree) -> float:
    return sum(float(jnp.sum(jnp.abs(leaf))) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("nets", ["separate", "factored"])
def test_nets_apart_share_no_variable(nets):
    score, orders = slopes(nets)
    assert set(score) == {"regime", "action"}
    assert size(score["action"]) == size(orders["regime"]) == 0
    assert size(score["regime"]) > 0
    assert size(orders["action"]) > 0


def test_shared_nets_have_their_hidden_layers_in_common():
    score, orders = slopes("shared")
    assert set(score) == {"both"}
    for layer in range(len(HIDDEN)):
        assert size(score["both"][f"kernel_{layer}"]) > 0
        assert size(orders["both"][f"kernel_{layer}"]) > 0


def test_the_cover_of_all_items_is_read_unless_it_is_left_out():
    instance, seen = observed("joint")
    kernels = [
        jax.eval_shape(hybrid(instance.network, config).init, jax.random.key(0), seen)
        for config in (net(), net(overall_cover=False))
    ]
    with_it, without = (shapes["params"]["regime"]["kernel_0"].shape[0] for shapes in kernels)
    assert with_it == without + 2


def test_a_factored_net_is_asked_for_one_regime_at_a_time():
    instance, seen = observed("joint")
    edges, regimes = len(instance.network.edges), instance.network.order_cells
    apart, factored = (
        jax.jit(hybrid(instance.network, net(nets)).init)(jax.random.key(0), seen)["params"][
            "action"
        ]
        for nets in ("separate", "factored")
    )
    assert factored["kernel_2"].shape == (HIDDEN[-1], edges)
    assert apart["kernel_2"].shape == (HIDDEN[-1], edges * regimes)
    assert factored["kernel_0"].shape[0] == apart["kernel_0"].shape[0] + regimes
    policy = hybrid(instance.network, net("factored"))
    variables = jax.jit(policy.init)(jax.random.key(0), seen)
    far = jax.tree.map(lambda leaf: 5 * leaf + 0.1, variables)
    outputs = np.asarray(jax.jit(lambda: policy.apply(far, seen).outputs)())
    assert outputs.shape == (1, regimes, edges)
    assert np.abs(np.diff(outputs, axis=1)).min() > 1e-4, "regimes are told apart"


def test_a_problem_without_jumps_has_no_regimes():
    with pytest.raises(InputError, match=r"no cost of this problem jumps .* use policy mlp or gnn"):
        hybrid(one_store(), net())


@pytest.mark.parametrize(("kind", "name", "choice", "orders"), OF_KINDS)
def test_outputs_are_scored_just_where_they_have_a_part_in_the_order(kind, name, choice, orders):
    instance, seen = observed(name)
    policy, variables = initialised(kind, name, choice, orders)
    # Who feeds others has stock, and nobody has all that may be wanted.
    feeds = np.asarray(outgoing(instance.network)).any(axis=1)
    decision = policy.apply(variables, seen._replace(on_hand=jnp.where(feeds, 50.0, 0.0)))
    noisy = Hybrid(decision, jnp.zeros_like(decision.outputs))
    drawn = noisy.sample(jax.random.key(1))

    count = drawn.outputs.size
    # An order that is cut to the ends of its size moves for some outputs and not for others.
    steps = jnp.concatenate([jnp.eye(count) * step for step in (-30.0, -3.0, 3.0, 30.0, 300.0)])
    reached = jnp.where(decision.logits > NEVER, 0.0, NEVER)

    @jax.jit
    def parts(regime):
        def score(outputs):
            return noisy.log_prob(drawn._replace(regime=regime, outputs=outputs))

        def order(step):
            outputs = drawn.outputs + step.reshape(drawn.outputs.shape)
            return noisy.to_action(drawn._replace(regime=regime, outputs=outputs)).quantity

        moved = jnp.any(jnp.abs(jax.vmap(order)(steps) - order(jnp.zeros(count))) > 1e-3, axis=1)
        return jax.grad(score)(drawn.outputs), jnp.any(moved.reshape(-1, count), axis=0)

    for number in range(8):
        scored, moved = parts(jax.random.categorical(jax.random.key(number), reached))
        np.testing.assert_array_equal(np.asarray(scored).ravel() != 0, moved)


def test_absent_items_have_no_part_in_a_joint_order_of_a_graph_network():
    instance, seen = observed("joint")
    there = jnp.arange(len(seen.on_hand)) < 2
    scale = jnp.where(there, seen.demand_scale, ABSENT_SCALE)
    few = seen._replace(present=there.astype(jnp.float32), demand_scale=scale)
    config = GNNConfig("gnn", width=4, hidden=(4,), choice="joint", start="none")
    policy = gnn(instance.network, config)
    variables = jax.tree.map(lambda leaf: 3.0 * leaf, policy.init(jax.random.key(0), seen))

    def logits(on_hand):
        return policy.apply(variables, few._replace(on_hand=on_hand)).logits

    slope = np.asarray(jax.jacrev(logits)(seen.on_hand * there))
    assert np.all(slope[..., :2] != 0)
    np.testing.assert_array_equal(slope[..., 2:], 0)
