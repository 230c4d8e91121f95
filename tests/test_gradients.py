"""Gradient estimators: unbiased, in every variable, against the slope of the exact expected cost.

The toy is a gate (order or not) times a quantity. Every path of the gate is enumerated, so the
expectation of an estimate is exact and nothing is left to chance.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from examples import central_differences, example, first, one_store, warehouse_tree
from jaxtyping import Array, Float

from neuroinv.config import MLPConfig
from neuroinv.decisions import Categorical, Deterministic, Gaussian, Transformed
from neuroinv.gradients import (
    cost_to_go,
    gradients_by_scenario,
    mixed,
    moments_of_others,
    pathwise,
    score_function,
    surrogate,
)
from neuroinv.policies.mlp import mlp
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.rollout import Choice, average_weights, greedy, sample
from neuroinv.types import InputError, Outcome, Policy, Problem, Scenarios

POINT = np.array([0.4, -1.2, 2.2, -0.9, 0.9])
GATE, QUANTITY, TRUNK = slice(0, 2), slice(2, 4), slice(4, 5)
STOCK, DEMAND, FIXED_COST = 1.5, np.array([2.0, 0.5, 3.0]), 1.7
LENGTHS = [(1, 0), (2, 0), (3, 0), (3, 1)]  # periods and burn-in


class Costs(NamedTuple):
    fixed: Float[Array, ""]
    mismatch: Float[Array, ""]


class Order(NamedTuple):
    regime: Array
    quantity: Array


def ordered(weights, outputs):
    """Nothing in the first regime; the output in the second."""
    return Order(weights[1], weights[1] * outputs[1, 0])


class Enumerated(Categorical):
    """A gate whose draw is given in the place of the key."""

    def sample(self, key: Array) -> Array:
        return key


def ordering() -> Problem:
    """A fixed cost per order, and the squared stock after demand."""

    def step(fixed_cost, stock, action, demand):
        following = stock + action.quantity - demand
        return following, Outcome(Costs(fixed_cost * action.regime, following**2), ())

    return Problem(lambda *_: None, lambda *_: None, lambda params, stock: stock, step)


def gated(decision: type[Categorical] = Enumerated) -> Policy:
    """A gate and a quantity that both read a trunk."""

    def apply(variables, stock):
        hidden = jnp.tanh(variables[TRUNK][0] * stock)
        gate = jnp.dot(variables[GATE], jnp.stack([jnp.ones(()), hidden]))
        quantity = jnp.dot(variables[QUANTITY], jnp.stack([jnp.ones(()), hidden]))
        zero = jnp.zeros(())
        return decision(jnp.stack([zero, gate]), jnp.stack([zero, quantity])[:, None], ordered)

    return Policy(lambda key, seen: jnp.asarray(POINT), apply)


def expected_cost(point, weights, stock=STOCK, demand=DEMAND, fixed_cost=FIXED_COST):
    """The toy's exact expected cost, by recursion over both ways the gate may go."""
    if not len(weights):
        return 0.0
    hidden = np.tanh(point[TRUNK][0] * stock)
    order = scipy.special.expit(point[GATE] @ [1, hidden])
    total = 0.0
    for regime, probability in enumerate((1 - order, order)):
        following = stock + regime * (point[QUANTITY] @ [1, hidden]) - demand[0]
        later = expected_cost(point, weights[1:], following, demand[1:], fixed_cost)
        total += probability * (weights[0] * (fixed_cost * regime + following**2) + later)
    return total


def slope(periods, burn_in=0, **given):
    """Central differences of the expected cost."""
    weights = average_weights(periods, burn_in).astype(float)
    return central_differences(lambda at: expected_cost(at, weights, **given), POINT, 1e-5)


def paths(periods):
    return np.array(list(itertools.product((0, 1), repeat=periods)))


def scenarios(count, periods, stock=STOCK, demand=DEMAND, fixed_cost=FIXED_COST):
    """One scenario, as often as asked."""
    noise = jnp.tile(jnp.asarray(demand[:periods]), (count, 1))
    return Scenarios(jnp.full(count, fixed_cost), jnp.full(count, stock), noise)


def no_baseline(sampled):
    return 0.0


def of_state(sampled):
    """Any function of the state and the period."""
    return 3 + 2 * jnp.sin(sampled.observation) + jnp.arange(sampled.cost.shape[1])


