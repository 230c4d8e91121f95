"""What was kept of a run: its config, its best variables, and whether they fit what is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import yaml
from jaxtyping import Array, PyTree

from neuroinv.build import Experiment, build
from neuroinv.config import (
    BaseStockConfig,
    CappedBaseStockConfig,
    Config,
    EchelonStockConfig,
    EconomicReorderConfig,
    GNNConfig,
    HybridConfig,
    InventoryConfig,
    MLPConfig,
    SeriesDemand,
    SymmetryAwareConfig,
    parse,
    to_mapping,
)
from neuroinv.policies.gnn import loops
from neuroinv.problems.inventory.groups import network_of
from neuroinv.problems.inventory.instance import Instance, series_periods
from neuroinv.problems.inventory.network import (
    Network,
    demand_locations,
    destinations,
    locations,
    sources,
)
from neuroinv.training import checkpoint
from neuroinv.training.loop import LoopState
from neuroinv.training.records import read_facts
from neuroinv.types import InputError

Overrides = Callable[[dict[str, Any]], dict[str, Any]]
"""A run's kept config -> the config to score it with."""

KNOWS_PLACES = (
    MLPConfig,
    HybridConfig,
    BaseStockConfig,
    CappedBaseStockConfig,
    EchelonStockConfig,
    EconomicReorderConfig,
)
"""Policies whose variables belong to locations and edges in the order in which these are listed."""


def load(path: Path, overrides: Overrides = dict) -> tuple[Experiment, PyTree]:
    """A run's experiment and the best variables of its seeds (leaves lead with seeds).

    Raises InputError where there is no run, no checkpoint, or one that does not fit the overridden
    config or its graph.
    """
    kept, trained = read_config(path)
    _check_complete(path, kept, to_mapping(trained))
    config = parse(overrides(kept))
    experiment = build(dataclasses.replace(config, comparisons=()))
    if experiment.algorithm is None:
        return experiment, {}
    stored = checkpoint.latest(path / "checkpoints")
    if stored is None:
        raise InputError(f"{path} has no checkpoint yet; train the run first")
    _check_fit(path, trained, config)
    _check_kinds(path, trained, config)
    like = state_like(experiment).best_variables
    return experiment, checkpoint.restore_field(stored, "best_variables", like)


def read_config(path: Path) -> tuple[dict[str, Any], Config]:
    """The kept config of a run, as it is written and with what it lacks filled in.

    Raises InputError where there is none, or none that can be read.
    """
    file = path / "config.yaml"
    if not file.exists():
        raise InputError(
            f"{path} is no run directory: it has no config.yaml; name one of `results`"
        )
    try:
        kept = yaml.safe_load(file.read_text())
        return kept, parse(kept)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, InputError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{file} cannot be read ({reason}); restore it, or train the run anew"
        ) from None


def start_variables(experiment: Experiment, run: Path) -> PyTree | None:
    """Best variables of the run to start from; None to start anew, or where this `run` has begun.
    Raises InputError where there is no such run, its variables or its graph do not fit, or it was
    trained or chosen on what this one is to be scored on."""
    given = experiment.config.training.start_from
    begun = checkpoint.latest(run / "checkpoints") is not None
    if given is None or begun:
        return None
    if experiment.algorithm is None:
        raise InputError(
            f"training.start_from is {given}, but policy.kind {experiment.config.policy.kind} "
            "learns nothing; leave it out"
        )
    if (read_facts(Path(given)) or {}).get("status") != "complete":
        raise InputError(
            f"training.start_from is {given}, which is no complete run; name a run directory"
        )
    source, variables = load(Path(given))
    _check_fit(Path(given), source.config, experiment.config)
    check_weeks(source, experiment)
    wanted = state_like(experiment).best_variables
    stored, needed = (jax.tree.map(jnp.shape, tree) for tree in (variables, wanted))
    if stored != needed:
        raise InputError(
            f"training.start_from is {given}, whose variables belong to another policy or number "
            "of seeds, or observe something else; name another run, or train anew"
        )
    return variables


def state_like(experiment: Experiment) -> LoopState:
    """Structure, shapes and types of the state of all seeds."""
    algorithm = experiment.algorithm
    assert algorithm is not None

    def one(key: Array) -> LoopState:
        train = algorithm.init(key)
        best = (train.variables, jnp.array(0, float), jnp.int32(0), jnp.bool_(False))
        return LoopState(train, *best)

    keys = jax.vmap(jax.random.key)(jnp.arange(experiment.config.training.seeds))
    return jax.eval_shape(jax.vmap(one), keys)


