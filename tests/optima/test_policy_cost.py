"""Exact cost of any lost-sales policy against simulation and hand-made chains, and its errors."""

import numpy as np
import pytest

from neuroinv.optima import geometric_pmf, poisson_pmf, policy_cost
from neuroinv.optima.stock_levels import stock_level_order

POISSON = poisson_pmf(5.0)
GEOMETRIC = geometric_pmf(5.0)


@pytest.mark.parametrize("lead_time", [0, 1, 3])
def test_policy_cost_agrees_with_simulation(lead_time):
    def order(states):
        return np.clip(9 + 4 * lead_time - states @ np.arange(1, states.shape[1] + 1), 0, 7)

    generator = np.random.default_rng(3)
    paths = 20_000
    states = np.zeros((paths, max(lead_time, 1)), dtype=np.int64)
    means = []
    for period in range(120):
        orders = order(states)
        stock = states[:, 0] + (orders if lead_time == 0 else 0)
        drawn = generator.choice(GEOMETRIC.size, size=paths, p=GEOMETRIC)
        left = np.maximum(stock - drawn, 0)
        if period >= 60:
            means.append((left + 4.0 * np.maximum(drawn - stock, 0)).mean())
        states = left[:, None] if lead_time == 0 else np.column_stack([states, orders])[:, 1:]
        if lead_time > 0:
            states[:, 0] += left
    exact = policy_cost(GEOMETRIC, lead_time, 1.0, 4.0, order)
    assert np.mean(means) == pytest.approx(exact, rel=0.005)


def test_policy_cost_of_a_periodic_system_is_its_average():
    def every_other_period(states):
        return np.where(states[:, 1] == 0, 2, 0)

    # On-hand alternates between 2 and 1, leaving 1 and 0 behind.
    cost = policy_cost(np.array([0.0, 1.0]), 2, 1.0, 9.0, every_other_period)
    assert cost == pytest.approx(0.5, abs=1e-8)


def test_policy_cost_holds_when_only_a_rare_demand_mixes_the_states():
    rare = 1e-5
    demand = np.array([rare, 1.0 - 2.0 * rare, rare])

    def order(states):
        return np.where(states[:, 0] < 4, 1, 0)

    # On-hand walks over 1 to 4, up with one demand of 0 and down with one of 2, except that at 4
    # nothing is ordered, so it falls back to 2 to 4 for what is left of that period.
    matrix = np.zeros((5, 5))
    for stock in range(5):
        for size, chance in enumerate(demand):
            matrix[stock, max(stock - size, 0) + (stock < 4)] += chance
    balance = np.vstack([matrix.T - np.eye(5), np.ones(5)])
    share = np.linalg.lstsq(balance, np.array([0, 0, 0, 0, 0, 1.0]), rcond=None)[0]
    gap = np.arange(5)[:, None] - np.arange(3)[None, :]
    costs = (np.maximum(gap, 0) + 9.0 * np.maximum(-gap, 0)) @ demand
    assert policy_cost(demand, 1, 1.0, 9.0, order) == pytest.approx(share @ costs, abs=1e-7)


def test_the_first_state_decides_where_a_policy_stays():
    """One that keeps up its stock, and orders nothing where it has none and nothing on its way."""

    def always(states):
        return np.maximum(7 - states.sum(axis=1), 0)

    def unless_empty(states):
        return np.where(states.sum(axis=1) > 0, always(states), 0)

    system = (np.full(4, 0.25), 2, 1.0, 9.0)  # at most three a period, so it never runs empty
    assert policy_cost(*system, unless_empty) == pytest.approx(9.0 * 1.5)
    kept_up = policy_cost(*system, unless_empty, start=np.array([3, 1]))
    assert kept_up == pytest.approx(policy_cost(*system, always), abs=1e-8)
    assert kept_up < 9.0


def test_policy_cost_refuses_a_policy_that_chance_locks_in():
    def order(states):
        on_hand, coming = states.T
        fresh = np.select([on_hand == 0, on_hand == 4, on_hand > 4], [5, 1, 0], 2)
        return np.select([coming == 0, coming == 1], [fresh, 1], 0)

    with pytest.raises(RuntimeError, match="stuck in separate sets"):
        policy_cost(np.array([0.0, 0.5, 0.5]), 2, 1.0, 9.0, order)


def test_policy_cost_handles_many_states_and_states_its_limit():
    order = stock_level_order(23, None)
    # On-hand and three orders that add up to at most 23: 27 choose 4 states.
    assert policy_cost(GEOMETRIC, 4, 1.0, 4.0, order, max_states=17_550) > 0.0
    with pytest.raises(ValueError, match=r"max_states = 17549.*raise max_states"):
        policy_cost(GEOMETRIC, 4, 1.0, 4.0, order, max_states=17_549)


def test_policy_that_fills_up_without_end_is_refused():
    def constant(states):
        return np.full(states.shape[0], 9)

    with pytest.raises(ValueError, match="on-hand grow past"):
        policy_cost(POISSON, 1, 1.0, 9.0, constant)


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        (lambda states: np.full(states.shape[0], 1.0), "type float64"),
        (lambda states: np.ones((states.shape[0], 1), dtype=int), "shape"),
        (lambda states: np.full(states.shape[0], -1), "order returned -1"),
    ],
)
def test_policy_cost_refuses_orders_that_are_not_whole_units(order, complaint):
    with pytest.raises(ValueError, match=f"{complaint}.*return"):
        policy_cost(POISSON, 1, 1.0, 9.0, order)


@pytest.mark.parametrize("start", [[0], [0, 0, 0, 0], [0, -1, 0], [0.5, 0.0, 0.0], 3])
def test_a_start_of_another_store_is_refused(start):
    with pytest.raises(ValueError, match=r"start is .* give 3 whole numbers of units"):
        policy_cost(poisson_pmf(2.0), 3, 1.0, 9.0, lambda states: 0 * states[:, 0], start=start)