def of_regime(sampled):
    """Not a baseline: it knows what was drawn."""
    return of_state(sampled) + sampled.log_prob


def expected_gradient(periods, burn_in=0, baseline=no_baseline, cross_term=True, **given):
    """The gradient of the surrogate, averaged over all paths by their probability."""
    drawn = paths(periods)

    def weighted(point):
        decide = mixed(gated(), point, cross_term)
        batch = scenarios(len(drawn), periods, **given)
        sampled = sample(ordering(), decide, batch, jnp.asarray(drawn), burn_in)
        values = surrogate(sampled, cost_to_go(sampled.cost) - baseline(sampled))
        probability = jax.lax.stop_gradient(jnp.exp(jnp.sum(sampled.log_prob, axis=1)))
        return jnp.sum(probability * values)

    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.grad(weighted))(jnp.asarray(POINT)))


def assert_unbiased(gradient, exact):
    np.testing.assert_allclose(gradient, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("baseline", [no_baseline, of_state])
@pytest.mark.parametrize(("periods", "burn_in"), LENGTHS)
def test_the_mixed_gradient_is_the_slope_of_expected_cost(periods, burn_in, baseline):
    exact = slope(periods, burn_in)
    assert np.all(np.abs(exact) > 0.05), "every variable must matter"
    assert_unbiased(expected_gradient(periods, burn_in, baseline), exact)


def test_a_baseline_that_knows_what_was_drawn_is_biased():
    bias = expected_gradient(2, baseline=of_regime) - slope(2)
    assert np.abs(bias[GATE]).max() > 1e-2


def of_others(cost):
    return moments_of_others(cost_to_go(cost))[0]


def of_all(cost):
    """Not a baseline: a scenario's own cost is in it."""
    return jnp.mean(cost_to_go(cost), axis=0)


@pytest.mark.parametrize(("baseline", "share"), [(of_others, 1), (of_all, 1 / 2)])
def test_the_mean_over_the_other_scenarios_leaves_the_score_unbiased(baseline, share):
    """Two scenarios on all pairs of paths; a mean over both would halve the score."""
    drawn = paths(3)
    pairs = np.array(list(itertools.product(drawn, repeat=2)))
    stocks, demands = np.array([STOCK, -0.5]), np.stack([DEMAND, DEMAND[::-1]])

    def weighted(point):
        def of_pair(pair):
            batch = Scenarios(jnp.full(2, FIXED_COST), jnp.asarray(stocks), jnp.asarray(demands))
            sampled = sample(ordering(), mixed(gated(), point), batch, pair)
            values = surrogate(sampled, cost_to_go(sampled.cost) - baseline(sampled.cost))
            return jax.lax.stop_gradient(jnp.exp(jnp.sum(sampled.log_prob))) * jnp.mean(values)

        return jnp.sum(jax.vmap(of_pair)(jnp.asarray(pairs)))

    with jax.enable_x64(True):
        gradient = np.asarray(jax.jit(jax.grad(weighted))(jnp.asarray(POINT)))
    both = [slope(3, stock=stocks[i], demand=demands[i]) for i in range(2)]
    exact = np.mean(both, axis=0)
    assert_unbiased(gradient[GATE], share * exact[GATE])
    if share == 1:
        assert_unbiased(gradient, exact)


@pytest.mark.parametrize(("periods", "burn_in"), LENGTHS)
def test_without_the_cross_term_all_but_the_gate_is_biased(periods, burn_in):
    exact = slope(periods, burn_in)
    bias = expected_gradient(periods, burn_in, cross_term=False) - exact
    assert_unbiased(bias[GATE], 0)
    if periods == 1:  # nothing that was decided moves the only state
        assert_unbiased(bias, 0)
    else:
        assert np.all(np.abs(bias[QUANTITY]) > 0.03 * np.abs(exact[QUANTITY]))
        assert np.all(np.abs(bias[TRUNK]) > 0.03 * np.abs(exact[TRUNK]))


def test_at_a_discrete_best_response_the_cross_term_vanishes():
    """At the fixed cost that makes both ways of the second gate equally good, every gate is a best
    response; the bias grows in proportion to the distance from it."""

    def quantity(stock):
        return POINT[QUANTITY] @ [1, np.tanh(POINT[TRUNK][0] * stock)]

    short = STOCK + quantity(STOCK) - DEMAND[0] - DEMAND[1]
    indifferent = short**2 - (short + quantity(short + DEMAND[1])) ** 2
    bias = [
        expected_gradient(2, cross_term=False, fixed_cost=fixed) - slope(2, fixed_cost=fixed)
        for fixed in indifferent + np.array([0, 1, 2])
    ]
    assert_unbiased(bias[0], 0)
    assert np.all(np.abs(bias[1])[2:] > 5e-3)
    np.testing.assert_allclose(bias[2], 2 * bias[1], rtol=1e-4, atol=1e-6)


DRAWS = 40_000
NOISY = np.array([0.3, -0.6, -0.7])  # level, slope in stock, log of the noise's standard deviation


def noisy_order() -> Policy:
    """A positive quantity, ordered for certain."""

    def transform(outputs):
        return Order(jnp.int32(1), jax.nn.softplus(outputs[0]))

    def apply(variables, stock):
        return Transformed(variables[:1] + variables[1:2] * stock, transform)

    return Policy(lambda key, seen: jnp.asarray(NOISY), apply)


def expected_noisy_cost(point, weights, stock=STOCK, demand=DEMAND):
    """Exact expected cost with noise on the output, by Gauss-Hermite quadrature."""
    if not len(weights):
        return np.zeros_like(stock)
    nodes, probability = np.polynomial.hermite_e.hermegauss(40)
    output = point[0] + point[1] * stock + np.exp(point[2]) * nodes[:, *[None] * np.ndim(stock)]
    following = stock + np.logaddexp(0, output) - demand[0]
    later = expected_noisy_cost(point, weights[1:], following, demand[1:])
    costs = weights[0] * (FIXED_COST + following**2) + later
    return np.tensordot(probability / probability.sum(), costs, axes=1)


def gates(point):
    return mixed(gated(Categorical), point)


def noise(point):
    return score_function(noisy_order(), point, lambda seen: point[2:])


@pytest.mark.parametrize(
    ("decide", "point", "expected", "scored"),
    [(gates, POINT, expected_cost, GATE), (noise, NOISY, expected_noisy_cost, slice(None))],
)
def test_drawn_gradients_average_to_the_slope_of_expected_cost(decide, point, expected, scored):
    """Per-scenario gradients, whose spread says how near; the mean of the others is quieter."""
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), scenarios(DRAWS, 3))
    keys = jax.random.split(jax.random.key(0), (DRAWS, 3))
    exact = central_differences(lambda at: expected(at, np.ones(3) / 3), point, 1e-5)
    errors = []
    for baseline in (lambda cost: 0.0, of_others):

        def surrogates(at, baseline=baseline):
            sampled = sample(ordering(), decide(at), batch, keys)
            return surrogate(sampled, cost_to_go(sampled.cost) - baseline(sampled.cost))

        gradients = np.asarray(jax.jit(jax.jacfwd(surrogates))(jnp.asarray(point, jnp.float32)))
        error = gradients.std(axis=0) / np.sqrt(DRAWS)
        assert np.all(np.abs(gradients.mean(axis=0) - exact) < 4 * error)
        assert np.all(error < 0.1 * np.abs(exact).max())
        errors.append(error[scored])
    assert np.all(errors[1] < errors[0])


