"""Classical policies of joint replenishment, fitted to the window in which costs are counted.

    python experiments/joint_replenishment_window.py

`joint_replenishment.py` compares HPO in the 84 counted periods of a protocol in which all paths
start in step, with policies that are the best in the long run. Here levels of (Q, S) and of
can-order are searched in that very window, on 256 paths of their own, and (R, S) is tried with
other review periods, each with its best levels: of reviews every five periods 16 are counted, not
16.8. All are scored on the test paths, per item and period. `best` is the one to compare with.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from cells import QUICK, composed, option, origin, write_table
from figures import Figure
from joint_replenishment import overrides

from neuroinv import optima
from neuroinv.build import build
from neuroinv.policies.reorder import PeriodicReview, periodic_review
from neuroinv.problems.inventory.demand import Discrete
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.inventory.network import destinations
from neuroinv.references.fixed import fixed_parameters
from neuroinv.references.joint_orders import SearchPaths, by_item, joint_order_references
from neuroinv.rollout import greedy, total
from neuroinv.scoring import costs_on_test

REVIEWS = (3, 4, 5, 6)
SEARCHED = {"best (Q, S)": "quantity", "best can-order": "can_order"}


def row(items: int) -> dict:
    """Costs in the window of every policy for one number of items."""
    experiment = build(composed(overrides(items, 64, "hybrid", 8192, 16)))
    instance, window = experiment.instance, experiment.config.training.test
    assert isinstance(instance, Instance)
    params = fixed_parameters(instance)
    assert params is not None
    assert params.sizes is not None
    assert isinstance(params.demand, Discrete)
    counted = window.periods - window.burn_in
    paths = SearchPaths(256, counted, window.burn_in, cycles=0)

    def cost(policy, variables) -> float:
        costs = total(costs_on_test(experiment, greedy(policy, variables), False))
        return float(np.mean(np.asarray(costs, np.float64))) / items

    costs = {}
    for review in REVIEWS:
        levels = optima.periodic_review_policy(
            review,
            by_item(params.demand, destinations(instance.network)),
            int(params.lead_time[0]),
            np.asarray(params.holding_cost, np.float64),
            np.asarray(params.underage_cost, np.float64),
            float(params.sizes.joint_fixed_cost[0]),
        ).levels
        variables = PeriodicReview(jnp.int32(review), jnp.asarray(levels, jnp.float32))
        costs[f"review_of_{review}"] = cost(periodic_review(instance.network), variables)
    for one in joint_order_references(instance, params, paths):
        if one.name in SEARCHED:
            costs[SEARCHED[one.name]] = cost(one.policy, one.variables)
    return {"items": items, **costs, "best": min(costs, key=costs.__getitem__), **origin()}


if __name__ == "__main__":
    counts = option("items", (3,) if QUICK else (10, 20, 40, 50, 60))
    figure = Figure(
        "items",
        (*(f"review_of_{review}" for review in REVIEWS), *SEARCHED.values()),
        "cost per item and period",
    )
    write_table("joint_replenishment_window", ("items",), map(int, counts), row, figure)
