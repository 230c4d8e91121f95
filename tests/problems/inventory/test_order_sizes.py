"""Costs and lead times that jump with the size of an order: as by hand, and smooth in between."""

from __future__ import annotations

import bisect
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import (
    central_differences,
    first,
    in_x64,
    numbers,
    open_loop,
    period_costs,
    problem_config,
    trajectory,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sized_orders import SIZES, STEPS, own_cells, set_up, store, warehouse
from small_runs import small_mapping

from neuroinv.config import parse
from neuroinv.problems.inventory.dynamics import Noise, inventory_problem
from neuroinv.problems.inventory.instance import build_instance, cell_ends, draw_parameters
from neuroinv.problems.inventory.order_sizes import SizedOrders, whole_in_cells
from neuroinv.types import InputError, Scenarios

PERIODS = 8


def step_value(steps, size) -> float:
    return steps["values"][bisect.bisect_right(steps["breakpoints"], size)]


def rules(edge, order) -> tuple[float, float, float, int]:
    """What is delivered of an order, its fixed cost, its unit cost and its lead time."""
    sizes = edge.get("order_sizes", {})
    size = min(order, sizes.get("most", np.inf))
    if size <= 0 or size < sizes.get("least", 0):
        return 0.0, 0.0, 0.0, 0
    jumps = {name: step_value(sizes[name], size) for name in sizes if name not in ("least", "most")}
    fixed = edge.get("fixed_cost", 0) + jumps.get("fixed_cost", 0)
    unit = edge.get("procurement_cost", 0) + jumps.get("procurement_cost", 0)
    return size, fixed, unit, jumps.get("lead_time", 2)


def costs_by_hand(edge, orders, demand) -> np.ndarray:
    """A backlogged store that starts empty, in plain Python."""
    arrivals, stock, costs = np.zeros(len(orders) + 9), 0.0, []
    for period, (order, wanted) in enumerate(zip(orders, demand, strict=True)):
        size, fixed, unit, lead_time = rules(edge, order)
        arrivals[period + lead_time] += size
        stock += arrivals[period] - wanted
        costs.append(fixed + unit * size + max(0.5 * stock, -3.0 * stock))
    return np.array(costs)


@functools.cache
def simulated(name):
    """Costs of the periods, and of every kind, as a compiled function of orders and demand."""
    instance = build_instance(store(SIZES[name]))
    params = first(draw_parameters(instance, "test", 1))
    state = inventory_problem(instance.network).init(params, jax.random.key(0))
    params, state = in_x64((params, jax.tree.map(jnp.zeros_like, state)))

    @jax.jit
    def run(orders, demand):
        noise = Noise(demand[:, None], jnp.zeros((PERIODS, 0)))
        act = open_loop(orders[:, None])
        return trajectory(instance.network, act, Scenarios(params, state, noise)).trajectory.outcome

    return run


# Breakpoints and what is just beside them come up often.
order = st.one_of(
    st.sampled_from([0, 4, 6, 9, 10, 12, 15, 18, 20, 25, 27]),
    numbers(0, 40).map(lambda x: round(x, 2)),
)
orders = hnp.arrays(np.float32, PERIODS, elements=order)
demands = hnp.arrays(np.float32, PERIODS, elements=st.integers(0, 20))


@pytest.mark.parametrize("name", SIZES)
@settings(deadline=None, max_examples=40)
@given(orders, demands)
def test_costs_of_every_kind_of_jump_are_those_by_hand(name, orders, demand):
    outcome = simulated(name)(orders, demand)
    # 6 in float32 is 6, but 5.9 is not 5.9: the loop by hand reads what the simulator read.
    by_hand = costs_by_hand(SIZES[name], orders.astype(float), demand)
    np.testing.assert_allclose(period_costs(outcome), by_hand, rtol=1e-4, atol=1e-3)
    fixed = [rules(SIZES[name], order)[1] for order in orders.astype(float)]
    np.testing.assert_allclose(outcome.costs.fixed, fixed)


@functools.cache
def one_step(name):
    """A period of a problem from its first state, as a compiled function of orders."""
    instance, params, state = set_up(name)
    noise = Noise(jnp.arange(1.0, 1 + len(params.demand.mean)), jnp.zeros(0))
    problem = inventory_problem(instance.network)
    return jax.jit(lambda action: problem.step(params, state, action, noise))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((0, 0, 0, 0), 0),
        ((1, 0, 0, 0), 31),
        ((0, 5, 9, 0), 36),
        ((3, 5, 9, 0.1), 137),
        ((0, 0, 0, 7), 100),
    ],
)
def test_a_joint_fixed_cost_is_paid_once_and_each_items_own_beside_it(order, expected):
    assert one_step("joint")(jnp.asarray(order, jnp.float32))[1].costs.fixed == expected


