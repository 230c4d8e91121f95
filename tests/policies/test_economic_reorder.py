"""(s, S) in economic order quantities: what it orders, what it leaves, and how good it is found."""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sized_orders import set_up, store, warehouse
from small_runs import small_config

from neuroinv.build import build
from neuroinv.config import EconomicReorderConfig
from neuroinv.experiment import train
from neuroinv.policies.economic_reorder import economic_reorder
from neuroinv.policies.stock_levels import base_stock
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.instance import build_instance, draw_parameters
from neuroinv.rollout import first_observation
from neuroinv.types import InputError

CONFIG = EconomicReorderConfig("economic_reorder", 1.2, 0.8, 0.5)


@functools.cache
def observed(unmet: Literal["backlogged", "lost"] = "backlogged"):
    """One store with a fixed cost of 5, holding cost 0.5, underage cost 3 and lead time 2: its
    network, what a policy sees of it with nothing in stock, a policy and its first variables."""
    config = dataclasses.replace(store({"fixed_cost": 5}), unmet_demand=unmet)
    instance = build_instance(config)
    problem = inventory_problem(instance.network)
    seen = first_observation(problem, draw_parameters(instance, "dev", 1))
    seen = seen._replace(
        on_hand=jnp.zeros_like(seen.on_hand), pipeline=jnp.zeros_like(seen.pipeline)
    )
    policy = economic_reorder(instance.network, CONFIG)
    return instance.network, seen, policy, policy.init(jax.random.key(0), seen)


@settings(deadline=None)
@given(position=st.floats(-100, 200))
def test_an_item_at_its_reorder_level_is_lifted_by_an_economic_order_beyond_it(position):
    _, seen, policy, variables = observed()
    seen = seen._replace(on_hand=jnp.full_like(seen.on_hand, position))
    demand = float(seen.demand_scale[0])
    level = 1.2 * demand * 3
    economic = np.sqrt(2 * 5 * demand / (0.5 * 3 / 3.5))
    expected = level + 0.8 * economic - position if position <= level else 0.0
    np.testing.assert_allclose(policy.apply(variables, seen).mode(), [expected], rtol=1e-4)


def test_orders_without_a_fixed_cost_are_those_of_base_stock_levels():
    network, seen, policy, variables = observed()
    free = seen._replace(sizes=seen.sizes._replace(fixed_cost=0 * seen.sizes.fixed_cost))
    of_levels = base_stock(network, 1.2)
    expected = of_levels.apply(of_levels.init(jax.random.key(0), seen), free).mode()
    np.testing.assert_allclose(policy.apply(variables, free).mode(), expected, rtol=1e-6)


@pytest.mark.parametrize("unmet", ["lost", "backlogged"])
def test_customers_who_are_not_worth_an_order_are_left_only_where_sales_are_lost(unmet):
    """Demand d earns 3 d a period, and economic orders of it cost a root of d."""
    _, seen, policy, variables = observed(unmet)
    rate = 0.5 * 3 / 3.5
    just = 0.5**2 * 2 * 5 * rate / 3**2
    for demand, orders in ((0.9 * just, unmet == "backlogged"), (1.1 * just, True)):
        seen = seen._replace(demand_scale=jnp.full_like(seen.demand_scale, demand))
        assert bool(policy.apply(variables, seen).mode()[0] > 0) == orders


@pytest.mark.parametrize("there", [(1, 1, 1, 1), (1, 0, 1, 1)])
def test_customers_who_are_there_share_the_fixed_cost_of_a_joint_order(there):
    """Three items share 30 beside 1, 2 and 4 of their own; the fourth pays 100 by itself."""
    instance, params, state = set_up("joint")
    network = instance.network
    seen = inventory_problem(network).observe(params, state)
    seen = seen._replace(present=jnp.array(there, jnp.float32))
    seen = seen._replace(demand_scale=seen.demand_scale * seen.present)
    policy = economic_reorder(network, CONFIG)
    variables = policy.init(jax.random.key(0), seen)
    cost = np.array([1, 2, 4, 100]) + np.array([1, 1, 1, 0]) * 30 / sum(there[:3])
    holding, underage = np.array([0.5, 1, 2, 1]), np.array([4, 4, 4, 6])
    demand = np.asarray(seen.demand_scale)
    level = 1.2 * demand * np.array([2, 2, 2, 4])
    economic = np.sqrt(2 * cost * demand * (holding + underage) / (holding * underage))
    seen = seen._replace(
        on_hand=jnp.zeros_like(seen.on_hand), pipeline=jnp.zeros_like(seen.pipeline)
    )
    orders = policy.apply(variables, seen).mode()
    np.testing.assert_allclose(orders, level + 0.8 * economic, rtol=1e-4, atol=1e-4)


def test_a_warehouse_orders_though_a_store_of_it_is_not_worth_an_order():
    config = dataclasses.replace(warehouse(), unmet_demand="lost")
    instance = build_instance(config)
    problem = inventory_problem(instance.network)
    seen = first_observation(problem, draw_parameters(instance, "dev", 1))
    seen = seen._replace(
        on_hand=jnp.array([50.0, 0.0, 0.0]),
        pipeline=jnp.zeros_like(seen.pipeline),
        demand_scale=jnp.array([20.0, 1e-6]),
    )
    policy = economic_reorder(instance.network, CONFIG)
    of_warehouse, busy, idle = policy.apply(policy.init(jax.random.key(0), seen), seen).mode()
    assert of_warehouse > 0
    assert busy > 0
    assert idle == 0


def test_search_finds_the_optimum_where_it_has_this_form(tmp_path):
    """Backlogged demand and a fixed cost of 64: an (s, S) policy is optimal (Scarf 1960)."""
    given = (
        "problem=fixed_cost_store",
        "policy=economic_reorder",
        "algorithm=cross_entropy",
        "training.train={scenarios: 256, periods: 200, burn_in: 20}",
        "training.dev={scenarios: 256, periods: 200, burn_in: 20}",
        "training.test={scenarios: 256, periods: 400, burn_in: 50}",
        "training.batch=128",
        "training.steps=30",
        "training.steps_between_dev=10",
        "training.seeds=1",
    )
    optimum, found = train(small_config(tmp_path, *given, net=False)).table.rows
    assert found.tested.estimate <= 1.002 * optimum.tested.estimate


REFUSED = {
    ("problem=fixed_cost_store", "algorithm=hdpo"): "use algorithm=cross_entropy",
    ("problem=one_store_lost", "algorithm=cross_entropy"): "use policy=base_stock",
    ("problem=minimum_order_store", "algorithm=cross_entropy"): "order_sizes is given",
    (
        "problem=many_warehouses_10_2",
        "+problem.edges.to_warehouse.fixed_cost=1",
        "algorithm=cross_entropy",
    ): "needs one edge into every location",
}


@pytest.mark.parametrize("given", REFUSED)
def test_what_it_cannot_weigh_or_learn_is_refused(tmp_path, given):
    config = small_config(tmp_path, *given, "policy=economic_reorder", net=False)
    with pytest.raises(InputError, match=REFUSED[given]):
        build(config)
