"""HPO: an update takes the exact gradient of expected cost."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
from examples import central_differences
from jaxtyping import Array, Float
from test_gradients import (
    DEMAND,
    FIXED_COST,
    GATE,
    POINT,
    QUANTITY,
    STOCK,
    TRUNK,
    gated,
    ordering,
)

from neuroinv.algorithms.hpo import hpo
from neuroinv.config import HPOConfig
from neuroinv.decisions import Categorical
from neuroinv.rollout import average_weights
from neuroinv.types import Algorithm, InputError, Outcome, Policy, Problem, Scenarios

PERIODS, STEPS = 3, 100


def config(**given) -> HPOConfig:
    defaults = {"baseline": "none", "discount": 1.0, "entropy": 0.0, "clip_norm": 1e6}
    return HPOConfig("hpo", **(defaults | {"value_hidden": (8,)} | given))


class State(NamedTuple):
    stock: Float[Array, ""]
    path: Array
    """The regimes still to be drawn, the next one first, as infinities of either sign: a learned
    value, which must not know them, reads nothing off those."""


def unread(regimes: np.ndarray) -> Array:
    return jnp.where(jnp.asarray(regimes) > 0, jnp.inf, -jnp.inf)


def scripted() -> Problem:
    """The toy of test_gradients on a path that each scenario carries, all its costs multiplied."""
    toy = ordering()

    def step(params, state, action, demand):
        fixed_cost, weight = params
        stock, outcome = toy.step(fixed_cost, state.stock, action, demand)
        costs = jax.tree.map(lambda cost: weight * cost, outcome.costs)
        return State(stock, jnp.roll(state.path, -1)), Outcome(costs, ())

    return toy._replace(step=step, observe=lambda params, state: state)


class Scripted(NamedTuple):
    """A gate whose draw is what it was given."""

    gate: Categorical
    regime: Array

    def sample(self, key):
        return self.regime

    def __getattr__(self, name):
        return getattr(self.gate, name)


def follows_the_path() -> Policy:
    gate = gated(Categorical)

    def apply(variables, seen):
        return Scripted(gate.apply(variables, seen.stock), (seen.path[0] > 0).astype(int))

    return Policy(gate.init, apply)


def expected_cost(points, weights, stock=STOCK, demand=DEMAND) -> tuple[float, list]:
    """Exact expected cost with one point of variables for each period, and all paths: their
    regimes, probability and cost of every period."""
    if not len(weights):
        return 0.0, [((), 1.0, ())]
    point, total_cost, found = points[0], 0.0, []
    hidden = np.tanh(point[TRUNK][0] * stock)
    order = scipy.special.expit(point[GATE] @ [1, hidden])
    for regime, probability in enumerate((1 - order, order)):
        following = stock + regime * (point[QUANTITY] @ [1, hidden]) - demand[0]
        now = FIXED_COST * regime + following**2
        later, paths = expected_cost(points[1:], weights[1:], following, demand[1:])
        total_cost += probability * (weights[0] * now + later)
        found += [((regime, *path), probability * p, (now, *costs)) for path, p, costs in paths]
    return total_cost, found


def gradient_of_an_update(given: HPOConfig, burn_in: int) -> np.ndarray:
    """What Adam is told in the first update on all paths, each as often as it is likely."""
    weights = average_weights(PERIODS, burn_in).astype(float)
    paths = expected_cost([POINT] * PERIODS, weights)[1]
    regimes, probability, costs = (np.array(part) for part in zip(*paths, strict=True))
    weight = len(paths) * probability
    count = len(paths)
    spread = np.std((weight[:, None] * costs)[:, burn_in:])
    with jax.enable_x64(True):
        params = (jnp.full(count, FIXED_COST), jnp.asarray(weight))
        state = State(jnp.full(count, STOCK), unread(regimes))
        batch = Scenarios(params, state, jnp.tile(jnp.asarray(DEMAND), (count, 1)))
        example = jax.tree.map(lambda leaf: leaf[0], state)
        algorithm = hpo(scripted(), follows_the_path(), example, given, STEPS, burn_in)
        following, metrics = jax.jit(lambda key: algorithm.update(algorithm.init(key), batch))(
            jax.random.key(0)
        )
        gradient = 10 * np.asarray(optax.tree.get(following.optimizer_state.optimizer, "mu"))
    assert metrics["gradient_norm"] == pytest.approx(np.linalg.norm(gradient))
    assert metrics["train_cost"] == pytest.approx(
        expected_cost([POINT] * PERIODS, weights)[0], rel=1e-6
    )
    return gradient * spread


def slope(burn_in: int, first: int = 0, last: int = 0) -> np.ndarray:
    """Central differences of the exact expected cost in what decides between the ends."""
    weights = average_weights(PERIODS, burn_in).astype(float)
    inner = PERIODS - first - last

    def cost(at):
        return expected_cost([POINT] * first + [at] * inner + [POINT] * last, weights)[0]

    return central_differences(cost, POINT, 1e-5)


@pytest.mark.parametrize(
    ("burn_in", "first", "last"), [(0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 2), (1, 1, 0), (0, 1, 0)]
)
def test_an_update_takes_the_slope_of_expected_cost(burn_in, first, last):
    """Decisions at either end answer for nothing, yet the states they are taken in do."""
    exact = slope(burn_in, first, last)
    assert np.all(np.abs(exact) > 0.01)
    given = config(first_decisions=first, last_decisions=last)
    gradient = gradient_of_an_update(given, burn_in)
    np.testing.assert_allclose(gradient, exact, rtol=1e-5, atol=1e-6)


def test_the_units_of_the_papers_code_average_scores_over_trained_and_costs_over_counted_periods():
    """Its cost counts five times, in standard deviations; scores have standardised advantages."""
    burn_in, last = 1, 1
    found = expected_cost([POINT] * PERIODS, np.ones(PERIODS))[1]
    regimes, probability, _ = (np.array(part) for part in zip(*found, strict=True))
    weight = len(found) * probability

    def replay(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted costs and log probabilities of all paths, period by period."""
        costs, log_prob = np.zeros(regimes.shape), np.zeros(regimes.shape)
        for path, drawn in enumerate(regimes):
            stock = STOCK
            for period, point in enumerate((at, at, POINT)):
                features = [1, np.tanh(point[TRUNK][0] * stock)]
                logit = point[GATE] @ features
                order = drawn[period]
                log_prob[path, period] = np.log(scipy.special.expit(logit if order else -logit))
                stock += order * (point[QUANTITY] @ features) - DEMAND[period]
                costs[path, period] = weight[path] * (FIXED_COST * order + stock**2)
        return costs, log_prob

    costs, _ = replay(POINT)
    spread = costs[:, burn_in:].std()
    to_go = np.cumsum((costs * average_weights(PERIODS, burn_in))[:, ::-1], axis=1)[:, ::-1]
    advantage = to_go[:, :-last]
    advantage = (advantage - advantage.mean()) / advantage.std()

    def objective(at: np.ndarray) -> float:
        costs, log_prob = replay(at)
        return 5 * costs[:, burn_in:].mean() / spread + np.mean(advantage * log_prob[:, :-last])

    given = config(scales="reference", last_decisions=last)
    gradient = gradient_of_an_update(given, burn_in) / spread
    exact = central_differences(objective, POINT, 1e-5)
    np.testing.assert_allclose(gradient, exact, rtol=1e-5, atol=1e-6)


