"""How good the estimators of the gradient are, from the first update to the last.

    python experiments/gradient_diagnostics.py

Joint replenishment, trained with mixed gradients from orders at random. At some updates the
gradient of the net that says how much to order is estimated from 1,024 new scenarios, four times,
by the pathwise part alone, by the cross term alone, by both (mixed), and by the score function with
noise of one on the outputs. Of 100 random splits into two halves of 512 scenarios with means a and
b:

    alignment   cosine of a and b         signal  a . b         noise  |a - b|^2 / 2

(arXiv 2605.14297, section on gradient quality; the score function there aligns at 1 to 3 items and
not beyond, and near the optimum the noise of the cross term decides that of the sum.) The signal of
the net that chooses regimes, `regime_signal`, says how far these are from a best response to the
orders, at which the cross term vanishes; beside it stands the share of the cross term in the signal
of the orders. The scenarios are not those of training, whose mean gradient training drives to
nothing.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from cells import QUICK, composed, option, origin, write_table
from figures import Figure
from jax.flatten_util import ravel_pytree

from neuroinv.build import build, dev_scenarios
from neuroinv.gradients import (
    cost_to_go,
    gradients_by_scenario,
    mixed,
    moments_of_others,
    same_log_std,
    score_function,
)
from neuroinv.rollout import Sampled, average_costs, draw, total
from neuroinv.types import Scenarios

CHUNK = 64  # scenarios whose gradients are held at once
ESTIMATORS = ("pathwise", "cross term", "mixed", "score function")


class Sizes(NamedTuple):
    """How much is looked at."""

    updates: tuple[int, ...]
    scenarios: int = 1024
    draws: int = 4
    splits: int = 100


SIZES = (
    Sizes((0, 50, 200), draws=2)
    if QUICK
    else Sizes((0, 1, 2, 3, 5, 7, 10, 25, 50, 100, 200, 400, 800, 1600))
)
ITEMS = (3,) if QUICK else (1, 3, 10, 20)


def of_others(sampled: Sampled) -> jax.Array:
    """The baseline: the mean cost to go of the other scenarios."""
    return moments_of_others(cost_to_go(sampled.cost))[0]


def snapshots(items: int, sizes: Sizes) -> list[dict[str, Any]]:
    """Dev cost and the quality of every estimator, draw by draw, at some updates."""
    config = composed(
        [
            "experiment=joint_replenishment",
            f"problem.nodes.item.count={items}",
            f"problem.edges.order.joint_fixed_cost={64 * items}",
            f"training.train.scenarios={sizes.scenarios}",
            "algorithm.first_decisions=0",
            "algorithm.last_decisions=0",
            "policy.start=none",
        ]
    )
    experiment = build(config)
    problem, policy, algorithm = experiment.problem, experiment.policy, experiment.algorithm
    assert algorithm is not None
    burn_in, periods = experiment.train.burn_in, experiment.train.periods
    drawn = jax.jit(lambda key: draw(problem, experiment.train.params, key, periods))
    scenarios = drawn(jax.random.key(0))
    dev = dev_scenarios(experiment)

    def of_net(gradients: Any, name: str) -> jax.Array:
        return jax.vmap(lambda one: ravel_pytree(one["params"][name])[0])(gradients)

    @jax.jit
    def by_estimator(variables: Any, part: Scenarios, keys: jax.Array) -> dict[str, jax.Array]:
        observation = problem.observe(*jax.tree.map(lambda leaf: leaf[0], part[:2]))
        log_std = same_log_std(policy, variables, observation, 1.0)
        ways = {
            "mixed": lambda at: mixed(policy, at),
            "pathwise": lambda at: mixed(policy, at, cross_term=False),
            "score function": lambda at: score_function(policy, at, lambda seen: log_std),
        }
        found = {
            name: gradients_by_scenario(problem, way, variables, part, keys, of_others, burn_in)
            for name, way in ways.items()
        }
        of_orders = {name: of_net(gradients, "action") for name, gradients in found.items()}
        cross_term = of_orders["mixed"] - of_orders["pathwise"]
        return of_orders | {"cross term": cross_term, "regimes": of_net(found["mixed"], "regime")}

    def measured(variables: Any, key: jax.Array) -> dict[str, dict[str, float]]:
        of_paths, of_decisions = jax.random.split(key)
        fresh = drawn(of_paths)
        keys = jax.random.split(of_decisions, (sizes.scenarios, periods))
        parts = [
            by_estimator(
                variables,
                jax.tree.map(lambda leaf, i=first: leaf[i : i + CHUNK], fresh),
                keys[first : first + CHUNK],
            )
            for first in range(0, sizes.scenarios, CHUNK)
        ]
        return {
            name: quality(np.concatenate([part[name] for part in parts]), sizes.splits)
            for name in parts[0]
        }

    @jax.jit
    def dev_cost(variables: Any) -> jax.Array:
        act = algorithm.act(variables)
        return jnp.mean(total(average_costs(problem, lambda o, n, t: act(o), dev, burn_in)))

    update = jax.jit(algorithm.update)
    generator = np.random.default_rng(0)
    state, found, done = jax.jit(algorithm.init)(jax.random.key(config.seed)), [], 0
    for wanted in sizes.updates:
        while done < wanted:
            chosen = generator.choice(sizes.scenarios, config.training.batch, replace=False)
            state, _ = update(state, jax.tree.map(lambda leaf, at=chosen: leaf[at], scenarios))
            done += 1
        of_update = jax.random.fold_in(jax.random.key(1), done)
        draws = [measured(state.variables, key) for key in jax.random.split(of_update, sizes.draws)]
        cost = float(dev_cost(state.variables)) / items
        found.append({"updates": done, "dev_cost": cost, "draws": draws})
        print(f"  {items} items, {done} updates: {cost:.3f}", flush=True)
    return found


def quality(gradients: np.ndarray, splits: int) -> dict[str, float]:
    """Alignment, signal and noise over random splits in halves."""
    generator = np.random.default_rng(0)
    measured = []
    for _ in range(splits):
        order = generator.permutation(len(gradients))
        half = len(order) // 2
        a, b = gradients[order[:half]].mean(axis=0), gradients[order[half:]].mean(axis=0)
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        measured.append((a @ b / max(lengths, 1e-30), a @ b, np.sum((a - b) ** 2) / 2))
    return dict(zip(("alignment", "signal", "noise"), np.mean(measured, axis=0), strict=True))


def share(pathwise: float, cross_term: float) -> float | None:
    """That of the cross term in the signal of both; None where noise hides one of them, which is
    where its estimate is negative."""
    if min(pathwise, cross_term) <= 0:
        return None
    return float(1 - pathwise / (pathwise + cross_term))


TAKEN: dict[int, list[dict[str, Any]]] = {}


def row(cell: tuple[int, int, str]) -> dict:
    """One cell of the table."""
    items, index, estimator = cell
    if items not in TAKEN:
        TAKEN[items] = snapshots(items, SIZES)
    taken = TAKEN[items][index]
    least = min(one["dev_cost"] for one in TAKEN[items])

    def of_draws(name: str, what: str) -> np.ndarray:
        return np.asarray([draw[name][what] for draw in taken["draws"]])

    pathwise, cross_term, of_regimes = (
        float(of_draws(name, "signal").mean()) for name in ("pathwise", "cross term", "regimes")
    )
    alignment = of_draws(estimator, "alignment")
    return {
        "items": items,
        "updates": taken["updates"],
        "estimator": estimator,
        "dev_cost": taken["dev_cost"],
        "percent_above_least": 100 * (taken["dev_cost"] / least - 1),
        "alignment": float(alignment.mean()),
        "alignment_lowest": float(alignment.min()),
        "alignment_highest": float(alignment.max()),
        "signal": float(of_draws(estimator, "signal").mean()),
        "noise": float(of_draws(estimator, "noise").mean()),
        "regime_signal": of_regimes,
        "cross_share_of_signal": share(pathwise, cross_term),
        **origin(),
    }


if __name__ == "__main__":
    counts = [int(count) for count in option("items", ITEMS)]
    cells = itertools.product(counts, range(len(SIZES.updates)), ESTIMATORS)
    figure = Figure(
        "updates",
        ("alignment",),
        "cosine of two halves of the scenarios",
        lines=("estimator",),
        panel="items",
        log_x=True,
    )
    above_least, signal, noise = (
        Figure(
            "percent_above_least",
            (column,),
            label,
            lines=("estimator",),
            panel="items",
            log_x=True,
            log_values=column != "alignment",
        )
        for column, label in (
            ("alignment", "cosine of two halves of the scenarios"),
            ("signal", "signal: inner product of two halves"),
            ("noise", "noise: squared distance of two halves, halved"),
        )
    )
    cross_term = Figure(
        "regime_signal",
        ("cross_share_of_signal",),
        "share of the cross term in the signal",
        lines=("items",),
        log_x=True,
    )
    write_table(
        "gradient_diagnostics",
        ("items", "updates", "estimator"),
        cells,
        row,
        figure,
        above_least=above_least,
        signal=signal,
        noise=noise,
        cross_term=cross_term,
    )
