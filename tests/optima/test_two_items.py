"""The optimum of two items against one item, items ordered apart, and policies it must beat."""

import itertools

import numpy as np
import pytest

from neuroinv.optima import (
    fixed_cost_optimum,
    negative_binomial_pmf,
    periodic_review_optimum,
    poisson_pmf,
    two_item_optimum,
)

SMALL = ([poisson_pmf(1.0), poisson_pmf(0.5)], [1, 0], [1.0, 0.5], [9.0, 4.0])


@pytest.mark.parametrize(("joint_fixed_cost", "printed"), [(20, 0.993), (50, 1.411)])
def test_it_comes_near_what_is_printed_of_a_simulated_optimum(joint_fixed_cost, printed):
    """Per item, procurement included (arXiv 2511.11830, within its simulation's error)."""
    demand = [negative_binomial_pmf(0.7692, 8.4611), negative_binomial_pmf(0.3846, 2.3076)]
    found = two_item_optimum(demand, [0, 0], [0.0385] * 2, [0.9615] * 2, joint_fixed_cost)
    assert (found.cost + 0.1 * 0.7692 + 0.4 * 0.3846) / 2 == pytest.approx(printed, rel=0.01)


def test_without_a_shared_cost_each_item_has_its_own_levels():
    found = two_item_optimum(*SMALL, 0.0, [4.0, 2.0])
    apart = [fixed_cost_optimum(*system) for system in zip(*SMALL, [4.0, 2.0], strict=True)]
    assert found.cost == pytest.approx(sum(one.cost for one in apart), rel=1e-7)
    for item, one in enumerate(apart):
        ordered = np.moveaxis(found.order_up_to, item, 0)[..., item]
        positions = found.lowest[item] + np.arange(len(ordered))
        expected = np.where(positions <= one.reorder_level, one.order_up_to_level, positions)
        np.testing.assert_array_equal(ordered, expected[:, None] + np.zeros_like(ordered))


def test_the_order_of_the_items_does_not_matter():
    fixed = [2.0, 1.0]
    one = two_item_optimum(*SMALL, 6.0, fixed)
    other = two_item_optimum(*(values[::-1] for values in SMALL), 6.0, fixed[::-1])
    assert other.cost == pytest.approx(one.cost, rel=1e-8)
    np.testing.assert_array_equal(other.lowest, one.lowest[::-1])
    np.testing.assert_array_equal(other.order_up_to, np.swapaxes(one.order_up_to, 0, 1)[..., ::-1])


def least_cost(demand, holding, underage, joint_fixed_cost, fixed_costs, levels):
    """By policy iteration over all orders between given levels, without lead time."""
    grid = np.array(list(itertools.product(*levels)))
    costs = np.zeros(len(grid))
    falls = np.ones((len(grid), len(grid)))
    for item, (pmf, at) in enumerate(zip(demand, levels, strict=True)):
        left = grid[:, item, None] - np.arange(pmf.size)
        costs += np.where(left > 0, holding[item] * left, -underage[item] * left) @ pmf
        to = np.zeros((len(at), len(at)))
        for units, chance in enumerate(pmf):
            np.add.at(to, (np.arange(len(at)), np.maximum(np.arange(len(at)) - units, 0)), chance)
        places = grid[:, item] - at[0]
        falls *= to[places][:, places]
    more = grid[None] - grid[:, None]
    paid = joint_fixed_cost * np.any(more > 0, axis=2) + (more > 0) @ np.array(fixed_costs)
    paid = np.where(np.all(more >= 0, axis=2), paid, np.inf)
    orders = np.argmin(paid + costs, axis=1)
    while True:
        system = np.eye(len(grid)) - falls[orders]
        system[:, 0] = 1.0  # the average cost in the place of the first value, which is zero
        found = np.linalg.solve(system, (paid + costs)[np.arange(len(grid)), orders])
        values = np.append(0.0, found[1:])
        of_orders = paid + costs + falls @ values
        better = np.argmin(of_orders, axis=1)
        gain = of_orders[np.arange(len(grid)), orders] - of_orders.min(axis=1)
        if gain.max() < 1e-9:
            return found[0]
        orders = np.where(gain > 1e-9, better, orders)