def test_gradients_by_scenario_average_to_that_of_the_surrogate():
    """The baseline compares scenarios and yet carries no derivative from one to another."""
    batch, keys = scenarios(5, 3), jax.random.split(jax.random.key(0), (5, 3))
    point = jnp.asarray(POINT, jnp.float32)

    def others(sampled):
        return of_others(sampled.cost)

    def mean_surrogate(at):
        sampled = sample(ordering(), gates(at), batch, keys, burn_in=1)
        return jnp.mean(surrogate(sampled, cost_to_go(sampled.cost) - others(sampled)))

    @jax.jit
    def both(point):
        each = gradients_by_scenario(ordering(), gates, point, batch, keys, others, 1)
        return each, jax.grad(mean_surrogate)(point)

    each, whole = both(point)
    assert each.shape == (5, len(POINT))
    np.testing.assert_allclose(each.mean(axis=0), whole, rtol=1e-4, atol=1e-5)
    assert each.std(axis=0).min() > 1e-3


def test_the_score_function_stops_every_action_and_the_mixed_gradient_none():
    batch, keys = scenarios(4, 3), jax.random.split(jax.random.key(0), (4, 3))

    def slopes(decide, point):
        def outputs(at):
            sampled = sample(ordering(), decide(at), batch, keys)
            return sampled.cost, sampled.observation

        return jax.jit(jax.jacfwd(outputs))(jnp.asarray(point))

    cost, observation = slopes(noise, NOISY)
    assert not np.any(cost)
    assert not np.any(observation)
    cost, observation = slopes(gates, POINT)
    assert np.any(cost)
    assert not np.any(observation), "what a baseline reads carries no derivative"


