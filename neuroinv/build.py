"""From a typed config to the pieces of a run. The one place that knows the names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from neuroinv.algorithms.cross_entropy import cross_entropy
from neuroinv.algorithms.hdpo import hdpo
from neuroinv.algorithms.hpo import hpo
from neuroinv.algorithms.learned_critic import learned_critic
from neuroinv.algorithms.ppo import ppo
from neuroinv.algorithms.proximal import check_minibatches, trained_periods
from neuroinv.algorithms.reinforce import reinforce
from neuroinv.algorithms.relaxed import relaxed
from neuroinv.config import (
    BaseStockConfig,
    CappedBaseStockConfig,
    Config,
    CrossEntropyConfig,
    EchelonStockConfig,
    EconomicReorderConfig,
    FixedQuantileConfig,
    GNNConfig,
    HDPOConfig,
    HPOConfig,
    HybridConfig,
    InventoryConfig,
    JustInTimeConfig,
    LearnedCriticConfig,
    MLPConfig,
    PolicyConfig,
    PPOConfig,
    QuantileNewsvendorConfig,
    ReinforceConfig,
    RelaxedConfig,
    ReturnsNewsvendorConfig,
    SwitchedLQRConfig,
    SymmetryAwareConfig,
    TrainingConfig,
    TransformedNewsvendorConfig,
    WaterFillingConfig,
)
from neuroinv.gradients import check_others
from neuroinv.keys import Branch, branch
from neuroinv.policies.allocation import whole_units
from neuroinv.policies.echelon_stock import echelon_stock
from neuroinv.policies.economic_reorder import economic_reorder
from neuroinv.policies.gnn import gnn
from neuroinv.policies.hybrid import hybrid
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.policies.mlp import mlp
from neuroinv.policies.newsvendor import (
    check_lead_times,
    fixed_quantile,
    quantile_newsvendor,
    returns_newsvendor,
    transformed_newsvendor,
)
from neuroinv.policies.stock_levels import base_stock, capped_base_stock
from neuroinv.policies.switched_lqr import hybrid_regulator
from neuroinv.policies.symmetry_aware import symmetry_aware
from neuroinv.policies.water_filling import water_filling
from neuroinv.problems.inventory.dynamics import Parameters, inventory_problem
from neuroinv.problems.inventory.instance import (
    Instance,
    build_instance,
    cell_ends,
)
from neuroinv.problems.inventory.network import Network, sources
from neuroinv.problems.inventory.order_sizes import SizedOrders, whole_in_cells
from neuroinv.problems.switched_lqr import (
    SwitchedLQR,
    build_switched_lqr,
    switched_lqr_problem,
)
from neuroinv.rollout import draw, first_observation
from neuroinv.splits import ResolvedSplit, episode_length, resolve_split
from neuroinv.types import Algorithm, HindsightPolicy, InputError, Policy, Problem, Scenarios


class Experiment(NamedTuple):
    """All that a run needs, checked; nothing has been compiled yet."""

    config: Config
    instance: Instance | SwitchedLQR
    problem: Problem
    policy: Policy | HindsightPolicy
    algorithm: Algorithm | None
    """None for a policy that is not trained."""
    train: ResolvedSplit
    dev: ResolvedSplit
    test: ResolvedSplit

    @property
    def profit(self) -> bool:
        """Whether costs are negative profits."""
        return isinstance(self.instance, Instance) and self.instance.network.objective == "profit"


def build(config: Config) -> Experiment:
    """The pieces that a config names. Raises InputError for what does not fit together."""
    training = config.training
    instance: Instance | SwitchedLQR
    if isinstance(config.problem, SwitchedLQRConfig):
        instance = build_switched_lqr(config.problem, episode_length(training))
        problem = switched_lqr_problem(instance)
    else:
        instance = build_instance(config.problem)
        problem = inventory_problem(instance.network)
    train = resolve_split(instance, "train", training.train)
    dev = resolve_split(instance, "dev", training.dev)
    test = resolve_split(instance, "test", training.test)
    if training.batch > (count := jax.tree.leaves(train.params)[0].shape[0]):
        raise InputError(
            f"training.batch={training.batch} is more than the {count} training scenarios; lower it"
        )
    if isinstance(config.algorithm, HPOConfig | PPOConfig):
        # Refuses ends that leave none, too.
        trained = range(train.periods)[trained_periods(config.algorithm, train.periods)]
        if isinstance(config.algorithm, PPOConfig) or config.algorithm.epochs > 1:
            check_minibatches(config.algorithm.minibatches, training.batch * len(trained))
    if isinstance(config.policy, EconomicReorderConfig):
        _check_economic_reorder(config)
    policy = _policy_on(instance, train.params, config.policy)
    if hasattr(config.policy, "forecaster"):
        for split in (dev, test):
            check_lead_times(split.params, config.policy.forecaster)
    algorithm = None
    if isinstance(policy, Policy):
        if not policy.trained:  # one update, to measure it on the dev scenarios
            training = dataclasses.replace(training, steps=1, steps_between_dev=1)
            config = dataclasses.replace(config, training=training)
        elif isinstance(config.algorithm, LearnedCriticConfig):
            _check_warm_up(config.algorithm, training)
        example = first_observation(problem, dev.params)
        named = build_algorithm(config, problem, policy, example, train.burn_in)
        # Traced, not run: what does not fit is refused before any optimum is computed.
        jax.eval_shape(named.init, jax.random.key(0))

        def act(variables: PyTree) -> Callable[[PyTree], PyTree]:
            decide = named.act(variables)
            return lambda seen: as_scored(instance, seen, decide(seen))

        algorithm = named._replace(act=act)
    return Experiment(config, instance, problem, policy, algorithm, train, dev, test)


def build_algorithm(
    config: Config, problem: Problem, policy: Policy, example: PyTree, burn_in: int
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
        case HPOConfig():
            if config.algorithm.baseline != "none":
                check_others(config.training.batch)
            return hpo(problem, policy, example, config.algorithm, steps, burn_in)
        case PPOConfig():
            check_others(config.training.batch)
            return ppo(problem, policy, example, config.algorithm, steps, burn_in)
        case RelaxedConfig():
            return relaxed(problem, policy, example, config.algorithm, steps, burn_in)
        case LearnedCriticConfig():
            check_others(config.training.batch)
            return learned_critic(problem, policy, example, config.algorithm, steps, burn_in)
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
        case EconomicReorderConfig():
            return economic_reorder(network, config)
        case WaterFillingConfig():
            return water_filling(network)
        case MLPConfig():
            return mlp(network, config)
        case HybridConfig():
            return hybrid(network, config)
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


def _check_warm_up(algorithm: LearnedCriticConfig, training: TrainingConfig) -> None:
    if algorithm.warm_up >= training.steps:
        raise InputError(
            f"algorithm.warm_up is {algorithm.warm_up}, in which the policy waits, and "
            f"training.steps is {training.steps}, so it would never be trained; raise "
            "training.steps, or lower algorithm.warm_up"
        )


def _check_economic_reorder(config: Config) -> None:
    if not isinstance(config.algorithm, CrossEntropyConfig):
        raise InputError(
            f"algorithm.kind is '{config.algorithm.kind}', but policy.kind economic_reorder orders "
            "at thresholds, of which gradients say nothing; use algorithm=cross_entropy, or train "
            "it in a run of its own"
        )
    edges = config.problem.edges if isinstance(config.problem, InventoryConfig) else {}
    for name, edge in edges.items():
        if edge.order_sizes is not None:
            raise InputError(
                f"problem.edges.{name}.order_sizes is given, but policy.kind economic_reorder "
                "knows of fixed costs alone; leave it out, or use policy=hybrid"
            )


ABOUT_ORDERS = ("choice", "observes", "overall_cover", "orders", "start")
ABOUT_REGULATORS = ("regulator",)
"""Fields of a hybrid policy that say nothing of the other kind of problem."""


def _check_left_out(config: HybridConfig, names: tuple[str, ...], about: str, problem: str) -> None:
    for field in dataclasses.fields(config):
        given = getattr(config, field.name)
        if field.name in names and given != field.default:
            shown = list(given) if isinstance(given, tuple) else given
            raise InputError(
                f"policy.{field.name} is {shown}, which is about {about}, but the problem is "
                f"{problem}; leave it out"
            )


def _policy_on(
    instance: Instance | SwitchedLQR, train: PyTree, config: PolicyConfig
) -> Policy | HindsightPolicy:
    if isinstance(instance, Instance):
        if isinstance(config, HybridConfig):
            _check_left_out(config, ABOUT_REGULATORS, "a switched_lqr", "an inventory network")
        return build_policy(instance.network, train, config)
    if isinstance(config, HybridConfig):
        _check_left_out(config, ABOUT_ORDERS, "orders", "a switched_lqr")
        return hybrid_regulator(instance, config)
    raise InputError(
        f"policy.kind is '{config.kind}', which decides in inventory networks only, but the "
        "problem is a switched_lqr; use policy=hybrid"
    )


def as_scored(instance: Instance | SwitchedLQR, seen: PyTree, action: PyTree) -> PyTree:
    """Actions as they count on dev and test scenarios: orders in whole units where the problem says
    so, and at what they really are, whatever size they were decided to be."""
    if not isinstance(instance, Instance):
        return action
    whole = instance.config.whole_units
    if isinstance(action, SizedOrders):
        if not whole:
            return action.quantity
        from_supply = whole_in_cells(*cell_ends(instance), action)
        return jnp.where(
            sources(instance.network) < 0,
            from_supply,
            whole_units(instance.network, action.quantity, seen.on_hand),
        )
    return whole_units(instance.network, action, seen.on_hand) if whole else action


def dev_scenarios(experiment: Experiment) -> Scenarios:
    """The scenarios on which the best variables are chosen; the same for every policy and seed."""
    key = branch(jax.random.key(experiment.config.problem.seed), Branch.DEV)
    return draw(experiment.problem, experiment.dev.params, key, experiment.dev.periods)