def check_weeks(trained: Experiment, scored: Experiment) -> None:
    """Raise InputError where a policy would be scored on recorded demand that it was trained or
    chosen on."""
    known, asked = (getattr(one.config.problem, "demand", None) for one in (trained, scored))
    if not isinstance(known, SeriesDemand) or not isinstance(asked, SeriesDemand):
        return
    if Path(known.path).expanduser() != Path(asked.path).expanduser():
        return
    learned_from = trained.train.periods
    if hasattr(trained.config.policy, "forecaster"):  # it learns from all of the range
        assert isinstance(trained.instance, Instance)
        learned_from = series_periods(trained.instance, "train") or learned_from
    start = asked.test[0] + asked.past_periods
    first, last = start + scored.test.burn_in, start + scored.test.periods
    of_train, of_dev = known.train[0] + known.past_periods, known.dev[0] + known.past_periods
    for name, others in (
        ("train", (of_train, of_train + learned_from)),
        ("dev", (of_dev + trained.dev.burn_in, of_dev + trained.dev.periods)),
    ):
        if first < others[1] and others[0] < last:
            raise InputError(
                f"problem.demand.test counts periods {first} to {last} of the table, of which "
                f"{name} has {others[0]} to {others[1]}; move one of them, or raise "
                "training.test.burn_in"
            )


def _check_complete(path: Path, kept: Any, filled: Any, above: str = "") -> None:
    """Raise InputError where a kept config lacks a key, whose default says nothing of that run."""
    if not isinstance(filled, dict):
        return
    for name, value in filled.items():
        if name not in kept:
            raise InputError(
                f"{path} has no {above}{name} in its config.yaml, so another version of neuroinv "
                "made it; train it anew"
            )
        _check_complete(path, kept[name], value, f"{above}{name}.")


def _check_fit(path: Path, trained: Config, asked: Config) -> None:
    """Raise InputError for what shapes do not tell: variables that know locations and edges by
    their place, asked about a graph that has others there, forecasts for other lead times, and a
    policy that reads its variables in another way."""
    _check_places(path, trained, asked)
    forecasts, needed = (getattr(config.policy, "forecaster", None) for config in (trained, asked))
    if forecasts and needed and forecasts.lead_times != needed.lead_times:
        raise InputError(
            f"{path} forecasts for the lead times {list(forecasts.lead_times)} and "
            f"policy.forecaster.lead_times is {list(needed.lead_times)}; leave it as it was, or "
            "train a forecaster that knows them"
        )
    kept, given = to_mapping(trained)["policy"], to_mapping(asked)["policy"]
    for key in kept if kept["kind"] == given["kind"] else ("kind",):
        if kept[key] != given[key]:
            raise InputError(
                f"{path} was trained with policy.{key}={_shown(kept[key])} and is asked with "
                f"policy.{key}={_shown(given[key])}, which gives its variables another meaning; "
                "leave it as it was, or train anew"
            )


def _check_places(path: Path, trained: Config, asked: Config) -> None:
    known, other = trained.problem, asked.problem
    if not isinstance(known, InventoryConfig) or not isinstance(other, InventoryConfig):
        return
    if isinstance(asked.policy, SymmetryAwareConfig):
        kinds = [sorted({node.kind for node in one.nodes.values()}) for one in (known, other)]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"{path} was trained on {known.name}, which has nodes of the kinds "
                f"{', '.join(kinds[0])}, and is asked about {other.name}, which has "
                f"{', '.join(kinds[1])}; policy=symmetry_aware knows only kinds that it was "
                "trained on: name a problem with the same, or train policy=gnn"
            )
    if not isinstance(asked.policy, KNOWS_PLACES):
        return
    network, wanted = network_of(known), network_of(other)
    if _places(network) != _places(wanted):
        raise InputError(
            f"{path} was trained on {_in_words(network)} of {known.name}, which "
            f"policy={asked.policy.kind} knows by their place, and is asked about "
            f"{_in_words(wanted)} of {other.name}; name a problem with the same graph, or train "
            "policy=gnn, which fits any"
        )


def _check_kinds(path: Path, trained: Config, asked: Config) -> None:
    """Raise InputError where a graph network would decide about what it has not met: its shapes are
    the same for every graph."""
    known, other = trained.problem, asked.problem
    if not isinstance(known, InventoryConfig) or not isinstance(other, InventoryConfig):
        return
    unmet = sorted(_kinds_of(other) - _kinds_of(known))
    if isinstance(asked.policy, GNNConfig) and unmet:
        raise InputError(
            f"{path} was trained on {known.name}, which has no {' and no '.join(unmet)}, and is "
            f"asked about {other.name}, which has, and of which policy=gnn knows nothing; name "
            f"another problem, or train it further there with training.start_from={path}"
        )


def _kinds_of(config: InventoryConfig) -> set[str]:
    """What a graph network tells apart."""
    shared = {"locations that may keep stock which several others want"}
    kinds = {f"nodes of the kind {node.kind}" for node in config.nodes.values()}
    return kinds | (shared if loops(network_of(config)) else set())


def _shown(value: Any) -> str:
    return str(value).replace("'", "")


def _places(network: Network) -> tuple:
    """Where demand is, and where every edge leads, by the place of locations."""
    ends = (sources(network).tolist(), destinations(network).tolist())
    return len(locations(network)), demand_locations(network), *ends


def _in_words(network: Network) -> str:
    return f"the {len(locations(network))} locations and {len(network.edges)} edges"
