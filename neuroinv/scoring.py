"""Costs on the test scenarios, which every policy meets once, and the table of them."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float64, PyTree

from neuroinv.analysis.statistics import Interval, mean_interval
from neuroinv.analysis.table import Row, Table
from neuroinv.build import Experiment, as_scored
from neuroinv.keys import Branch, branch
from neuroinv.references import Reference, exact_costs, fitted_level
from neuroinv.rollout import Act, greedy, total
from neuroinv.scenarios import in_chunks
from neuroinv.training.evaluation import BLOCK, streamed_average_costs
from neuroinv.types import HindsightPolicy, Policy

MOST_LEVELS = 3  # of the seeds' fitted levels, shown in the table


def score(
    experiment: Experiment,
    variables: PyTree,
    known: tuple[Reference, ...],
    compared: list[Row],
) -> Table:
    """The final table: references, rows of policies that were trained for comparison, and the run's
    own policy with the variables of every seed, all on the same test paths."""
    config, profit, policy = experiment.config, experiment.profit, experiment.policy
    sign = -1.0 if profit else 1.0
    if isinstance(policy, Policy):
        of_seeds = [
            jax.tree.map(lambda leaf, i=seed: leaf[i], variables)
            for seed in range(config.training.seeds)
        ]
        exact = exact_costs(experiment.instance, config.policy, policy, of_seeds)
        detail = ", ".join(
            filter(None, (fitted_level(experiment.instance, one) for one in of_seeds[:MOST_LEVELS]))
        )
        mean_exact = None if exact is None else float(np.mean(exact))
        costs = _costs_of_seeds(experiment, policy, variables)
    else:
        mean_exact, detail = None, ""
        act = greedy(policy, variables)
        costs = jax.tree.map(lambda of_one: of_one[None], costs_on_test(experiment, act, True))
    own, own_parts = _in_total(costs, sign)
    rows = []
    for reference in known:
        tested, error, paired, parts = None, None, None, None
        if reference.policy is not None:
            act = greedy(reference.policy, reference.variables)
            hindsight = isinstance(reference.policy, HindsightPolicy)
            values, parts = _in_total(costs_on_test(experiment, act, hindsight), sign)
            mean = float(np.mean(values))
            tested, error = Interval(mean, mean, mean), _standard_error(values)
            paired = mean_interval(np.mean(own, axis=0) - values)
        named = (reference.name, reference.detail, reference.exact)
        rows.append(Row(*named, tested, error, paired, parts))
    rows += compared
    error = float(np.mean([_standard_error(of_seed) for of_seed in own]))
    tested = mean_interval(np.mean(own, axis=1))
    rows.append(Row(config.policy.kind, detail, mean_exact, tested, error, None, own_parts))
    bound = next((reference.name for reference in known if reference.is_bound), None)
    return Table(config.problem.name, config.policy.kind, profit, bound, tuple(rows))


def _in_total(costs: Any, sign: float) -> tuple[Float64[np.ndarray, "*paths"], dict[str, float]]:
    """The sum of named costs, path by path, and the mean of each; profits for a negative sign."""
    parts = {
        name: sign * float(np.mean(values)) + 0.0  # no minus before a zero
        for name, values in costs._asdict().items()
    }
    return sign * np.asarray(total(costs), np.float64), parts


def _standard_error(values: Float64[np.ndarray, " paths"]) -> float:
    return float(np.std(values) / np.sqrt(len(values)))


def _costs_of_seeds(experiment: Experiment, policy: Policy, variables: PyTree) -> Any:
    """Average cost per counted period of each seed on each test scenario, by name; leaves are
    `[seeds, paths]`."""
    chunk = experiment.config.training.seed_chunk

    # Parameters are an argument: as constants they would make another program of every problem.
    def of_all(of_seeds: PyTree, params: PyTree) -> PyTree:
        test = experiment._replace(test=experiment.test._replace(params=params))
        return in_chunks(
            lambda one: costs_on_test(test, greedy(policy, one), False), chunk, of_seeds
        )

    return jax.jit(of_all)(variables, experiment.test.params)


def costs_on_test(experiment: Experiment, act: Act, hindsight: bool) -> Any:
    """Average cost per counted period of each test scenario, by name, always on the same paths;
    leaves are `[paths]`."""
    config, test = experiment.config, experiment.test
    recorded = getattr(experiment.instance, "table", None) is not None
    block = test.periods if recorded else min(BLOCK, test.periods)
    key = branch(jax.random.key(config.problem.seed), Branch.TEST)
    return streamed_average_costs(
        experiment.problem,
        scored_act(experiment, act),
        test.params,
        key,
        test.periods,
        test.burn_in,
        block,
        hindsight,
    )


def scored_act(experiment: Experiment, act: Act) -> Act:
    """What a policy does as it counts on dev and test scenarios (`as_scored`)."""

    def scored(observation: PyTree, noise: PyTree, period: Array) -> PyTree:
        orders = act(observation, noise, period)
        return as_scored(experiment.instance, observation, orders)

    return scored