def test_nothing_is_paid_or_ordered_for_customers_who_are_not_there():
    step = one_step("absent")
    everywhere = SizedOrders(jnp.full(4, 5.0), jnp.tile(jnp.array([0.0, 1.0]), (4, 1)))
    for action in (jnp.full(4, 5.0), everywhere):
        outcome = step(action)[1]
        np.testing.assert_array_equal(outcome.flows.orders, [5, 5, 5, 0])
        assert outcome.costs.fixed == 30


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.float32, 4, elements=order))
def test_orders_count_as_what_they_are_whether_they_say_so_or_not(order):
    instance, step = set_up("mixed")[0], one_step("mixed")
    lower, upper = cell_ends(instance)
    assert lower.shape == (4, 4)
    cells = own_cells(lower, order)
    allowed = np.clip(
        order, (cells * np.where(cells, lower, 0)).sum(1), np.where(cells, upper, 0).max(1)
    )
    said = SizedOrders(jnp.asarray(allowed, jnp.float32), jnp.asarray(cells))
    jax.tree.map(np.testing.assert_array_equal, step(jnp.asarray(order)), step(said))


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(np.float32, 3, elements=order),
    hnp.arrays(np.float32, (3, 4), elements=numbers(0.125, 1)),
)
def test_stock_is_conserved_even_where_weights_are_spread_over_cells(order, weights):
    before, step = set_up("warehouse")[2], one_step("warehouse")
    weights /= weights.sum(axis=1, keepdims=True)
    for action in (jnp.asarray(order), SizedOrders(jnp.asarray(order), jnp.asarray(weights))):
        after, outcome = step(action)
        moved = outcome.flows
        gained = after.on_hand.sum() + after.pipeline.sum()
        gained -= before.on_hand.sum() + before.pipeline.sum()
        assert gained == pytest.approx(float(order[0]) - float(moved.sales.sum()), abs=1e-3)
        np.testing.assert_array_equal(moved.orders, order)


def test_a_fixed_cost_within_a_network_is_paid_where_stock_leaves():
    step = one_step("warehouse")
    paid = [
        step(jnp.asarray(order))[1].costs.fixed
        for order in ([5.0, 0, 0], [0, 2.0, 0], [0, 1.0, 3.0])
    ]
    np.testing.assert_array_equal(paid, [0, 6, 6])


@pytest.mark.parametrize("name", ["steps", "discount", "everything"])
def test_within_cells_costs_have_the_derivative_of_their_slopes(name):
    generator = np.random.default_rng(3)
    demand = generator.uniform(0, 20, PERIODS)
    orders = np.array([5.3, 11.4, 17.2, 21.7, 12.9, 7.7, 23.1, 14.2])  # none near a breakpoint
    with jax.enable_x64(True):
        run = simulated.__wrapped__(name)

        def cost(orders):
            return jnp.sum(period_costs(run(orders, jnp.asarray(demand))))

        gradient = jax.jit(jax.grad(cost))(jnp.asarray(orders))
        slopes = central_differences(lambda at: cost(jnp.asarray(at)), orders, 1e-5)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-7)
    assert np.count_nonzero(np.abs(slopes) > 0.01) >= 5


@pytest.mark.parametrize("name", ["mixed", "everything"])
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whole_orders_stay_in_the_cells_they_were_decided_for(name, data):
    instance = set_up(name)[0]
    lower, upper = cell_ends(instance)
    edges, count = lower.shape
    within_reach = np.isfinite(lower).sum(axis=1)
    chosen = [data.draw(st.integers(0, int(cells) - 1)) for cells in within_reach]
    low, high = (ends[np.arange(edges), chosen] for ends in (lower, upper))
    shares = data.draw(hnp.arrays(np.float32, edges, elements=numbers(0, 1)))
    decided = low + shares * (np.where(np.isfinite(high), high, low + 50) - low)
    cells = np.eye(count, dtype=np.float32)[chosen]
    whole = np.asarray(whole_in_cells(lower, upper, SizedOrders(jnp.asarray(decided), cells)))
    np.testing.assert_array_equal(whole, np.round(whole))
    assert np.all(np.abs(whole - decided) <= 1)
    counted = own_cells(lower, whole).argmax(axis=1)
    assert np.all((counted == chosen) | (whole == 0)), "an order of nothing is none"