def test_without_the_cross_term_only_the_gate_has_the_slope_of_expected_cost():
    exact, gradient = slope(0), gradient_of_an_update(config(cross_term=False), 0)
    np.testing.assert_allclose(gradient[GATE], exact[GATE], rtol=1e-5)
    assert np.all(np.abs(gradient - exact)[2:] > 0.03 * np.abs(exact[2:]))


def expected_update(trace: float) -> np.ndarray:
    """What Adam is told with an untrained learned value, in expectation over all that three
    scenarios of two periods may draw together."""
    stocks, demand, weights = np.array([STOCK, -0.5, 3.0]), DEMAND[:2], np.full(2, 0.5)
    of_each = [expected_cost([POINT] * 2, weights, stock, demand)[1] for stock in stocks]
    drawn = list(itertools.product(*of_each))
    regimes = np.array([[path for path, _, _ in paths] for paths in drawn])
    probability = np.array([np.prod([p for _, p, _ in paths]) for paths in drawn])
    spread = np.array([np.std([costs for _, _, costs in paths]) for paths in drawn])
    given = config(baseline="learned_value", trace=trace)
    with jax.enable_x64(True):
        params = (jnp.full(3, FIXED_COST), jnp.ones(3))
        demands = jnp.tile(jnp.asarray(demand), (3, 1))
        example = State(jnp.asarray(STOCK), unread(regimes[0, 0]))
        algorithm = hpo(scripted(), follows_the_path(), example, given, STEPS, 0)

        def told(start, regimes):
            batch = Scenarios(params, State(jnp.asarray(stocks), regimes), demands)
            following, metrics = algorithm.update(start, batch)
            return optax.tree.get(following.optimizer_state.optimizer, "mu"), metrics

        of_all = jax.jit(jax.vmap(told, (None, 0)))
        means, metrics = of_all(algorithm.init(jax.random.key(3)), unread(regimes))
    assert np.ptp(metrics["baseline_explains"]) > 0.01
    return (probability * spread) @ (10 * np.asarray(means))


def test_a_learned_value_that_is_not_trusted_leaves_an_update_unbiased():
    """Trusted, as it is by default, it trades some bias for less variance."""
    weights = np.full(2, 0.5)

    def cost(point):
        stocks = (STOCK, -0.5, 3.0)
        return np.mean(
            [expected_cost([point] * 2, weights, stock, DEMAND[:2])[0] for stock in stocks]
        )

    exact = central_differences(cost, POINT, 1e-5)
    np.testing.assert_allclose(expected_update(1.0), exact, rtol=1e-5, atol=1e-6)
    assert np.abs(expected_update(0.5) - exact)[GATE].max() > 1e-3


