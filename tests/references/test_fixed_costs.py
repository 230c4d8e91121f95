"""References of orders with a fixed cost: exact ones are what simulations cost, others the best
that is found."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import sales_file
from small_runs import small_config, small_mapping

from neuroinv.build import build
from neuroinv.config import parse
from neuroinv.references import fixed_costs, joint_orders, references
from neuroinv.references.joint_orders import SearchPaths
from neuroinv.rollout import greedy, total
from neuroinv.scoring import costs_on_test

SPLITS = ("train", "dev", "test")
LONG = "training.test={scenarios: 256, periods: 500, burn_in: 100}"


def simulated(experiment, reference) -> tuple[float, float]:
    """Mean cost on the test paths, and four standard errors of it."""
    act = greedy(reference.policy, reference.variables)
    ahead = reference.name == "best (R, S)"
    costs = np.asarray(jax.jit(lambda: total(costs_on_test(experiment, act, ahead)))())
    return costs.mean(), 4 * costs.std() / np.sqrt(len(costs))


def test_one_backlogged_item_has_its_exact_levels(tmp_path):
    experiment = build(small_config(tmp_path, "problem=fixed_cost_store", LONG))
    (optimum,) = references(experiment.instance)
    assert optimum.is_bound
    assert optimum.detail == "(s, S)=(26, 62)"
    assert optimum.exact == pytest.approx(37.064, abs=1e-3)
    tested, error = simulated(experiment, optimum)
    assert tested == pytest.approx(optimum.exact, abs=error)
    assert error < 0.02 * optimum.exact


def test_a_fixed_cost_shared_with_nobody_or_drawn_from_a_range_is_one_like_any_other(tmp_path):
    ways = (
        ["problem.edges.order.fixed_cost=30", "+problem.edges.order.joint_fixed_cost=34"],
        ["problem.edges.order.fixed_cost={low: 64, high: 64.0001}"],
    )
    for given in ways:
        config = small_config(tmp_path, "problem=fixed_cost_store", *given)
        (optimum,) = references(build(config).instance)
        assert optimum.exact == pytest.approx(37.064, abs=1e-3)


def test_what_a_unit_costs_is_paid_for_all_demand_of_one_item(tmp_path):
    given = ["problem=fixed_cost_store", "+problem.edges.order.procurement_cost=1.5"]
    (optimum,) = references(build(small_config(tmp_path, *given)).instance)
    assert optimum.exact == pytest.approx(37.064 + 15, abs=1e-3)


LATE = "problem=size_lead_time_store problem.initial_inventory=[0,0]"


@pytest.mark.parametrize(
    ("problem", "cost"),
    [
        ("problem=minimum_order_store", 17.385),
        ("problem=step_fixed_cost_store", 29.342),
        ("problem=bulk_discount_store", 38.031),
        (LATE, 6.719),
        (f"{LATE} problem.unmet_demand=backlogged", 8.393),
    ],
)
def test_one_item_has_its_optimum_wherever_costs_or_lead_times_jump(tmp_path, problem, cost):
    """Of whole orders; costs by dynamic programs written apart from this package."""
    experiment = build(small_config(tmp_path, *problem.split(), LONG))
    (optimum,) = references(experiment.instance)
    assert optimum.is_bound
    assert optimum.exact == pytest.approx(cost, abs=1e-3)
    tested, error = simulated(experiment, optimum)
    assert tested == pytest.approx(optimum.exact, abs=error)
    assert error < 0.02 * optimum.exact


def test_lost_sales_with_too_many_states_have_no_reference(tmp_path):
    given = ("problem=fixed_cost_store", "problem.unmet_demand=lost", "problem.demand.mean=100")
    assert references(build(small_config(tmp_path, *given)).instance) == ()


def test_a_lost_sale_has_its_optimum_and_capped_levels_that_cost_what_they_say(tmp_path):
    given = [
        "problem=fixed_cost_store",
        "problem.unmet_demand=lost",
        "problem.demand.mean=3",
        "problem.edges.order={source: supplier, destination: store, lead_time: 1, fixed_cost: 20}",
    ]
    experiment = build(small_config(tmp_path, *given, LONG))
    optimum, capped = references(experiment.instance)
    assert optimum.is_bound
    assert optimum.exact <= capped.exact < 1.05 * optimum.exact
    for one in (optimum, capped):
        tested, error = simulated(experiment, one)
        assert tested == pytest.approx(one.exact, abs=error)


def test_an_item_with_drawn_costs_has_the_optimum_of_one_with_these_costs(tmp_path):
    drawn = ["problem=joint_replenishment", "problem.nodes.item.count=1"]
    drawn += ["problem.edges.order.joint_fixed_cost=64"]
    (optimum,) = references(build(small_config(tmp_path, *drawn)).instance)
    given = ["problem.nodes.item.holding_cost=1.085614", "problem.demand.mean=7.988"]
    given += ["problem.nodes.item.underage_cost=10.236674"]
    (same,) = references(build(small_config(tmp_path, *drawn, *given)).instance)
    assert optimum.exact == pytest.approx(same.exact, rel=1e-6)
    assert optimum.detail == same.detail


@pytest.fixture
def quick(monkeypatch):
    """A search on fewer paths, from the best start alone."""
    monkeypatch.setattr(fixed_costs, "LONG_PATHS", SearchPaths(8, 84, 16, cycles=10))
    monkeypatch.setattr(joint_orders, "TRIED_FURTHER", 1)


@pytest.fixture
def unsearched(quick, monkeypatch):
    """No search but among reviews: the first start stands for what would be found."""
    monkeypatch.setattr(joint_orders, "_search", lambda cost_of, starts, step: starts[0])


def items(tmp_path, *overrides, count=3):
    given = ["problem=joint_replenishment", f"problem.nodes.item.count={count}"]
    shared = f"problem.edges.order.joint_fixed_cost={64 * count}"
    return build(small_config(tmp_path, *given, shared, LONG, *overrides))


def test_items_that_share_a_fixed_cost_have_three_policies_at_their_best(tmp_path, quick):
    experiment = items(tmp_path)
    review, joint, can = references(experiment.instance)
    assert [one.name for one in (review, joint, can)] == [
        "best (R, S)",
        "best (Q, S)",
        "best can-order",
    ]
    assert not any(one.is_bound for one in (review, joint, can))
    assert review.exact / 3 == pytest.approx(37.406, abs=0.01)  # spec 4.1
    tested, error = simulated(experiment, review)
    assert tested == pytest.approx(review.exact, abs=error)
    for found in (joint, can):
        assert found.exact is None
        assert simulated(experiment, found)[0] < 1.02 * tested
    cost_of = joint_orders._simulated_cost(experiment.instance, fixed_costs.LONG_PATHS, 10.0)
    levels = joint.variables
    best = cost_of(joint.policy, levels)
    for quantity in (0.0, 50.0, 200.0):
        assert best <= cost_of(joint.policy, levels._replace(quantity=jnp.float32(quantity)))
    levels = can.variables
    assert np.all(levels.must_order_level <= levels.can_order_level)
    assert np.all(levels.can_order_level <= levels.order_up_to_level)
    alone = levels._replace(can_order_level=levels.must_order_level)
    assert cost_of(can.policy, levels) < cost_of(can.policy, alone)


def test_two_slow_items_are_compared_with_their_optimum(tmp_path, quick):
    """An order of theirs lasts for forty periods. Demand is large and rare, so that none is worth
    its fixed cost while anything is left."""
    experiment = build(small_config(tmp_path, "problem=joint_replenishment_2", LONG))
    optimum, review, joint, can = references(experiment.instance)
    assert optimum.name == "optimum"
    assert optimum.is_bound
    assert optimum.exact / 2 == pytest.approx(1.4089, abs=1e-4)
    assert np.all(can.variables.must_order_level < 0)
    tested, error = simulated(experiment, optimum)
    assert tested == pytest.approx(optimum.exact, abs=error)
    costs = [simulated(experiment, one) for one in (can, joint, review)]
    assert costs[0][0] < 1.05 * optimum.exact
    assert all(cost > optimum.exact - error for cost, error in costs)
    assert costs[0][0] < costs[1][0] < costs[2][0]
    cost_of = joint_orders._simulated_cost(experiment.instance, fixed_costs.LONG_PATHS, 95.0)
    quantity, levels = joint.variables
    for more in (0.25, 0.5, 1.0, 2.0):
        for higher in (0.5, 1.0, 2.0):
            other = joint.variables._replace(
                quantity=more * quantity, order_up_to_level=jnp.round(higher * levels)
            )
            assert cost_of(joint.policy, joint.variables) <= cost_of(joint.policy, other)


def test_a_search_ends_no_worse_than_its_best_start():
    def cost_of(point):
        return float(np.round(np.sum((point - 3.3) ** 2), 1))

    starts = [np.array([0.5, 0.5]), np.array([4.0, 4.0]), np.array([9.0, 1.0])]
    found = joint_orders._search(cost_of, starts, np.array([0.5, 0.5]))
    assert cost_of(found) <= min(cost_of(start) for start in starts)
    np.testing.assert_allclose(found, 3.3, atol=0.3)


def test_of_a_few_items_the_own_numbers_of_each_are_searched(monkeypatch):
    goal = np.array([[3.0, 3.0, 3.0], [1.0, 5.0, -2.0]])

    def searched(pays):
        def cost_of(point, further=False):
            sign = 1 if pays or not further else -1
            return sign * float(np.sum((point.reshape(2, -1) - goal) ** 2))

        shared, steps = np.array([2.0, 2.0]), np.array([0.5, 0.5])
        return joint_orders._refined(cost_of, shared, steps, slice(1, 2), 3)

    np.testing.assert_allclose(searched(pays=True), [[2.0, 2.0, 2.0], goal[1]], atol=0.1)
    np.testing.assert_array_equal(searched(pays=False), [2.0, 2.0])
    monkeypatch.setattr(joint_orders, "FEW_ITEMS", 2)
    np.testing.assert_array_equal(searched(pays=True), [2.0, 2.0])


def test_what_is_bought_counts_in_the_exact_cost(tmp_path, unsearched):
    """Two slow items with negative binomial demand and unit costs (arXiv 2511.11830)."""
    experiment = build(small_config(tmp_path, "problem=joint_replenishment_2", LONG))
    optimum, review, *_ = references(experiment.instance)
    tested, error = simulated(experiment, review)
    assert tested == pytest.approx(review.exact, abs=error)
    free = ["problem=joint_replenishment_2", "problem.edges.order.procurement_cost=0"]
    without = references(build(small_config(tmp_path, *free)).instance)[:2]
    for paid, unpaid in zip((optimum, review), without, strict=True):
        assert paid.name == unpaid.name
        assert paid.exact - unpaid.exact == pytest.approx(0.1 * 0.7692 + 0.4 * 0.3846, abs=1e-4)


def listed(tmp_path, *order):
    """Two items unlike each other, whose edges share nothing and are listed as asked."""
    mapping = small_mapping(tmp_path, "problem=joint_replenishment")
    cheap = {"kind": "demand", "holding_cost": 0.2, "underage_cost": 2.0}
    dear = {"kind": "demand", "holding_cost": 2.0, "underage_cost": 18.0}
    edges = {
        name: {"source": "supplier", "destination": name, "lead_time": lead_time, "fixed_cost": 30}
        for name, lead_time in (("cheap", 0), ("dear", 2))
    }
    problem = mapping["problem"]
    nodes = {"supplier": {"kind": "supply"}, "cheap": cheap, "dear": dear}
    demand = {"distribution": "poisson", "mean": [12.0, 4.0]}
    problem |= {"nodes": nodes, "edges": {name: edges[name] for name in order}, "demand": demand}
    return build(parse(mapping))


def test_the_order_in_which_edges_are_listed_is_of_no_account(tmp_path, unsearched):
    one, other = (listed(tmp_path, *order) for order in (("cheap", "dear"), ("dear", "cheap")))
    for found, same in zip(references(one.instance), references(other.instance), strict=True):
        up_to = np.asarray(found.variables.order_up_to_level)
        np.testing.assert_array_equal(same.variables.order_up_to_level, up_to[::-1])


def test_items_that_share_nothing_are_reviewed_by_simulation(tmp_path, unsearched):
    review, *_ = references(listed(tmp_path, "cheap", "dear").instance)
    assert review.name == "best (R, S)"
    assert review.exact is None


def test_items_that_lose_sales_are_reviewed_by_simulation(tmp_path, unsearched):
    """A review every period pays the joint cost every period."""
    experiment = items(tmp_path, "problem.unmet_demand=lost")
    review, *others = references(experiment.instance)
    assert [one.name for one in others] == ["best (Q, S)", "best can-order"]
    assert review.exact is None
    cost, _ = simulated(experiment, review)
    always = review.variables._replace(review_periods=jnp.int32(1))
    assert cost < 0.8 * simulated(experiment, review._replace(variables=always))[0]


PARTS = "problem.whole_units=false"
NO_LIMIT = "problem.edges.order.order_sizes.most=1e13"
BY_SIZE = "{breakpoints: [40], values: [1, 3]}"
SILENT = [
    ["problem=minimum_order_store", PARTS],
    ["problem=bulk_discount_store", PARTS],
    ["problem=size_lead_time_store", PARTS],
    ["problem=minimum_order_store", f"+problem.edges.order.order_sizes.lead_time={BY_SIZE}"],
    ["problem=fixed_cost_store", "problem.objective=profit", "problem.unmet_demand=lost"],
    ["problem=fixed_cost_store", "problem.unmet_demand=lost", "problem.edges.order.lead_time=3"],
    [
        "problem=fixed_cost_store",
        "problem.unmet_demand=lost",
        "problem.edges.order.lead_time=70",
        "problem.lead_time_bound=70",
    ],
    ["problem=minimum_order_store", NO_LIMIT],
    ["problem=minimum_order_store", NO_LIMIT, "problem.unmet_demand=lost"],
    [
        "problem=fixed_cost_store",
        "problem.edges.order.fixed_cost={low: 1, high: 9, vary: scenario}",
    ],
    ["problem=joint_replenishment", "problem.nodes.item.underage_cost=0"],
    ["problem=joint_replenishment", "problem.nodes.item.holding_cost=0"],
    ["problem=one_warehouse_lost", "+problem.edges.to_store.fixed_cost=5"],
]


@pytest.mark.parametrize("overrides", SILENT)
def test_theory_is_silent_outside_its_assumptions(tmp_path, overrides):
    assert references(build(small_config(tmp_path, *overrides)).instance) == ()


@pytest.mark.parametrize(("fixed_cost", "whole"), [(0, False), (0, True), (5, False)])
def test_just_in_time_is_a_bound_only_where_orders_are_free(tmp_path, fixed_cost, whole):
    """It orders every unit by itself, which may cost more than waiting saves, and of sales that are
    not whole misses a part where orders are."""
    sales = f"problem.demand.path={sales_file(tmp_path, weeks=150)}"
    given = ["problem=real_fixed_cost_store", f"problem.edges.order.fixed_cost={fixed_cost}"]
    given += [f"problem.whole_units={whole}"]
    weeks = ["train=[0,60]", "dev=[50,110]", "test=[100,150]"]
    given += [f"problem.demand.{split}" for split in weeks]
    columns = "problem.demand.columns={location: location, quantity: quantity}"
    every = [f"training.{s}={{scenarios: null, periods: null, burn_in: 8}}" for s in SPLITS]
    config = small_config(tmp_path, *given, sales, columns, *every, "training.batch=6")
    (just_in_time,) = references(build(config).instance)
    assert just_in_time.is_bound == (not fixed_cost and not whole)
