"""Streamed scores: those of a plain rollout, in memory that does not grow, on the same paths."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import one_store, problem_config

from neuroinv.policies.just_in_time import just_in_time
from neuroinv.policies.stock_levels import base_stock
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.instance import build_instance, draw_parameters
from neuroinv.rollout import average_costs, greedy, total
from neuroinv.training.evaluation import streamed_average_costs
from neuroinv.types import Scenarios

KEY = jax.random.key(5)
SCENARIOS = 128
NETWORK = one_store(4, unmet_demand="lost")
STORE = {"kind": "demand", "holding_cost": 1.0, "underage_cost": 9.0}
LEAD_TIME, MEAN = 4, 5.0
CONFIG = problem_config(
    nodes={"supplier": {"kind": "supply"}, "store": STORE},
    edges={"road": {"source": "supplier", "destination": "store", "lead_time": LEAD_TIME}},
    demand={"distribution": "poisson", "mean": MEAN},
)


def alike(scenarios=SCENARIOS):
    """Parameters of scenarios that differ in nothing but what they draw."""
    return draw_parameters(build_instance(CONFIG), "test", scenarios)


def up_to(level):
    """The policy that orders up to a level."""
    cover = level / (MEAN * (LEAD_TIME + 1))
    variables = {"cover": jnp.log(jnp.expm1(cover)) * jnp.ones(1)}
    return greedy(base_stock(NETWORK, 1.0), variables)


@functools.partial(jax.jit, static_argnames=("periods", "burn_in", "block", "look_ahead"))
def streamed(params, level, periods, burn_in, block, look_ahead=False):
    problem, act = inventory_problem(NETWORK), up_to(level)
    return streamed_average_costs(problem, act, params, KEY, periods, burn_in, block, look_ahead)


def noise_in_blocks(problem, params, key, periods, block):
    """The noise of one scenario as the stream draws it, kept whole."""
    blocks = jnp.arange(-(-periods // block))
    noise = jax.vmap(
        lambda index: problem.exogenous(params, jax.random.fold_in(key, index), block)
    )(blocks)
    return jax.tree.map(lambda x: jnp.concatenate(x)[:periods], noise)


def test_a_stream_scores_as_one_rollout_over_the_same_noise():
    periods, burn_in = 35, 13  # both end within a block
    params, problem = alike(3), inventory_problem(NETWORK)
    keys = jax.vmap(jax.random.split)(jax.random.split(KEY, 3))

    @jax.jit
    def whole(params):
        states = jax.vmap(problem.init)(params, keys[:, 0])
        noise = jax.vmap(lambda one, key: noise_in_blocks(problem, one, key, periods, 10))(
            params, keys[:, 1]
        )
        return average_costs(problem, up_to(26.0), Scenarios(params, states, noise), burn_in)

    by_stream = streamed(params, 26.0, periods, burn_in, 10)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), by_stream, whole(params))
    assert float(jnp.ptp(total(by_stream))) > 0


def test_block_length_changes_no_score_where_nothing_is_random():
    params = alike(2)._replace(initial_inventory=jnp.ones((2, 2)))
    always_five = jnp.broadcast_to(jnp.arange(8.0) >= 5, (2, 1, 8)).astype(float)
    params = params._replace(demand=params.demand._replace(cumulative=always_five))
    scores = [total(streamed(params, 26.0, 24, 5, block)) for block in (24, 7)]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-5)


def test_block_length_changes_the_paths_but_not_their_distribution():
    params = alike()
    short, long = (np.asarray(total(streamed(params, 26.0, 60, 20, block))) for block in (10, 60))
    assert not np.array_equal(short, long)
    error = np.sqrt((short.var() + long.var()) / SCENARIOS)
    assert abs(short.mean() - long.mean()) < 4.5 * error
    assert short.std() == pytest.approx(long.std(), rel=4.5 / np.sqrt(SCENARIOS))


def test_every_block_brings_new_demand():
    params = alike()
    # Were all blocks alike, the average over many would vary as much as the average over one.
    spread = [np.std(total(streamed(params, 26.0, periods, 20, 10))) for periods in (60, 480)]
    assert spread[1] < 0.6 * spread[0]


def test_all_policies_are_scored_on_the_same_paths():
    params = alike()
    little, more = (total(streamed(params, level, 60, 20, 10)) for level in (26.0, 26.1))
    assert np.corrcoef(little, more)[0, 1] > 0.999
    np.testing.assert_array_equal(little, total(streamed(params, 26.0, 60, 20, 10)))


def test_a_policy_that_looks_ahead_is_scored_on_the_same_paths():
    params = alike(3)
    # One that does not use what it is shown scores what it scores without.
    blind, shown = (streamed(params, 26.0, 35, 13, 10, look_ahead) for look_ahead in (False, True))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), shown, blind)


def test_a_policy_that_looks_ahead_sees_across_blocks_what_is_to_come():
    params = alike(3)._replace(initial_inventory=jnp.zeros((3, 2)))
    act, periods = greedy(just_in_time(NETWORK), {}), 35

    @functools.partial(jax.jit, static_argnums=0)
    def scored(look_ahead):
        problem = inventory_problem(NETWORK)
        return total(
            streamed_average_costs(problem, act, params, KEY, periods, LEAD_TIME, 10, look_ahead)
        )

    # Told all demand, it holds and misses nothing once its first orders are there.
    np.testing.assert_array_equal(scored(True), np.zeros(3))
    assert np.all(scored(False) > 0.1)


def test_memory_does_not_grow_with_the_number_of_periods():
    params = alike()

    def temporary_bytes(periods):
        program = streamed.lower(params, 26.0, periods, 0, 100).compile()
        return program.memory_analysis().temp_size_in_bytes

    # A plain rollout would need ten times as much; alignment moves some hundred bytes.
    assert temporary_bytes(5000) < 1.01 * temporary_bytes(500)


def test_base_stock_28_scores_what_the_markov_chain_says():
    scores = np.asarray(total(streamed(alike(), 28.0, 3000, 200, 100)), np.float64)
    error = scores.std(ddof=1) / np.sqrt(SCENARIOS)
    assert abs(scores.mean() - 7.2709) < 4 * error
    assert error < 0.02, "too wide to tell a wrong simulator"
