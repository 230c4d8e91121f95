"""From a typed config to the pieces of a run. The one place that knows the names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
from jaxtyping import PyTree

from neuroinv.algorithms.cross_entropy import cross_entropy
from neuroinv.algorithms.hdpo import hdpo
from neuroinv.algorithms.reinforce import reinforce
from neuroinv.config import (
    BaseStockConfig,
    CappedBaseStockConfig,
    Config,
    CrossEntropyConfig,
    EchelonStockConfig,
    FixedQuantileConfig,
    GNNConfig,
    HDPOConfig,
    JustInTimeConfig,
    MLPConfig,
    PolicyConfig,
    QuantileNewsvendorConfig,
    ReinforceConfig,
    ReturnsNewsvendorConfig,
    SplitConfig,
    SymmetryAwareConfig,
    TransformedNewsvendorConfig,
    WaterFillingConfig,
)
from neuroinv.gradients import check_others
from neuroinv.keys import Branch, branch
from neuroinv.policies.allocation import whole_units
from neuroinv.policies.echelon_stock import echelon_stock
from neuroinv.policies.gnn import gnn
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.policies.mlp import mlp
from neuroinv.policies.newsvendor import (
    fixed_quantile,
    quantile_newsvendor,
    returns_newsvendor,
    transformed_newsvendor,
)
from neuroinv.policies.stock_levels import base_stock, capped_base_stock
from neuroinv.policies.symmetry_aware import symmetry_aware
from neuroinv.policies.water_filling import water_filling
from neuroinv.problems.inventory.dynamics import Observation, Parameters, inventory_problem
from neuroinv.problems.inventory.instance import (
    Instance,
    Split,
    build_instance,
    draw_parameters,
    series_count,
    series_periods,
)
from neuroinv.problems.inventory.network import Network
from neuroinv.rollout import draw
from neuroinv.types import Algorithm, HindsightPolicy, InputError, Policy, Problem, Scenarios


class ResolvedSplit(NamedTuple):
    """A split whose open ends are settled."""

    params: Parameters
    periods: int
    burn_in: int


class Experiment(NamedTuple):
    """All that a run needs, checked; nothing has been compiled yet."""

    config: Config
    instance: Instance
    problem: Problem
    policy: Policy | HindsightPolicy
    algorithm: Algorithm | None
    """None for a policy that is not trained."""
    train: ResolvedSplit
    dev: ResolvedSplit
    test: ResolvedSplit


def build(config: Config) -> Experiment:
    """The pieces that a config names. Raises InputError for what does not fit together."""
    instance = build_instance(config.problem)
    problem = inventory_problem(instance.network)
    training = config.training
    train = _resolve(instance, "train", training.train)
    dev = _resolve(instance, "dev", training.dev)
    test = _resolve(instance, "test", training.test)
    if training.batch > (count := jax.tree.leaves(train.params)[0].shape[0]):
        raise InputError(
            f"training.batch={training.batch} is more than the {count} training scenarios; lower it"
        )
    policy = build_policy(instance.network, train.params, config.policy)
    algorithm = None
    if isinstance(policy, Policy):
        if not policy.trained:  # one segment, to measure it on the dev scenarios
            training = dataclasses.replace(training, steps=training.steps_between_dev)
            config = dataclasses.replace(config, training=training)
        example = _example_observation(problem, dev.params)
        trained = build_algorithm(config, problem, policy, example, train.burn_in)
        # Traced, not run: what does not fit is refused before any optimum is computed.
        jax.eval_shape(trained.init, jax.random.key(0))

        def act(variables: PyTree) -> Callable[[PyTree], PyTree]:
            decide = trained.act(variables)
            return lambda seen: as_scored(config, instance, seen, decide(seen))

        algorithm = trained._replace(act=act)
    return Experiment(config, instance, problem, policy, algorithm, train, dev, test)


def build_algorithm(
    config: Config, problem: Problem, policy: Policy, example: Observation, burn_in: int
) -> Algorithm:
    """The algorithm that a config names, for a policy on a problem."""
    steps = config.training.steps
    match config.algorithm:
        case HDPOConfig():
            return hdpo(problem, policy, example, config.algorithm, steps, burn_in)
        case ReinforceConfig():
            if config.algorithm.baseline != "none":
                check_others(config.training.batch)
            return reinforce(problem, policy, example, config.algorithm, steps, burn_in)
        case CrossEntropyConfig():
            if hasattr(config.policy, "forecaster"):
                raise InputError(
                    f"algorithm.kind cross_entropy would search the forecaster of "
                    f"{config.policy.kind} too, which has far too many variables; use hdpo"
                )
            return cross_entropy(problem, policy, example, config.algorithm, burn_in)


def build_policy(
    network: Network, train: Parameters, config: PolicyConfig
) -> Policy | HindsightPolicy:
    """The policy that a config names, for a network and the parameters of training scenarios."""
    match config:
        case BaseStockConfig():
            return base_stock(network, config.initial_cover)
        case CappedBaseStockConfig():
            return capped_base_stock(network, config.initial_cover, config.initial_cap)
        case EchelonStockConfig():
            return echelon_stock(network, config.initial_cover)
        case WaterFillingConfig():
            return water_filling(network)
        case MLPConfig():
            return mlp(network, config)
        case GNNConfig():
            return gnn(network, config)
        case SymmetryAwareConfig():
            return symmetry_aware(network, config)
        case QuantileNewsvendorConfig():
            return quantile_newsvendor(network, train, config)
        case ReturnsNewsvendorConfig():
            return returns_newsvendor(network, train, config)
        case FixedQuantileConfig():
            return fixed_quantile(network, train, config)
        case TransformedNewsvendorConfig():
            return transformed_newsvendor(network, train, config)
        case JustInTimeConfig():
            return just_in_time(network, config.path)


def as_scored(config: Config, instance: Instance, seen: Observation, orders: PyTree) -> PyTree:
    """Orders as they count on dev and test scenarios: in whole units where the problem says so."""
    if not config.problem.whole_units:
        return orders
    return whole_units(instance.network, orders, seen.on_hand)


def dev_scenarios(experiment: Experiment) -> Scenarios:
    """The scenarios on which the best variables are chosen; the same for every policy and seed."""
    key = branch(jax.random.key(experiment.config.problem.seed), Branch.DEV)
    return draw(experiment.problem, experiment.dev.params, key, experiment.dev.periods)


def _example_observation(problem: Problem, params: Parameters) -> Observation:
    first = jax.tree.map(lambda leaf: leaf[0], params)
    return problem.observe(first, problem.init(first, jax.random.key(0)))


def _resolve(instance: Instance, name: Split, split: SplitConfig) -> ResolvedSplit:
    recorded, available = series_count(instance), series_periods(instance, name)
    scenarios, periods = split.scenarios, split.periods
    field = f"training.{name}"
    if recorded is None or available is None:
        if scenarios is None or periods is None:
            missing = "scenarios" if scenarios is None else "periods"
            raise InputError(
                f"{field}.{missing} is null, which stands for all there is in a sales table; "
                f"give a number, because demand is {instance.config.demand.distribution}"
            )
    else:
        scenarios = recorded if scenarios is None else scenarios
        periods = available if periods is None else periods
        if scenarios > recorded:
            raise InputError(
                f"{field}.scenarios is {scenarios} but the sales table has {recorded} series; "
                "lower it, or give null for all"
            )
        if periods > available:
            raise InputError(
                f"{field}.periods is {periods} but the {name} range of the sales table has "
                f"{available} after its history; lower it, or give null for all"
            )
    if split.burn_in >= periods:
        raise InputError(
            f"{field}.burn_in is {split.burn_in}, which leaves none of {periods} periods to count; "
            "lower it"
        )
    return ResolvedSplit(draw_parameters(instance, name, scenarios), periods, split.burn_in)