@pytest.mark.parametrize(
    ("demand", "underage", "joint_fixed_cost", "fixed_costs", "levels"),
    [
        ([poisson_pmf(1.0), poisson_pmf(0.5)], [9.0, 4.0], 6.0, [0.0, 0.0], [(-8, 14), (-8, 12)]),
        ([poisson_pmf(1.0), poisson_pmf(0.5)], [3.0, 4.0], 2.0, [1.0, 9.0], [(-8, 14), (-10, 14)]),
        ([poisson_pmf(2.0), poisson_pmf(0.2)], [3.0, 0.3], 8.0, [0.0, 0.0], [(-10, 17), (-19, 3)]),
        ([np.array([0.0, 1.0]), poisson_pmf(0.5)], [2.0, 2.0], 5.0, [0.5, 0.0], [(-8, 9), (-8, 9)]),
    ],
)
def test_no_orders_between_wider_levels_cost_less(
    demand, underage, joint_fixed_cost, fixed_costs, levels
):
    costs = (demand, [1.0, 0.5], underage, joint_fixed_cost, fixed_costs)
    expected = least_cost(*costs, [np.arange(low, high + 1) for low, high in levels])
    found = two_item_optimum(demand, [0, 0], *costs[1:])
    assert found.cost == pytest.approx(expected, rel=1e-6)
    assert np.all(found.lowest >= [low for low, _ in levels])
    assert np.all(found.order_up_to[0, 0] < [high for _, high in levels])


def test_it_costs_what_its_orders_do_in_a_simulation_and_less_than_simpler_policies():
    demand, _, holding, underage = SMALL
    fixed, periods, paths = 6.0, 4000, 200
    found = two_item_optimum(demand, [1, 1], holding, underage, fixed)
    holding, underage = np.array(holding), np.array(underage)
    assert found.cost < 0.995 * periodic_review_optimum(demand, 1, holding, underage, fixed).cost
    apart = [
        fixed_cost_optimum(*system, fixed).cost
        for system in zip(demand, [1, 1], holding, underage, strict=True)
    ]
    assert found.cost < 0.92 * sum(apart)

    drawn = np.random.default_rng(0).poisson([1.0, 0.5], (periods, paths, 2))
    position, costs = np.full((paths, 2), 5), []
    for now in range(periods - 1):
        row, column = np.maximum(position - found.lowest, 0).T
        after = found.order_up_to[row, column]
        left = after - drawn[now] - drawn[now + 1]
        stock = np.where(left > 0, holding * left, -underage * left).sum(axis=1)
        costs.append(stock + fixed * np.any(after > position, axis=1))
        position = after - drawn[now]
    of_paths = np.mean(costs[100:], axis=0)
    error = of_paths.std() / paths**0.5
    assert of_paths.mean() == pytest.approx(found.cost, abs=4 * error)
    assert error < 0.005 * found.cost


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lead_times": [1]}, "lead_times is of 1 items"),
        ({"holding_cost": [1.0, 0.0]}, "holding_cost is 0"),
        ({"lead_times": [1, -1]}, "lead_time is -1"),
        ({"joint_fixed_cost": -1.0}, "fixed_cost is -1"),
        ({"probabilities": [[0.5, 0.5], [1.0]]}, "all on demand 0"),
    ],
)
def test_bad_arguments_are_named(given, said):
    names = ("probabilities", "lead_times", "holding_cost", "underage_cost")
    arguments = dict(zip(names, SMALL, strict=True)) | {"joint_fixed_cost": 6.0} | given
    with pytest.raises(ValueError, match=said):
        two_item_optimum(**arguments)


def test_demand_in_too_small_units_is_refused():
    demand = [poisson_pmf(400.0), poisson_pmf(300.0)]
    with pytest.raises(RuntimeError, match="give demand in larger units"):
        two_item_optimum(demand, [0, 0], [1.0, 1.0], [9.0, 9.0], 20_000.0)
