"""A run from config to table: what `neuroinv train` and `neuroinv evaluate` do, as functions."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from neuroinv.analysis.figures import learning_curves
from neuroinv.analysis.table import Table, read_table, to_json
from neuroinv.build import Experiment, build, dev_scenarios
from neuroinv.config import Config, SeriesDemand
from neuroinv.kept_runs import (
    Overrides,
    check_weeks,
    load,
    read_config,
    start_variables,
    state_like,
)
from neuroinv.references import Reference, references
from neuroinv.rollout import average_costs, greedy, total
from neuroinv.scoring import score, scored_act
from neuroinv.training import checkpoint
from neuroinv.training.loop import (
    LoopState,
    Programs,
    compile_programs,
    is_over,
    run_segments,
    started_from,
)
from neuroinv.training.records import (
    RunDirectory,
    lost_seeds,
    open_run,
    read_facts,
    run_path,
    write_atomically,
)
from neuroinv.training.tensorboard import check_tensorboard, tensorboard
from neuroinv.types import HindsightPolicy, InputError, Policy


class Event(NamedTuple):
    """What a listener is told: a stage that begins, or the metrics of a segment."""

    stage: str
    step: int = 0
    metrics: dict[str, float] = {}  # noqa: RUF012 (never mutated)
    """Means over seeds, in the sense of the objective: dev cost and its gap to the bound, or dev
    profit and its share of the bound; `lost` where every seed diverged or has no gradient left."""


Listener = Callable[[Event], None]


class Finished(NamedTuple):
    """A run that has ended."""

    path: Path
    table: Table
    repeated: bool
    """True where the run had been completed before and nothing was done."""


def train(config: Config, listen: Listener = lambda event: None) -> Finished:
    """Train, choose on dev, score once on test, and keep all of it in the run directory.

    A run that is complete is not done again; one that was interrupted goes on from its last
    checkpoint and ends with the same variables and table, to the bit.
    """
    path = run_path(config)
    facts = read_facts(path)
    listen(Event("reading the problem"))
    check_tensorboard(config.logger.tensorboard)
    data = _data_digest(config)
    if facts and data and data != facts.get("data_sha256", data):
        raise InputError(
            f"problem.demand.path: {path} was trained on other contents of the table; "
            "remove that folder, or name another with results=..."
        )
    if facts and facts["status"] == "complete" and (path / "table.json").exists():
        return Finished(path, read_table(path), True)
    experiment = build(config)
    check_weeks(experiment, experiment)
    start = start_variables(experiment, path)
    anew = dataclasses.replace(config.training, start_from=None)
    others = [
        dataclasses.replace(config, policy=policy, comparisons=(), training=anew)
        for policy in config.comparisons
    ]
    for index, other in enumerate(others):  # what does not fit is refused before others train
        try:
            build(other)
        except InputError as error:
            raise InputError(f"comparisons.{index}: {error}") from None
    compared, names = [], _names_of_comparisons(config)
    for other, name in zip(others, names, strict=True):
        listen(Event(f"training {other.policy.kind} for comparison"))
        other_run = train(other, listen)
        row = other_run.table.rows[-1]
        lost = lost_seeds(read_facts(other_run.path) or {})
        compared.append(
            row._replace(name=name, detail=", ".join(filter(None, [row.detail, *lost])))
        )
    with open_run(config) as run:
        run.write_facts(data_sha256=data)
        listen(Event("computing exact references"))
        known = references(experiment.instance)
        if experiment.algorithm is None:
            variables, updates = {}, 0
        else:
            best = _optimise(experiment, start, run, known, listen)
            variables, updates = best.best_variables, int(np.max(np.asarray(best.train.step)))
        listen(Event("scoring on the test scenarios"))
        began = time.perf_counter()
        table = score(experiment, variables, known, compared)
        write_atomically(run.path / "table.json", to_json(table))
        run.write_facts(updates=updates, test_seconds=time.perf_counter() - began)
        if experiment.algorithm is not None:
            learning_curves(run.path)
    return Finished(run.path, table, False)


def _names_of_comparisons(config: Config) -> list[str]:
    """The kind of each policy that is trained for comparison, with what tells it from others alike.
    Raises InputError where nothing does."""
    everything, names = [config.policy, *config.comparisons], []
    for index, policy in enumerate(config.comparisons):
        if everything.count(policy) > 1:
            raise InputError(
                f"comparisons.{index} is {policy.kind} with all that another policy of this run "
                "has; change something of it, or remove it"
            )
        alike = [other for other in everything if other.kind == policy.kind]
        told = [
            f"{field.name}={getattr(policy, field.name)}"
            for field in dataclasses.fields(policy)
            if len({str(getattr(other, field.name)) for other in alike}) > 1
        ]
        names.append(f"{policy.kind} ({', '.join(told)})" if told else policy.kind)
    return names


def _data_digest(config: Config) -> str | None:
    """Digest of the sales table, where there is one: a run belongs to its contents."""
    path = _sales_table(config)
    if path is None or not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sales_table(config: Config) -> Path | None:
    demand = getattr(config.problem, "demand", None)
    return Path(demand.path).expanduser() if isinstance(demand, SeriesDemand) else None


def evaluate(path: Path, overrides: Overrides = dict) -> Table:
    """Score the best variables of a run again, as its config says or with some of it overridden.

    Nothing in the run directory changes. Raises what `load` raises, and InputError where the run's
    own table of sales has other contents now, or where it was trained or chosen on what is asked.
    """
    experiment, variables = load(path, overrides)
    trained_on, data = (read_facts(path) or {}).get("data_sha256"), _data_digest(experiment.config)
    (_, kept), asked = read_config(path), experiment.config
    sales = _sales_table(kept)
    same = sales is not None and sales == _sales_table(asked)
    if same and trained_on not in (None, data):
        raise InputError(
            f"problem.demand.path: {sales} has other contents than when {path} was trained; "
            "restore them, or score it on a table of another name with problem.demand.path=..."
        )
    if same and (kept.problem, kept.training.test) != (asked.problem, asked.training.test):
        check_weeks(build(dataclasses.replace(kept, comparisons=())), experiment)
    return score(experiment, variables, references(experiment.instance), [])


def _optimise(
    experiment: Experiment,
    start: PyTree | None,
    run: RunDirectory,
    known: tuple[Reference, ...],
    listen: Listener,
) -> LoopState:
    """Run the training loop to its end, from the last checkpoint if there is one, else from the
    variables given to start with."""
    config = experiment.config.training
    assert experiment.algorithm is not None
    stored = checkpoint.latest(run.checkpoints)
    if stored is not None:
        state = checkpoint.restore(stored, state_like(experiment))
        if is_over(state, config):  # stopped while it was scored
            return state
    listen(Event("compiling"))
    programs: Programs = compile_programs(
        experiment.problem,
        experiment.algorithm,
        config,
        experiment.train.params,
        dev_scenarios(experiment),
        experiment.config.seed,
        experiment.train.periods,
        experiment.dev.burn_in,
    )
    if stored is None:
        state = programs.first
        if start is not None:
            state = started_from(
                state,
                start,
                experiment.problem,
                experiment.algorithm,
                config.seed_chunk,
                dev_scenarios(experiment),
                experiment.dev.burn_in,
            )
    step = int(np.max(np.asarray(state.train.step)))
    run.forget_metrics_after(step)
    run.write_facts(compile_seconds=programs.compile_seconds, resumed_from=step)
    sign = -1 if experiment.profit else 1
    bound = _bound_on_dev(experiment, known)
    is_trained = isinstance(experiment.policy, Policy) and experiment.policy.trained
    seconds_before = run.facts["train_seconds"] + programs.initialise_seconds
    began = saved = time.perf_counter()

    def on_segment(step: int, state: LoopState, metrics: dict[str, np.ndarray]) -> None:
        nonlocal saved
        now = time.perf_counter()
        record = {name: values.tolist() for name, values in metrics.items()}
        run.append_metrics({"step": step, "seconds": seconds_before + now - began} | record)
        best_costs = metrics["best_dev_cost"]
        best = float(np.mean(best_costs[np.isfinite(best_costs)]))
        shown = {"dev": sign * best}
        if bound:
            shown |= {"share": best / bound} if sign < 0 else {"gap": best / bound - 1}
        if is_trained:
            found = {
                "without_gradient": metrics.get("gradient_norm", np.ones(config.seeds)) == 0,
                "diverged": metrics["diverged"] == 1,
            }
            now_lost = {reason: np.flatnonzero(seeds).tolist() for reason, seeds in found.items()}
            lost = {
                reason: sorted({*run.facts.get(reason, []), *seeds})
                for reason, seeds in now_lost.items()
            }
            if any(now_lost.values()):
                run.write_facts(**lost)
            if len(set().union(*lost.values())) == config.seeds:
                shown |= {"lost": 1.0}
        listen(Event("training", step, shown))
        write_events(step, metrics)
        if now - saved >= config.checkpoint_seconds:
            checkpoint.save(run.checkpoints, step, state)
            run.write_facts(train_seconds=seconds_before + now - began)
            saved = time.perf_counter()

    wanted = experiment.config.logger.tensorboard
    with tensorboard(run.path / "tensorboard", wanted, step) as write_events:
        state = run_segments(programs, state, config, on_segment)
    checkpoint.save(run.checkpoints, int(np.max(np.asarray(state.train.step))), state)
    run.write_facts(train_seconds=seconds_before + time.perf_counter() - began)
    return state


def _bound_on_dev(experiment: Experiment, known: tuple[Reference, ...]) -> float | None:
    """Least average cost that any policy could have on the dev scenarios: the exact optimum, or the
    bound of hindsight on these very paths; None where neither is known."""
    bound = next((reference for reference in known if reference.is_bound), None)
    if bound is None or not isinstance(bound.policy, HindsightPolicy):
        return None if bound is None else bound.exact
    act, dev = greedy(bound.policy, bound.variables), dev_scenarios(experiment)

    scored, burn_in = scored_act(experiment, act), experiment.dev.burn_in
    problem = experiment.problem
    costs = jax.jit(lambda dev: total(average_costs(problem, scored, dev, burn_in)))(dev)
    return float(jnp.mean(costs))
