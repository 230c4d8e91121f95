"""The one training loop. Of an algorithm it knows `init`, `update` and `act`, and nothing else.

Seeds are trained together in one program: vectorised in chunks, the chunks one after another. The
host sees the device only between segments (some updates, then the dev scenarios), where it keeps
metrics, writes checkpoints and stops. All that a segment needs hangs on the state and the seed, so
a run continued from a checkpoint is the run that was not interrupted, to the bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from neuroinv.config import TrainingConfig
from neuroinv.keys import Branch, branch
from neuroinv.rollout import average_costs, draw, total
from neuroinv.scenarios import in_chunks
from neuroinv.types import Algorithm, InputError, Problem, Scenarios, TrainState


class DivergedError(InputError):
    """No seed ever had a finite dev cost."""


class LoopState(NamedTuple):
    """What the loop carries for one seed; with several, every leaf leads with them."""

    train: TrainState
    best_variables: PyTree
    best_cost: Float[Array, ""]
    """Lowest average dev cost so far."""
    best_step: Int[Array, ""]
    stopped: Bool[Array, ""]
    """True once `patience` updates brought no better dev cost, a whole segment had no gradient, or
    variables or dev cost are no longer finite, after which it learns nothing; its state is then
    frozen."""


class Programs(NamedTuple):
    """The compiled programs of a training run, each compiled once before the first is run."""

    first: LoopState
    """The state before any update."""
    segment: Callable[[LoopState], tuple[LoopState, dict[str, Float[Array, " seeds"]]]]
    compile_seconds: float
    initialise_seconds: float
    """Time that drawing scenarios and first variables took; a forecaster is trained in it."""


def stratified_batch(key: PRNGKeyArray, scenarios: int, batch: int) -> Int[Array, " batch"]:
    """Indices of a batch: one scenario from each of `batch` equal strata of the data.

    No scenario comes twice, each is as likely as any other, and a batch of all scenarios is all of
    them; unlike a shuffle per epoch it needs no memory between updates.
    """
    within_key, shift_key = jax.random.split(key)
    edges = np.arange(batch + 1) * scenarios // batch
    within = jax.random.uniform(within_key, (batch,))
    width = np.diff(edges)
    position = edges[:-1] + jnp.minimum(jnp.int32(within * width), width - 1)
    shift = jax.random.randint(shift_key, (), 0, scenarios)
    return jnp.asarray((position + shift) % scenarios)


def compile_programs(
    problem: Problem,
    algorithm: Algorithm,
    config: TrainingConfig,
    train_params: PyTree,
    dev: Scenarios,
    seed: int,
    train_periods: int,
    dev_burn_in: int,
) -> Programs:
    """Trace and compile the programs for seeds `seed`, `seed + 1`, ... of a config.

    `train_params` are the parameters of the training scenarios; each seed draws its own initial
    states and noise for them.
    """
    seed_keys = jax.vmap(jax.random.key)(jnp.arange(config.seeds, dtype=jnp.uint32) + seed)
    scenario_count = jax.tree.leaves(train_params)[0].shape[0]

    # Parameters are arguments: as constants they would make another program of every problem.
    def initialise(
        keys: PRNGKeyArray, train_params: PyTree
    ) -> tuple[LoopState, tuple[PyTree, PyTree]]:
        def one(key: PRNGKeyArray) -> tuple[LoopState, tuple[PyTree, PyTree]]:
            train = algorithm.init(key)
            drawn = draw(problem, train_params, branch(key, Branch.TRAIN), train_periods)
            never, start = jnp.array(jnp.inf, float), jnp.int32(0)
            state = LoopState(train, train.variables, never, start, jnp.bool_(False))
            return state, (drawn.state, drawn.noise)

        return in_chunks(one, config.seed_chunk, keys)

    def segment(
        states: LoopState, drawn: tuple[PyTree, PyTree], train_params: PyTree, dev: Scenarios
    ) -> tuple[LoopState, dict[str, Array]]:
        def one(
            state: LoopState, drawn: tuple[PyTree, PyTree]
        ) -> tuple[LoopState, dict[str, Array]]:
            scenarios = Scenarios(train_params, *drawn)

            def update(train: TrainState, _: None) -> tuple[TrainState, dict[str, Array]]:
                key = jax.random.fold_in(branch(train.key, Branch.BATCH), train.step)
                chosen = stratified_batch(key, scenario_count, config.batch)
                return algorithm.update(train, jax.tree.map(lambda leaf: leaf[chosen], scenarios))

            train, metrics = jax.lax.scan(update, state.train, length=config.steps_between_dev)
            metrics = jax.tree.map(jnp.mean, metrics)
            metrics["dev_cost"] = _dev_cost(problem, algorithm, train.variables, dev, dev_burn_in)
            diverged = ~(_is_finite(train.variables) & jnp.isfinite(metrics["dev_cost"]))
            better = ~diverged & (metrics["dev_cost"] < state.best_cost)
            lost = diverged | (jnp.asarray(metrics.get("gradient_norm", jnp.inf)) == 0)
            metrics["diverged"] = diverged.astype(jnp.float32)
            following = LoopState(
                train,
                _where(better, train.variables, state.best_variables),
                jnp.where(better, metrics["dev_cost"], state.best_cost),
                jnp.where(better, train.step, state.best_step),
                lost | ~better & (train.step - state.best_step >= config.patience),
            )
            following = _where(state.stopped, state, following)
            # Updates of a seed that has stopped are thrown away, and so is what they measured.
            kept = state.best_cost
            metrics = {name: _where(state.stopped, jnp.nan, seen) for name, seen in metrics.items()}
            metrics["dev_cost"] = _where(state.stopped, kept, metrics["dev_cost"])
            metrics["best_dev_cost"] = following.best_cost
            metrics["stopped"] = following.stopped.astype(jnp.float32)
            return following, metrics

        return in_chunks(one, config.seed_chunk, states, drawn)

    began = time.perf_counter()
    initialise_compiled = jax.jit(initialise).lower(seed_keys, train_params).compile()
    state_shapes, drawn_shapes = jax.eval_shape(initialise, seed_keys, train_params)
    segment_compiled = (
        jax.jit(segment).lower(state_shapes, drawn_shapes, train_params, dev).compile()
    )
    compile_seconds = time.perf_counter() - began
    began = time.perf_counter()
    state, drawn = jax.block_until_ready(initialise_compiled(seed_keys, train_params))
    return Programs(
        state,
        lambda states: segment_compiled(states, drawn, train_params, dev),
        compile_seconds,
        time.perf_counter() - began,
    )


def started_from(
    first: LoopState,
    variables: PyTree,
    problem: Problem,
    algorithm: Algorithm,
    seed_chunk: int,
    dev: Scenarios,
    dev_burn_in: int,
) -> LoopState:
    """The state before any update, with variables of another run to start from (leaves lead with
    seeds). They are the best so far, so that training never ends with worse."""

    def cost(variables: PyTree, dev: Scenarios) -> Float[Array, " seeds"]:
        one = partial(_dev_cost, problem, algorithm, dev=dev, burn_in=dev_burn_in)
        return in_chunks(one, seed_chunk, variables)

    costs = jax.jit(cost)(variables, dev)
    return first._replace(
        train=first.train._replace(variables=variables),
        best_variables=variables,
        best_cost=jnp.where(jnp.isfinite(costs), costs, jnp.inf),
    )


def run_segments(
    programs: Programs,
    state: LoopState,
    config: TrainingConfig,
    on_segment: Callable[[int, LoopState, dict[str, np.ndarray]], None],
) -> LoopState:
    """Run segments until all updates are done or every seed has stopped.

    `on_segment` gets the number of updates done, the state and the metrics (arrays over seeds)
    after each. Raises DivergedError when no seed has had a finite dev cost yet.
    """
    step = int(np.max(np.asarray(state.train.step)))
    while not is_over(state, config):
        state, metrics = programs.segment(state)
        step += config.steps_between_dev
        host = {name: np.asarray(values) for name, values in metrics.items()}
        if not np.any(np.isfinite(host["best_dev_cost"])):
            raise DivergedError(
                f"training diverged: after {step} updates no seed has finite variables and a "
                "finite dev cost, and none ever had; lower algorithm.learning_rate"
            )
        on_segment(step, state, host)
    return state


def is_over(state: LoopState, config: TrainingConfig) -> bool:
    """Whether all updates are done or every seed has stopped."""
    # Read through NumPy: reducing on the device would compile one more program.
    done = np.max(np.asarray(state.train.step)) >= config.steps
    return bool(done or np.all(np.asarray(state.stopped)))


def _dev_cost(
    problem: Problem, algorithm: Algorithm, variables: PyTree, dev: Scenarios, burn_in: int
) -> Float[Array, ""]:
    policy = algorithm.act(variables)
    return jnp.mean(total(average_costs(problem, lambda o, n, t: policy(o), dev, burn_in)))


def _is_finite(variables: PyTree) -> Bool[Array, ""]:
    finite = jax.tree.map(lambda leaf: jnp.all(jnp.isfinite(leaf)), variables)
    return jax.tree.reduce(jnp.logical_and, finite, jnp.bool_(True))


def _where(condition: Bool[Array, ""], if_true: Any, if_false: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), if_true, if_false)