def network_example(network, scenarios, periods):
    """A perceptron on a network, its variables, and scenarios with keys to draw with."""
    problem, policy = (
        inventory_problem(network),
        mlp(network, MLPConfig("mlp", (6,), "tanh", orders="quantity")),
    )
    batch = example(network, periods, scenarios=scenarios)
    seen = problem.observe(first(batch.params), first(batch.state))
    variables = jax.jit(policy.init)(jax.random.key(0), seen)
    keys = jax.random.split(jax.random.key(1), (scenarios, periods))
    return problem, policy, variables, batch, keys


def test_where_nothing_is_drawn_the_mixed_gradient_is_the_pathwise_one():
    network = one_store(unmet_demand="lost")
    problem, policy, variables, batch, keys = network_example(network, 3, 6)

    def by_surrogate(variables):
        sampled = sample(problem, mixed(policy, variables), batch, keys, burn_in=2)
        return jnp.sum(surrogate(sampled, cost_to_go(sampled.cost)))

    def by_cost(variables):
        return jnp.sum(pathwise(problem, greedy(policy, variables), batch, 2)[0])

    one, other = (jax.jit(jax.value_and_grad(loss))(variables) for loss in (by_surrogate, by_cost))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), one, other)


def test_on_a_network_the_score_function_agrees_with_noise_that_carries_the_derivative():
    """Both estimate the slope of the cost under noise, one from costs alone, one through them."""
    network = warehouse_tree(stores=2, lead_time_bound=1, unmet_demand="lost")
    problem, policy, variables, batch, keys = network_example(network, 4096, 4)
    log_std = jnp.full(len(network.edges), -0.5)

    def reparameterised(point):
        def decide(seen, key):
            decision = policy.apply(point[0], seen)
            noisy = Gaussian(decision.outputs, point[1], decision.transform)
            action = noisy.to_action(noisy.sample(key))
            return Choice(action, (), jnp.zeros(()), jnp.zeros(()))

        return jnp.sum(sample(problem, decide, batch, keys, burn_in=1).cost, axis=1)

    def scored(point):
        decide = score_function(policy, point[0], lambda seen: point[1])
        sampled = sample(problem, decide, batch, keys, burn_in=1)
        return surrogate(sampled, cost_to_go(sampled.cost) - of_others(sampled.cost))

    @jax.jit
    def along_the_steepest(point):
        steepest = jax.grad(lambda at: jnp.mean(reparameterised(at)))(point)
        return [jax.jvp(slope, (point,), (steepest,))[1] for slope in (reparameterised, scored)]

    through, score = (np.asarray(x) for x in along_the_steepest((variables, log_std)))
    error = np.std(score - through) / np.sqrt(len(score))
    assert abs(np.mean(score - through)) < 4 * error
    assert error < 0.1 * np.mean(through)


def test_an_estimator_refuses_a_decision_that_it_would_get_wrong():
    def deciding(decision):
        return Policy(lambda key, seen: (), lambda variables, seen: decision)

    key = jax.random.key(0)
    gaussian = Gaussian(jnp.zeros(1), jnp.zeros(1), jnp.exp)
    with pytest.raises(InputError, match="decision is Gaussian"):
        mixed(deciding(gaussian), ())(jnp.zeros(()), key)
    certain = score_function(deciding(Deterministic(jnp.zeros(1))), (), lambda seen: jnp.zeros(1))
    with pytest.raises(InputError, match=r"decision is Deterministic.*use policy mlp"):
        certain(jnp.zeros(()), key)