def toy(given: HPOConfig) -> tuple[Algorithm, Scenarios]:
    """The toy with drawn gates, on scenarios that differ in their first stock."""
    count = 16
    demand = jnp.tile(jnp.asarray(DEMAND, jnp.float32), (count, 1))
    stock = jnp.linspace(-1.0, 3.0, count)
    batch = Scenarios(jnp.full(count, FIXED_COST), stock, demand)
    algorithm = hpo(ordering(), gated(Categorical), stock[0], given, STEPS, burn_in=1)
    return algorithm, batch


@pytest.mark.parametrize(
    "given",
    [
        {"baseline": "learned_value", "discount": 0.9, "entropy": 0.1},
        {
            "baseline": "learned_value",
            "epochs": 3,
            "minibatches": 3,
            "first_decisions": 1,
            "last_decisions": 1,
        },
        {"baseline": "batch_mean", "scales": "reference", "cross_term": False},
    ],
)
def test_an_update_moves_all_variables_and_says_what_it_did(given):
    algorithm, batch = toy(config(**given))

    update, start = jax.jit(algorithm.update), jax.jit(algorithm.init)(jax.random.key(0))
    once, metrics = update(start, batch)
    twice, _ = update(once, batch)
    for before, after in ((start, once), (once, twice)):
        assert np.all(np.abs(after.variables - before.variables) > 1e-5)
    assert twice.step == 2
    assert all(np.isfinite(value) for value in metrics.values())
    shown = {"train_cost", "gradient_norm", "entropy", "baseline_explains"}
    shown |= {"divergence", "stopped_early"} if "epochs" in given else set()
    assert set(metrics) == shown


def test_further_epochs_train_the_regimes_alone():
    """Of a policy whose nets are apart, what acts in a regime moves in the first epoch only."""
    gate = gated(Categorical)

    def apart(variables, stock):
        action = gate.apply(
            jax.lax.stop_gradient(variables).at[QUANTITY].set(variables[QUANTITY]), stock
        )
        return gate.apply(variables, jax.lax.stop_gradient(stock))._replace(outputs=action.outputs)

    def after(epochs):
        _, batch = toy(config())
        given = config(epochs=epochs, minibatches=2, most_divergence=10.0)
        policy = Policy(gate.init, apart)
        algorithm = hpo(ordering(), policy, batch.state[0], given, STEPS, burn_in=1)
        update = jax.jit(lambda key: algorithm.update(algorithm.init(key), batch)[0])
        return update(jax.random.key(0)).variables

    once, again = after(1), after(4)
    np.testing.assert_array_equal(once[QUANTITY], again[QUANTITY])
    assert np.all(np.abs(again - once)[GATE] > 1e-3)


def test_the_learning_rate_of_further_epochs_falls_as_slowly_as_that_of_the_first():
    """In the first of two updates it does not fall below half, however many epochs are further."""

    def moved(final_learning_rate):
        given = config(
            epochs=5, minibatches=4, most_divergence=10.0, final_learning_rate=final_learning_rate
        )
        _, batch = toy(config())
        algorithm = hpo(ordering(), gated(Categorical), batch.state[0], given, 2, burn_in=1)
        start = algorithm.init(jax.random.key(0))
        after = jax.jit(algorithm.update)(start, batch)[0]
        return np.abs(after.variables - start.variables)[GATE]

    assert np.all(moved(0.01) > 0.5 * moved(1.0))


def test_every_seed_and_every_step_draws_anew():
    algorithm, batch = toy(config())
    update = jax.jit(algorithm.update)
    init = jax.jit(algorithm.init)
    states = [init(jax.random.key(seed)) for seed in range(2)]
    states.append(states[0]._replace(step=jnp.int32(1)))
    costs = [float(update(state, batch)[1]["train_cost"]) for state in (*states, states[0])]
    assert len(set(costs)) == 3
    assert costs[0] == costs[-1]
    together = jax.jit(jax.vmap(algorithm.update, (0, None)))(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *states), batch
    )[0].variables
    alone = [update(state, batch)[0].variables for state in states]
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_first_and_last_decisions_leave_some_to_train():
    algorithm, batch = toy(config(first_decisions=1, last_decisions=2))
    said = (
        r"first_decisions is 1 and .*last_decisions is 2, which leaves none of 3 periods to train"
    )
    with pytest.raises(InputError, match=said):
        jax.eval_shape(lambda key: algorithm.update(algorithm.init(key), batch), jax.random.key(0))


def test_a_batch_of_one_has_no_others_to_compare_with():
    algorithm, batch = toy(config(baseline="batch_mean"))
    alone = jax.tree.map(lambda leaf: leaf[:1], batch)
    with pytest.raises(InputError, match=r"training\.batch is 1"):
        jax.eval_shape(lambda key: algorithm.update(algorithm.init(key), alone), jax.random.key(0))
