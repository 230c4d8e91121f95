"""Rollouts: gradients are those of the cost, the future is not seen, one program serves all."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from examples import (
    central_differences,
    demand_noise,
    example,
    first,
    one_store,
    open_loop,
    parameters,
    period_costs,
    replay,
    serial_system,
    sizes,
    trajectory,
    two_depots,
    warehouse_tree,
)
from pydantic import TypeAdapter
from sized_orders import set_up

from neuroinv.build import build_policy
from neuroinv.composition import choices, conf_folder
from neuroinv.config import PolicyConfig
from neuroinv.policies.allocation import proportional
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.policies.reorder import (
    CanOrder,
    JointQuantity,
    PeriodicReview,
    ReorderLevels,
    can_order,
    joint_quantity,
    periodic_review,
    reorder,
)
from neuroinv.policies.stock_levels import base_stock, capped_base_stock
from neuroinv.policies.wanted_orders import wanted_orders
from neuroinv.problems.inventory.demand import Series
from neuroinv.problems.inventory.dynamics import Noise, inventory_problem
from neuroinv.problems.inventory.network import Network
from neuroinv.rollout import (
    Choice,
    average_costs,
    average_weights,
    draw,
    greedy,
    sample,
    simulate,
    total,
)
from neuroinv.types import Scenarios

PERIODS = 8
NETWORKS = {
    "one store, lost": one_store(unmet_demand="lost"),
    "one store, backlogged": one_store(),
    "one store, profit": one_store(unmet_demand="lost", objective="profit"),
    "serial": serial_system(),
    "warehouse, lost": warehouse_tree(unmet_demand="lost"),
    "cross-dock": warehouse_tree(holds_stock=False),
    "many warehouses": two_depots(unmet_demand="lost"),
}
# By number of edges; one of them is 0.
LEAD_TIMES = {1: [2], 3: [1, 3, 2], 4: [0, 2, 4, 1], 6: [1, 3, 0, 2, 4, 1]}


SIZED, *SIZED_SCENARIO = set_up("warehouse")  # a fixed cost on every edge


def scenario_of(network: Network):
    if network is SIZED.network:
        return Scenarios(*SIZED_SCENARIO, first(demand_noise(network, 1, PERIODS)))
    edge_count = sizes(network)[2]
    return first(example(network, PERIODS, lead_time=LEAD_TIMES[edge_count], past_periods=2))


def assert_gradient_is_slope(value_and_gradient, point):
    """Central differences with two steps agree where there is no kink between them."""
    _, gradient = value_and_gradient(point)
    cost = lambda at: value_and_gradient(at)[0]  # noqa: E731
    wide, narrow = (central_differences(cost, point, step) for step in (1e-4, 1e-5))
    scale = np.abs(narrow).max()
    np.testing.assert_allclose(wide, narrow, atol=1e-6 * scale)
    np.testing.assert_allclose(gradient, narrow, rtol=1e-6, atol=1e-7 * scale)
    assert scale > 1e-2


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_in_orders_is_the_slope_of_the_cost(name):
    network = NETWORKS[name]
    with jax.enable_x64(True):
        scenario = scenario_of(network)
        problem, weights = inventory_problem(network), average_weights(PERIODS, 0)

        def cost(orders):
            return total(simulate(problem, open_loop(orders), *scenario, weights).costs)

        # Small enough that no location runs out and large enough that customers wait at times.
        orders = np.random.default_rng(3).uniform(0.5, 3.0, (PERIODS, sizes(network)[2]))
        assert_gradient_is_slope(jax.jit(jax.value_and_grad(cost)), orders)


@pytest.mark.parametrize("name", ["cross-dock", "many warehouses"])
def test_gradient_in_levels_that_share_out_stock_is_the_slope_of_the_cost(name):
    """Through the split of an order over several suppliers, and of scarce stock over receivers."""
    network = NETWORKS[name]
    with jax.enable_x64(True):
        scenario = scenario_of(network)
        problem, weights = inventory_problem(network), average_weights(PERIODS, 0)

        def cost(levels):
            def act(observation, noise, period):
                wanted = wanted_orders(network, observation, levels, "up_to")
                return proportional(network, wanted, observation.on_hand)

            return total(simulate(problem, act, *scenario, weights).costs)

        point = np.random.default_rng(3).uniform(0.2, 1.5, sizes(network)[2])
        assert_gradient_is_slope(jax.jit(jax.value_and_grad(cost)), point)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "many warehouses"])
def test_gradient_in_cover_and_cap_is_the_slope_of_the_cost(name):
    network = NETWORKS[name]
    with jax.enable_x64(True):
        scenario = scenario_of(network)
        problem, weights = inventory_problem(network), average_weights(PERIODS, 2)
        policy = capped_base_stock(network, 1.0, 1.5)

        def cost(stacked):
            act = greedy(policy, {"cover": stacked[0], "cap": stacked[1]})
            return total(simulate(problem, act, *scenario, weights).costs)

        point = np.random.default_rng(4).uniform(0.4, 1.2, (2, sizes(network)[0]))
        assert_gradient_is_slope(jax.jit(jax.value_and_grad(cost)), point)


def test_an_order_moves_every_cost_from_its_arrival_on_and_none_before():
    network = one_store()  # backlogged: stock remembers every order for ever
    scenario = first(example(network, PERIODS, lead_time=2))

    def costs(orders):
        return period_costs(trajectory(network, open_loop(orders), scenario).trajectory.outcome)

    orders = jnp.asarray(np.random.default_rng(0).uniform(2, 8, (PERIODS, 1)))
    slopes = np.asarray(jax.jit(jax.jacobian(costs))(orders))[:, :, 0]
    bought, cost_period = np.arange(PERIODS), np.arange(PERIODS)[:, None]
    moved = (cost_period >= bought + 2) | (cost_period == bought)  # procurement is paid at once
    np.testing.assert_array_equal(slopes != 0, moved)


def test_demand_of_every_period_moves_every_later_cost_through_what_is_observed():
    network = NETWORKS["serial"]
    scenario = scenario_of(network)
    plenty = scenario.state._replace(on_hand=scenario.state.on_hand + 40.0)

    def react(observation, noise, period):
        seen = jnp.sum(observation.on_hand) + jnp.sum(observation.pipeline)
        return jnp.array([3.0, 2.0, 1.0]) * jnp.exp(-seen / 100)

    def costs(demand):
        noise = scenario.noise._replace(demand=demand)
        changed = scenario._replace(state=plenty, noise=noise)
        return period_costs(trajectory(network, react, changed).trajectory.outcome)

    # Without procurement and without the store, only stock upstream is left to carry the slope.
    upstream = scenario.params._replace(
        holding_cost=jnp.array([1.0, 0.5, 0.0]),
        underage_cost=jnp.zeros(1),
        procurement_cost=jnp.zeros(3),
    )
    scenario = scenario._replace(params=upstream)
    slopes = np.asarray(jax.jit(jax.jacobian(costs))(scenario.noise.demand))[:, :, 0]
    np.testing.assert_array_equal(slopes != 0, np.tri(PERIODS, k=-1, dtype=bool))


def varied(variables):
    """Variables far from their first values, so that a policy reacts to all it sees."""
    leaves, structure = jax.tree.flatten(variables)
    generator = np.random.default_rng(5)
    moved = [
        leaf + jnp.asarray(0.4 * generator.normal(size=leaf.shape), leaf.dtype) for leaf in leaves
    ]
    return jax.tree.unflatten(structure, moved)


NEWSVENDORS = (
    "quantile_newsvendor",
    "returns_newsvendor",
    "fixed_quantile",
    "transformed_newsvendor",
)
BRIEF = {"lead_times": [2], "hidden": [4], "steps": 2, "batch": 4}
SEES_ALL = ["inventory", "past_demand", "calendar", "costs", "lead_times", "demand_scale"]
SOFTMAX = {"observes": ["inventory"], "scale": "none", "orders": "quantity"}
POLICIES = [
    ("base_stock", "serial", {}),
    ("base_stock", "warehouse, lost", {}),
    ("capped_base_stock", "serial", {}),
    ("echelon_stock", "serial", {}),
    ("water_filling", "cross-dock", {}),
    ("mlp", "serial", {"hidden": [8, 8], "activation": "tanh", "observes": SEES_ALL}),
    ("mlp", "warehouse, lost", {"hidden": [8], "allocation": "softmax", **SOFTMAX}),
    ("economic_reorder", "fixed costs", {}),
    ("hybrid", "fixed costs", {"hidden": [6], "choice": "per_edge"}),
    ("mlp_data_driven", "warehouse, lost", {"hidden": [8]}),
    *(
        ("gnn", "warehouse, lost", {"width": 4, "hidden": [4], "observes": SEES_ALL, **shared})
        for shared in ({}, {"allocation": "balanced"}, {"allocation": "softmax"})
    ),
    ("symmetry_aware", "warehouse, lost", {"context_hidden": [4], "store_hidden": [4]}),
    *((kind, "one store, profit", {"forecaster": BRIEF}) for kind in NEWSVENDORS),
]


def policy_of(choice, network, changes):
    """A shipped policy with some of its keys changed."""
    kept = yaml.safe_load((conf_folder() / "policy" / f"{choice}.yaml").read_text())
    config = TypeAdapter(PolicyConfig).validate_python(kept | changes)
    params = parameters(network, past_periods=2, lead_time=2)
    recorded = Series(params.demand.mean, params.demand.std, jnp.ones((3, 6, sizes(network)[1])))
    train = params._replace(demand=recorded, calendar=jnp.zeros((3, 7, 1)))
    return build_policy(network, train, config)


def actions_after_changes(network, policy):
    """Actions of a scenario as it is, and with all noise from period t on changed, for every t."""
    scenario = scenario_of(network)
    calendar = jnp.asarray(np.random.default_rng(6).normal(size=(1 + PERIODS, 1)))
    scenario = scenario._replace(
        params=scenario.params._replace(calendar=calendar),
        state=scenario.state._replace(calendar=calendar[0]),
        noise=Noise(scenario.noise.demand, calendar[1:]),
    )
    seen = inventory_problem(network).observe(scenario.params, scenario.state)
    variables = varied(jax.jit(policy.init)(jax.random.key(0), seen))

    @jax.jit
    def run(noise):
        changed = scenario._replace(noise=noise)
        actions = trajectory(network, greedy(policy, variables), changed).trajectory.action
        parts = [jnp.reshape(part, (PERIODS, -1)) for part in jax.tree.leaves(actions)]
        return jnp.concatenate(parts, axis=1)

    changed = []
    for period in range(PERIODS):
        later = (jnp.arange(PERIODS) >= period)[:, None]
        noise = jax.tree.map(lambda x, later=later: x + later * (1 + x**2), scenario.noise)
        changed.append(np.asarray(run(noise)))
    return np.asarray(run(scenario.noise)), changed


def test_every_policy_that_ships_is_among_those_that_must_not_see_the_future():
    assert {choice for choice, _, _ in POLICIES} == set(choices("policy")) - {"just_in_time"}


@pytest.mark.parametrize(("choice", "name", "changes"), POLICIES)
def test_what_is_not_yet_known_changes_no_action(choice, name, changes):
    network = (NETWORKS | {"fixed costs": SIZED.network})[name]
    actions, changed = actions_after_changes(network, policy_of(choice, network, changes))
    for period, others in enumerate(changed):
        np.testing.assert_array_equal(others[: period + 1], actions[: period + 1])
    assert any(np.any(others != actions) for others in changed), "what is known must matter"


LEVEL = jnp.full(1, 60.0)  # whatever the store has at first, it orders
CLASSICAL = {
    "(s, S, q)": (reorder, ReorderLevels(LEVEL - 5, LEVEL, jnp.full(1, 40.0))),
    "(R, S)": (periodic_review, PeriodicReview(jnp.int32(2), LEVEL)),
    "(Q, S)": (joint_quantity, JointQuantity(jnp.float32(5.0), LEVEL)),
    "can-order": (can_order, CanOrder(LEVEL - 5, LEVEL - 3, LEVEL)),
}


@pytest.mark.parametrize("name", CLASSICAL)
def test_nor_an_action_of_a_classical_policy_for_fixed_costs(name):
    """(R, S) is told what a hindsight policy is, and reads no more of it than the period."""
    network = NETWORKS["one store, lost"]
    policy, levels = CLASSICAL[name]
    given = policy(network)._replace(init=lambda key, seen: levels)
    actions, changed = actions_after_changes(network, given)
    for period, others in enumerate(changed):
        np.testing.assert_array_equal(others[: period + 1], actions[: period + 1])
    assert any(np.any(others != actions) for others in changed), "what is known must matter"


@pytest.mark.parametrize("path", ["cheapest", "fastest"])
@pytest.mark.parametrize("name", ["one store, lost", "warehouse, lost"])
def test_hindsight_acts_on_what_is_not_yet_known(name, path):
    network = NETWORKS[name]
    actions, changed = actions_after_changes(network, just_in_time(network, path))
    assert any(
        np.any(others[: period + 1] != actions[: period + 1])
        for period, others in enumerate(changed)
    )


def test_one_program_serves_all_lead_times_costs_and_demands():
    network = NETWORKS["warehouse, lost"]
    program = jax.jit(functools.partial(replay, network))
    orders = jnp.ones((2, PERIODS, 4))
    for lead_time in range(5):
        scenarios = example(network, PERIODS, scenarios=2, seed=lead_time, lead_time=lead_time)
        program(scenarios, orders)
    assert program._cache_size() == 1


def test_weights_average_over_what_follows_the_burn_in():
    np.testing.assert_allclose(average_weights(5, 2), [0, 0, 1 / 3, 1 / 3, 1 / 3], rtol=1e-6)
    network = NETWORKS["one store, profit"]
    scenarios = example(network, PERIODS, scenarios=3)
    act = greedy(base_stock(network, 1.0), {"cover": jnp.full(1, 0.5)})
    problem = inventory_problem(network)
    costs = jax.jit(lambda given: average_costs(problem, act, given, burn_in=3))(scenarios)
    run = jax.jit(lambda one: period_costs(trajectory(network, act, one).trajectory.outcome))
    for index in range(3):
        one = jax.tree.map(lambda leaf, index=index: leaf[index], scenarios)
        assert total(costs)[index] == pytest.approx(float(run(one)[3:].mean()), rel=1e-5)


def test_drawn_scenarios_depend_on_the_key_and_differ_from_each_other():
    network = NETWORKS["serial"]
    problem = inventory_problem(network)
    params = parameters(network, scenarios=4)
    drawn = jax.jit(lambda key: draw(problem, params, key, 6).noise.demand)
    demands = [np.asarray(drawn(jax.random.key(key))) for key in (0, 0, 1)]
    np.testing.assert_array_equal(demands[0], demands[1])
    assert np.all(demands[0] != demands[2])
    assert len(np.unique(demands[0])) == demands[0].size


def certain(policy, variables):
    """A policy's likeliest action; stock and a number drawn stand in for its log-probability."""

    def decide(observation, key):
        action = policy.apply(variables, observation).mode()
        log_prob = jnp.sum(observation.on_hand) + jax.random.uniform(key)
        return Choice(action, (), log_prob, jnp.zeros(()))

    return decide


