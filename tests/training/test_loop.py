"""The training loop: one compilation, seeds together or alone, resuming to the bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import small_config

from neuroinv.build import build, dev_scenarios
from neuroinv.training.loop import (
    DivergedError,
    Programs,
    compile_programs,
    run_segments,
    stratified_batch,
)


def double(leaf: jax.Array) -> jax.Array:
    """The same numbers in double precision, where they are no integers."""
    return leaf.astype(float) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def programs_of(config) -> Programs:
    built = build(config)
    if jax.config.jax_enable_x64:  # parameters are single, as a config's digits are
        train, dev = (
            split._replace(params=jax.tree.map(double, split.params))
            for split in (built.train, built.dev)
        )
        built = built._replace(train=train, dev=dev)
    return compile_programs(
        built.problem,
        built.algorithm,
        config.training,
        built.train.params,
        dev_scenarios(built),
        config.seed,
        built.train.periods,
        built.dev.burn_in,
    )


def curves(config):
    programs, recorded = programs_of(config), []
    state = run_segments(
        programs, programs.first, config.training, lambda *event: recorded.append(event)
    )
    return state, [(step, metrics) for step, _, metrics in recorded]


def test_each_program_is_compiled_once(tmp_path):
    compiled = []

    def note(event: str, duration: float, **more) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(more)

    config = small_config(tmp_path, "training.seeds=2", "training.steps=40")
    programs = programs_of(config)
    state = programs.first
    state, _ = programs.segment(state)
    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        state = run_segments(programs, state, config.training, lambda *event: None)
        assert compiled == []
        jax.jit(lambda x: x * 3.14159)(1.0)  # the listener does hear compilations
        assert compiled != []
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
    assert np.all(state.train.step == 40)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Curves of the first and the fourth seed, each trained by itself."""
    folder = tmp_path_factory.mktemp("alone")
    return {index: curves(small_config(folder, f"seed={5 + index}"))[1] for index in (0, 3)}


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_seeds_together_follow_the_curves_of_seeds_alone(tmp_path, alone, chunk):
    together = small_config(tmp_path, "training.seeds=4", f"training.seed_chunk={chunk}", "seed=5")
    _, batch = curves(together)
    for index, single in alone.items():
        for (step, many), (same_step, one) in zip(batch, single, strict=True):
            assert step == same_step
            for name, values in one.items():
                np.testing.assert_allclose(many[name][index], values[0], rtol=2e-4, err_msg=name)


def test_in_double_precision_seeds_together_are_the_seeds_alone(tmp_path):
    """What differs in single precision, half a percent of a dev cost after some updates, is
    rounding in another order of the same sums, of which every update and whole order makes more."""
    given = (
        "training.train={scenarios: 256, periods: 30, burn_in: 0}",
        "training.batch=128",
        "training.steps=20",
        "training.steps_between_dev=10",
        "policy.hidden=[32,32]",
    )
    with jax.enable_x64(True):
        _, batch = curves(small_config(tmp_path, *given, "training.seeds=8", "seed=5"))
        _, alone = curves(small_config(tmp_path, *given, "seed=9"))
    for (_, many), (_, one) in zip(batch, alone, strict=True):
        for name, values in one.items():
            assert many[name].shape == (8,)
            np.testing.assert_allclose(many[name][4], values[0], rtol=1e-9, err_msg=name)
    assert one["train_cost"].dtype == np.float64


def test_different_seeds_differ_and_same_seeds_do_not(tmp_path):
    _, first = curves(small_config(tmp_path, "training.seeds=2"))
    _, again = curves(small_config(tmp_path, "training.seeds=2"))
    final, repeated = first[-1][1]["train_cost"], again[-1][1]["train_cost"]
    np.testing.assert_array_equal(final, repeated)
    assert final[0] != final[1]


def test_a_state_carried_over_to_a_new_process_goes_on_to_the_bit(tmp_path):
    config = small_config(tmp_path, "training.seeds=2")
    whole, _ = curves(config)
    first = programs_of(config)
    state, _ = first.segment(first.first)
    state = jax.tree.map(
        lambda x: x if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else np.array(x), state
    )
    second = programs_of(config)
    resumed = run_segments(second, state, config.training, lambda *event: None)
    for a, b in zip(
        jax.tree.leaves(whole.best_variables), jax.tree.leaves(resumed.best_variables), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_patience_freezes_a_seed_and_ends_the_run(tmp_path):
    config = small_config(
        tmp_path,
        "training.patience=5",
        "training.steps=400",
        "algorithm.learning_rate=1e-12",  # no update improves on the first
    )
    state, recorded = curves(config)
    assert recorded[-1][0] < 400
    assert bool(state.stopped[0])
    assert float(state.best_cost[0]) == pytest.approx(
        min(float(metrics["dev_cost"][0]) for _, metrics in recorded)
    )


def test_the_best_variables_are_those_of_the_best_dev_cost(tmp_path):
    config = small_config(tmp_path, "training.steps=100", "algorithm.learning_rate=0.3")
    state, recorded = curves(config)
    costs = [float(metrics["dev_cost"][0]) for _, metrics in recorded]
    assert int(state.best_step[0]) == recorded[int(np.argmin(costs))][0]
    assert np.argmin(costs) != len(costs) - 1 or costs[-1] == min(costs)


def test_divergence_is_one_sentence(tmp_path):
    config = small_config(tmp_path, "algorithm.learning_rate=1e30")
    with pytest.raises(DivergedError, match=r"diverged.*learning_rate"):
        curves(config)


@pytest.mark.parametrize(("scenarios", "batch"), [(64, 64), (64, 16), (100, 30), (7, 3)])
def test_a_batch_holds_no_scenario_twice_and_each_equally_often(scenarios, batch):
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = np.asarray(jax.vmap(lambda key: stratified_batch(key, scenarios, batch))(keys))
    assert drawn.min() >= 0
    assert drawn.max() < scenarios
    if scenarios % batch == 0:
        assert all(len(set(row)) == batch for row in drawn[:200])
    counts = np.bincount(drawn.ravel(), minlength=scenarios)
    expected = drawn.size / scenarios
    assert np.all(np.abs(counts - expected) < 6 * np.sqrt(expected) + 1)


def test_a_seed_that_has_stopped_reports_nothing_of_what_is_thrown_away(tmp_path):
    programs = programs_of(small_config(tmp_path, "training.seeds=2"))
    state = programs.first._replace(
        stopped=jnp.array([True, False]), best_cost=jnp.array([7.0, jnp.inf])
    )
    after, metrics = programs.segment(state)
    assert np.asarray(after.train.step).tolist() == [0, 5]
    assert float(metrics["dev_cost"][0]) == float(metrics["best_dev_cost"][0]) == 7.0
    assert np.isnan(metrics["train_cost"]).tolist() == [True, False]
