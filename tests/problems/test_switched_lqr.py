"""The switched regulator: its simulation costs what matrices say, and has the right derivatives."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import central_differences, first, in_x64, products_in
from small_runs import small_config

from neuroinv import optima
from neuroinv.build import build
from neuroinv.config import HybridConfig, SwitchedLQRConfig
from neuroinv.policies.switched_lqr import hybrid_regulator, least_form
from neuroinv.problems.switched_lqr import (
    Control,
    build_switched_lqr,
    draw_parameters,
    switched_lqr_problem,
)
from neuroinv.references import references
from neuroinv.references.switched_lqr import lower_bound
from neuroinv.rollout import average_costs, draw, greedy, simulate, total
from neuroinv.scoring import costs_on_test
from neuroinv.types import InputError

PERIODS, COUNT = 12, 256
PARTS = ("direction", "squares", "time_left", "gains")
TWO_STATES = SwitchedLQRConfig("switched_lqr", "two", "two_states")
RANDOM = SwitchedLQRConfig("switched_lqr", "random", dimension=4, modes=3)


@functools.cache
def set_up(config):
    """An instance, its problem, and scenarios."""
    instance = build_switched_lqr(config, PERIODS)
    problem = switched_lqr_problem(instance)
    params = draw_parameters(instance, COUNT)
    return instance, problem, draw(problem, params, jax.random.key(0), PERIODS)


def simulated(config, policy) -> np.ndarray:
    """What an episode of every scenario costs."""
    _, problem, scenarios = set_up(config)
    variables = policy.init(jax.random.key(0), None)
    cost = jax.jit(lambda: total(average_costs(problem, greedy(policy, variables), scenarios)))
    return PERIODS * np.asarray(cost(), np.float64)


def states_of(config) -> np.ndarray:
    return np.asarray(set_up(config)[2].state.position, np.float64)


def test_states_are_multiplied_in_full_precision_on_any_device():
    """Accelerators would round what they multiply to 10 bits unless told not to."""
    instance, problem, scenarios = set_up(RANDOM)
    found = optima.best_fixed_mode(instance.system, PERIODS, np.eye(4))
    forms = np.zeros((PERIODS, 1, 4, 4))
    policy = least_form(instance, forms, found.modes[:, None], found.gains[:, None])
    act = greedy(policy, policy.init(jax.random.key(0), None))
    products = products_in(lambda given: average_costs(problem, act, given), scenarios)
    assert products
    assert all("HIGHEST" in product for product in products)


@pytest.mark.parametrize("config", [RANDOM, TWO_STATES])
def test_a_schedule_costs_what_its_trace_says_of_the_same_first_states(config):
    instance, states = set_up(config)[0], states_of(config)
    moment = states.T @ states / COUNT
    no_forms = np.zeros((PERIODS, 1, *instance.system.dynamics.shape[1:]))
    for found in (
        optima.best_fixed_mode(instance.system, PERIODS, moment),
        optima.best_cyclic_schedule(instance.system, PERIODS, moment),
    ):
        policy = least_form(instance, no_forms, found.modes[:, None], found.gains[:, None])
        assert simulated(config, policy).mean() == pytest.approx(found.cost, rel=1e-4)


@pytest.mark.parametrize("config", [RANDOM, TWO_STATES])
def test_the_least_form_of_each_state_costs_no_more_than_it_says(config):
    """Neither does any policy cost less, but for the slack of the dynamic program."""
    instance, states = set_up(config)[0], states_of(config)
    stages = optima.value_forms(instance.system, PERIODS, 1e-3)
    costs = simulated(config, least_form(instance, *optima.switching_gains(stages)))
    promised = optima.least_cost(stages[0].forms, states)
    assert np.all(costs <= promised * (1 + 1e-4))
    assert np.all(costs >= promised / (1 + 1e-3) * (1 - 1e-4))


def test_first_states_are_uniform_with_the_same_second_moment_in_any_dimension():
    states = states_of(RANDOM)
    assert np.abs(states).max() <= 10 / np.sqrt(4)
    moment = optima.cube_second_moment(4, 10.0)
    error = 4 * np.std(states**2) / np.sqrt(states.size)
    assert np.mean(states**2) == pytest.approx(moment[0, 0], abs=error)


@pytest.mark.parametrize("mode", range(3))
def test_a_weight_of_one_is_its_mode(mode):
    instance, problem, scenarios = set_up(RANDOM)
    generator = np.random.default_rng(mode)
    state, control = first(scenarios.state), generator.normal(size=4)
    weights = jax.nn.one_hot(mode, 3)
    following, outcome = jax.jit(problem.step)(
        first(scenarios.params), state, Control(weights, jnp.asarray(control)), jnp.zeros(0)
    )
    dynamics, actuation, state_cost, control_cost = (part[mode] for part in instance.system)
    position = np.asarray(state.position, np.float64)
    np.testing.assert_allclose(
        following.position, dynamics @ position + actuation @ control, rtol=1e-5, atol=1e-5
    )
    assert outcome.costs.state == pytest.approx(position @ state_cost @ position, rel=1e-5)
    assert outcome.costs.control == pytest.approx(control @ control_cost @ control, rel=1e-5)
    np.testing.assert_array_equal(outcome.flows.modes, weights)


def test_costs_have_the_derivative_of_their_slopes_in_controls_and_weights():
    generator = np.random.default_rng(0)
    weights = generator.dirichlet(np.ones(3), PERIODS)
    point = np.concatenate([weights, generator.normal(size=(PERIODS, 4))], axis=1)
    with jax.enable_x64(True):
        _, problem, scenarios = set_up.__wrapped__(RANDOM)
        params, state, noise = in_x64(first(scenarios))

        @jax.jit
        def cost(point):
            def act(observation, noise, period):
                return Control(*jnp.split(point[period], [3]))

            ones = jnp.ones(PERIODS)
            return total(simulate(problem, act, params, state, noise, ones).costs)

        gradient = jax.jit(jax.grad(cost))(jnp.asarray(point))
        slopes = central_differences(lambda at: cost(jnp.asarray(at)), point, 1e-5)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6)


def test_what_is_left_of_an_episode_is_observed():
    _, problem, scenarios = set_up(TWO_STATES)
    params, state = first(scenarios.params), first(scenarios.state)
    for period in range(3):
        seen = problem.observe(params, state)
        assert seen.remaining == pytest.approx(1 - period / PERIODS)
        np.testing.assert_array_equal(seen.position, state.position)
        control = Control(jnp.array([1.0, 0.0]), jnp.zeros(1))
        state, _ = problem.step(params, state, control, jnp.zeros(0))


@functools.cache
def hybrid(config, nets="separate", regulator=PARTS):
    """A hybrid policy, variables far from their first values, and an observation."""
    instance, problem, scenarios = set_up(config)
    given = HybridConfig("hybrid", (6,), "tanh", nets, regulator=regulator)
    policy = hybrid_regulator(instance, given)
    seen = problem.observe(first(scenarios.params), first(scenarios.state))
    variables = jax.jit(policy.init)(jax.random.key(0), seen)
    return policy, jax.tree.map(lambda leaf: 3 * leaf + 0.1, variables), seen


@pytest.mark.parametrize("nets", ["separate", "shared", "factored"])
@pytest.mark.parametrize("config", [RANDOM, TWO_STATES])
def test_the_hybrid_policy_has_a_logit_and_a_control_for_every_mode(config, nets):
    policy, variables, seen = hybrid(config, nets)
    modes, _, controls = set_up(config)[0].system.actuation.shape

    @jax.jit
    def decide():
        decision = policy.apply(variables, seen)
        actions = [decision.to_action(jnp.array([mode])) for mode in range(modes)]
        return decision.logits, decision.outputs, actions

    logits, outputs, actions = decide()
    assert logits.shape == (1, modes)
    assert outputs.shape == (1, modes, controls)
    for mode, action in enumerate(actions):
        np.testing.assert_array_equal(action.modes, np.eye(modes)[mode])
        np.testing.assert_allclose(action.control, outputs[0, mode], rtol=1e-5, atol=1e-6)


def test_the_hybrid_policy_answers_a_state_twice_as_large_with_twice_the_control():
    """As the optimum does: a cost is a quadratic form, whatever the size of the state."""
    policy, variables, seen = hybrid(RANDOM)
    twice = seen._replace(position=2 * seen.position)

    @jax.jit
    def decide(seen):
        decision = policy.apply(variables, seen)
        return decision.logits, decision.outputs

    (logits, outputs), (same, doubled) = decide(seen), decide(twice)
    np.testing.assert_allclose(same, logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(doubled, 2 * outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("regulator", [(), *((part,) for part in PARTS), PARTS])
def test_nets_of_a_regulator_have_what_is_named(regulator):
    policy, variables, seen = hybrid(RANDOM, regulator=regulator)

    @jax.jit
    def logits(seen):
        return policy.apply(variables, seen).logits

    def alike(other):
        return np.allclose(logits(other), logits(seen), rtol=1e-4, atol=1e-5)

    assert alike(seen._replace(remaining=seen.remaining / 2)) == ("time_left" not in regulator)
    assert alike(seen._replace(position=seen.position / 8)) == ("direction" in regulator)
    read = variables["params"]["Towers_0"]["regime"]["kernel_0"].shape[0]
    assert read == 4 * (1 + ("squares" in regulator)) + ("time_left" in regulator)
    assert ("gains" in variables["params"]) == ("gains" in regulator)


def episode(tmp_path, *overrides, periods=PERIODS):
    length = [
        f"training.{split}={{scenarios: {scenarios}, periods: {periods}, burn_in: 0}}"
        for split, scenarios in (("train", 64), ("dev", 64), ("test", 1024))
    ]
    given = ("problem=switched_lqr", "policy=hybrid", "algorithm=hpo")
    return small_config(tmp_path, *given, *length, *overrides, net=False)


def test_references_come_in_their_order_on_the_same_paths(tmp_path):
    built = build(episode(tmp_path, "problem.modes=3"))
    found = references(built.instance)
    assert [one.name for one in found] == ["optimum", "best single mode", "round robin"]
    tested = []
    for one in found:
        act = greedy(one.policy, one.variables)
        costs = np.asarray(jax.jit(lambda act=act: total(costs_on_test(built, act, False)))())
        tested.append(costs.mean())
        if one.exact is not None:
            error = 4 * np.std(costs) / np.sqrt(len(costs))
            assert tested[-1] == pytest.approx(one.exact, abs=error)
    optimum, single, turns = tested
    assert optimum < turns < single
    assert [one.is_bound for one in found] == [True, False, False]


def test_the_published_instance_has_its_known_references(tmp_path):
    """Episodes of 20 periods, 10 coordinates and 2 modes (spec 4.1)."""
    instance = build(episode(tmp_path, periods=20)).instance
    _, single, turns = references(instance)
    assert 20 * single.exact == pytest.approx(73.596, abs=1e-3)
    assert 20 * turns.exact == pytest.approx(53.375, abs=1e-3)


def test_one_mode_has_an_exact_optimum_and_many_modes_a_lower_bound(tmp_path):
    (optimum,) = references(build(episode(tmp_path, "problem.modes=1", periods=20)).instance)
    assert optimum.is_bound
    assert 20 * optimum.exact == pytest.approx(37.062, abs=1e-3)
    bound, single, turns = references(build(episode(tmp_path, "problem.modes=5")).instance)
    assert bound.is_bound
    assert bound.policy is None
    assert bound.exact < turns.exact < single.exact


def test_a_dynamic_program_of_too_many_forms_gives_way_to_a_lower_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(optima, "value_forms", functools.partial(optima.value_forms, most_forms=1))
    found = references(build(episode(tmp_path)).instance)
    assert [one.name for one in found] == ["lower bound", "best single mode", "round robin"]


def test_the_lower_bound_of_many_modes_is_near_what_can_be_attained(tmp_path):
    """Of four modes, where a dynamic program is within a percent of the optimum, and of eight."""
    instance = build(episode(tmp_path, "problem.modes=4", periods=20)).instance
    moment = optima.cube_second_moment(10)
    states = np.random.default_rng(1).uniform(-10, 10, (4096, 10)) / np.sqrt(10)
    stages = optima.value_forms(instance.system, 20, 0.01)
    attained, error = optima.expected_least_cost(stages[0].forms, states, moment)
    bound = 20 * lower_bound(instance, moment).exact
    assert 0.99 * attained < bound < attained + 3 * error
    bound, _, turns = references(build(episode(tmp_path, "problem.modes=8", periods=20)).instance)
    assert 20 * turns.exact == pytest.approx(84.588, abs=1e-3)
    assert 73 < 20 * bound.exact < 20 * turns.exact


MISTAKES = {
    "episode of a switched_lqr has one length": ["training.dev.periods=11"],
    "policy.kind is 'mlp'.* problem is a switched_lqr; use policy=hybrid": ["policy=mlp"],
    r"no control in mode 0 keeps .* raise problem\.high or problem\.low": [
        "problem.low=0",
        "problem.coupling=0",
    ],
    r"problem\.coupling 0\.9, .* by a factor of [0-9.]+ in a period, and with problem\.high=0": [
        "problem.instability=0.5",
        "problem.coupling=0.9",
        "problem.high=0",
        "problem.low=0",
    ],
    r"with problem\.high=0 no control .* or raise problem\.high$": [
        "problem.modes=1",
        "problem.high=0",
    ],
    r"^a state that nobody controls .* from problem\.initial_bound=1e\+15 its cost overflows": [
        "problem.instance=two_states",
        "problem.initial_bound=1e15",
        "training.test.periods=200",
        "training.dev.periods=200",
        "training.train.periods=200",
    ],
    "control_cost is 0; it should be greater than 0": ["problem.control_cost=0"],
}


@pytest.mark.parametrize("expected", MISTAKES)
def test_a_mistake_is_one_sentence(tmp_path, expected):
    with pytest.raises(InputError, match=expected) as raised:
        build(episode(tmp_path, *MISTAKES[expected]))
    assert "\n" not in str(raised.value)