def test_drawn_rollouts_add_up_to_average_costs():
    """Every period's cost carries its weight, and what is recorded is what was seen and said."""
    network = NETWORKS["warehouse, lost"]
    scenarios, problem = example(network, PERIODS, scenarios=3), inventory_problem(network)
    policy, variables = base_stock(network, 1.0), {"cover": jnp.full(4, 0.5)}
    keys = jax.random.split(jax.random.key(0), (3, PERIODS))

    @jax.jit
    def both(scenarios):
        sampled = sample(problem, certain(policy, variables), scenarios, keys, burn_in=3)
        return sampled, average_costs(problem, greedy(policy, variables), scenarios, burn_in=3)

    sampled, costs = both(scenarios)
    assert not np.any(sampled.cost[:, :3])
    np.testing.assert_allclose(np.sum(sampled.cost, axis=1), total(costs), rtol=1e-5)
    np.testing.assert_allclose(sampled.observation.on_hand[:, 0], scenarios.state.on_hand)
    said = np.sum(sampled.observation.on_hand, axis=2) + jax.vmap(jax.vmap(jax.random.uniform))(
        keys
    )
    np.testing.assert_allclose(sampled.log_prob, said, rtol=1e-5)


def test_a_draw_is_seen_from_the_next_period_on_and_in_its_own_scenario():
    network = one_store(lead_time_bound=1)
    scenarios, problem = example(network, PERIODS, scenarios=3), inventory_problem(network)

    def decide(observation, key):
        return Choice(jax.random.uniform(key, (1,)), (), jnp.zeros(()), jnp.zeros(()))

    stocks = jax.jit(
        lambda keys: sample(problem, decide, scenarios, keys).observation.on_hand[..., 0]
    )
    keys = jax.random.split(jax.random.key(0), (3, PERIODS))
    others = keys.at[1, 4].set(jax.random.key(7))
    changed = np.asarray(stocks(keys)) != np.asarray(stocks(others))
    np.testing.assert_array_equal(changed, (np.arange(3) == 1)[:, None] & (np.arange(PERIODS) > 4))