def test_the_lead_time_observed_is_the_longest_that_a_size_has():
    instance, params, state = set_up("mixed")
    seen = inventory_problem(instance.network).observe(params, state)
    np.testing.assert_array_equal(seen.lead_time, [1, 1, 1, 2])


LONG = {"lead_time": {"breakpoints": [5], "values": [2, 9]}}
MISTAKES = {
    "2 breakpoints divide sizes into 3 regimes but there are 2 values": {
        "order_sizes": {"fixed_cost": {"breakpoints": [10, 20], "values": [1, 2]}}
    },
    "breakpoints are empty, so nothing jumps with the size": {
        "order_sizes": {"procurement_cost": {"breakpoints": [], "values": [0]}}
    },
    "breakpoints go from 20 to 10, .* in increasing order": {
        "order_sizes": {"fixed_cost": {"breakpoints": [20, 10], "values": [1, 2, 3]}}
    },
    "breakpoints go from 10 to 10, and no order lies between": {
        "order_sizes": {"fixed_cost": {"breakpoints": [10, 10], "values": [1, 2, 3]}}
    },
    "fixed_cost jumps at 20, which no order crosses because of most=20": {
        "order_sizes": {"most": 20, "fixed_cost": STEPS}
    },
    "fixed_cost jumps at 10, which no order crosses because of least=10": {
        "order_sizes": {"least": 10, "fixed_cost": STEPS}
    },
    "most=5 is not above least=5": {"order_sizes": {"least": 5, "most": 5}},
    r"order\.fixed_cost must not be negative but is -1": {"fixed_cost": -1},
    r"joint_fixed_cost must not be negative but is -1": {"joint_fixed_cost": -1},
    r"joint_fixed_cost must be at most 1e\+09 but is 1e\+12": {"joint_fixed_cost": 1e12},
    "fixed_cost has -1; give 0 or more": {
        "order_sizes": {"fixed_cost": {"breakpoints": [10], "values": [-1, 2]}}
    },
    r"procurement_cost has -1e\+12, which is further from zero than 1e\+09; give costs in": {
        "order_sizes": {"procurement_cost": {"breakpoints": [10], "values": [0, -1e12]}}
    },
    r"lead_time has 1\.5; give whole periods": {
        "order_sizes": {"lead_time": {"breakpoints": [10], "values": [1.5, 2]}}
    },
    r"regime from 4\.2 to 4\.8, which holds no whole unit": {
        "order_sizes": {
            "fixed_cost": {"breakpoints": [4.2], "values": [1, 2]},
            "procurement_cost": {"breakpoints": [4.8], "values": [0, -1]},
        }
    },
    r"regime from 0 to 0\.5, which holds no whole unit": {
        "order_sizes": {"fixed_cost": {"breakpoints": [0.5], "values": [1, 2]}}
    },
    r"order\.lead_time is 9, over the bound problem\.lead_time_bound=4; raise the bound": {
        "order_sizes": LONG
    },
}


@functools.cache
def mapping():
    return small_mapping("nowhere", "problem=fixed_cost_store")


@pytest.mark.parametrize("expected", MISTAKES)
def test_a_mistake_is_one_sentence(expected):
    problem = mapping()["problem"]
    order = {**problem["edges"]["order"], **MISTAKES[expected]}
    given = {**mapping(), "problem": {**problem, "edges": {"order": order}}}
    with pytest.raises(InputError, match=expected) as raised:
        build_instance(parse(given).problem)
    assert "\n" not in str(raised.value)


def test_sizes_are_refused_where_an_order_may_have_to_be_cut():
    config = warehouse()
    edges = {name: vars(edge) for name, edge in config.edges.items()}
    edges["road"] = {**edges["road"], "order_sizes": {"least": 3}}
    nodes = {name: vars(node) for name, node in config.nodes.items()}
    with pytest.raises(
        InputError, match=r"road\.order_sizes is given but 'warehouse' is no supply"
    ):
        build_instance(problem_config(nodes=nodes, edges=edges))
