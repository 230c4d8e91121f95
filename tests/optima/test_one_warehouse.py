"""The bound against exact optima, published policies, and its own theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import lost_sales_optimum, one_warehouse
from neuroinv.optima.level_demand import LevelDemand, clipped_normal_levels
from neuroinv.optima.one_warehouse import warehouse_bound

# The reference's instances with store lead times 2 to 5: the best published cost per store.
PUBLISHED = {3: 5.60, 5: 5.26}


def bound(
    demand,
    lead_time,
    holding,
    underage,
    warehouse_holding=0.0,
    warehouse_lead_time=1,
    shipping_cost=0.0,
):
    """The bound on the cost of one warehouse; scalars hold for all stores."""
    stores = np.shape(demand.points)[1]
    return warehouse_bound(
        demand,
        np.broadcast_to(lead_time, (1, stores)),
        np.broadcast_to(holding, stores),
        np.broadcast_to(underage, stores),
        np.array([warehouse_holding]),
        np.array([warehouse_lead_time]),
        np.array([shipping_cost]),
        work=3e6,
    )


def one_level(*laws):
    """Independent stores with probabilities of demand 0, 1, 2, ... of equal length."""
    points = np.broadcast_to(np.arange(len(laws[0]), dtype=float), (1, len(laws), len(laws[0])))
    return LevelDemand(np.ones(1), points, np.asarray(laws)[None])


def two_levels(joint, cut):
    """Levels of whole demands with the given joint probabilities: is the total at least `cut`?"""
    amounts = np.indices(joint.shape)
    high = amounts.sum(axis=0) >= cut
    chances = np.array([joint[~high].sum(), joint[high].sum()])
    laws = [
        [
            [np.sum(joint * level * (amount == units)) / chance for units in range(len(joint))]
            for amount in amounts
        ]
        for level, chance in zip((~high, high), chances, strict=True)
    ]
    points = np.broadcast_to(np.arange(len(joint), dtype=float), np.shape(laws))
    return LevelDemand(chances, points, np.asarray(laws))


def exact_optimum(joint, holding, underage, warehouse_holding, warehouse_lead_time, most):
    """Value iteration over the whole system in whole units, with store lead times of 1.

    Values have axes [arriving at the warehouse next, if its lead time is 2], warehouse, stores.
    Stock is cut to `most` at a store and `2 * most` at the warehouse, more than is worth keeping.
    """
    stores = np.indices((most + 1,) * joint.ndim)
    left = np.arange(2 * most + 1)
    arriving = np.arange(most + 1 if warehouse_lead_time == 2 else 1)[:, None]
    gaps = {
        demand: stores - np.reshape(demand, (-1,) + (1,) * joint.ndim)
        for demand in np.ndindex(joint.shape)
    }
    charge = sum(
        joint[demand] * np.where(gap > 0, holding * gap, -underage * gap).sum(axis=0)
        for demand, gap in gaps.items()
    )
    kept = warehouse_holding * left.reshape(-1, *(1,) * joint.ndim)
    values = np.zeros((len(arriving), len(left), *charge.shape))
    while True:
        improved = np.full_like(values, np.inf)
        for shipped in np.ndindex(charge.shape):
            arrived = np.reshape(shipped, (-1,) + (1,) * joint.ndim)
            expected = sum(
                joint[demand] * values[:, :, *np.minimum(np.maximum(gap, 0) + arrived, most)]
                for demand, gap in gaps.items()
            )
            if warehouse_lead_time == 2:
                expected = expected.min(axis=0)
            else:
                expected = np.minimum.accumulate(expected[0, ::-1], axis=0)[::-1]
            after = kept + expected[np.minimum(left + arriving, left[-1])]
            state = improved[:, sum(shipped) :]
            np.minimum(state, after[:, : state.shape[1]], out=state)
        change = improved + charge - values
        if np.ptp(change) < 1e-5:
            return float(change.max())
        values += 0.8 * change
        values -= values.flat[0]


whole_demand = st.lists(st.integers(1, 10), min_size=2, max_size=4).map(
    lambda weights: np.asarray(weights) / sum(weights)
)


@given(
    whole_demand, st.floats(0.1, 1.5), st.floats(1.0, 12.0), st.integers(1, 2), st.integers(1, 3)
)
@settings(max_examples=12, deadline=None)
def test_no_more_than_the_optimum_of_a_warehouse_and_a_store(
    law, warehouse_holding, underage, warehouse_lead_time, cut
):
    # A level that is never reached teaches nothing.
    demand = two_levels(law, min(cut, len(law) - 1))
    costs = (1.0, underage, warehouse_holding, warehouse_lead_time)
    optimum = exact_optimum(law, *costs, most=2 * len(law))
    found = bound(demand, 1, *costs).cost_per_period
    # The threshold is chosen on another lattice, so a little may be lost by having a choice.
    alone = bound(one_level(law), 1, *costs).cost_per_period
    assert 0.98 * alone < found <= optimum + 1e-5


@pytest.mark.parametrize("correlated", [0.0, 0.2])
def test_no_more_than_the_optimum_of_a_warehouse_and_two_stores(correlated):
    joint = np.full((2, 2), 0.25) + correlated * np.array([[1, -1], [-1, 1]])
    optimum = exact_optimum(joint, 1.0, 9.0, 0.3, 2, most=5)
    found = bound(two_levels(joint, 1), 1, 1.0, 9.0, 0.3, 2)
    assert 0.9 * optimum < found.cost_per_period <= optimum
    # The price of the warehouse's stock is what lifts it above two stores on their own.
    alone = bound(one_level([0.5, 0.5], [0.5, 0.5]), 1, 1.0, 9.0, 0.3, 2)
    assert found.cost_per_period > 1.05 * alone.cost_per_period


@pytest.mark.parametrize("warehouse_holding", [0.02, 0.1, 0.3])
def test_exact_where_the_warehouse_buffers_one_fair_coin(warehouse_holding):
    joint = np.array([0.5, 0.5])
    optimum = exact_optimum(joint, 1.0, 9.0, warehouse_holding, 1, most=4)
    found = bound(two_levels(joint, 1), 1, 1.0, 9.0, warehouse_holding, 1).cost_per_period
    assert optimum == pytest.approx(1.0 + 0.5 * warehouse_holding, abs=1e-4)
    assert found == pytest.approx(optimum, rel=5e-4)


@given(
    st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3),
    st.integers(1, 4),
    st.floats(0.5, 12.0),
    st.floats(0.0, 0.4),
)
@settings(max_examples=25, deadline=None)
def test_exact_for_stores_whose_demand_comes_in_lots(rates, lead_time, underage, shipping_cost):
    """Without a price on stock the stores are on their own, each with unlimited supply."""
    laws = [np.array([1.0 - rate, rate]) for rate in rates]
    found = bound(one_level(*laws), lead_time, 1.0, underage, 0.3, 3, shipping_cost=shipping_cost)
    # Paying for every unit is paying for all of demand and getting it back for what is lost.
    exact = [
        lost_sales_optimum(law, lead_time, 1.0, underage - shipping_cost).cost
        + shipping_cost * law[1]
        for law in laws
    ]
    np.testing.assert_allclose(found.of_stores, exact, rtol=4e-4)
    assert found.cost_per_period == pytest.approx(sum(found.of_stores))


@pytest.mark.parametrize(("lead_time", "closeness"), [(1, 0.97), (2, 0.96), (3, 0.93)])
def test_brackets_the_optimum_of_continuous_demand(lead_time, closeness):
    """Sharing out each cell between its ends costs more than the demand, the bound less."""
    demand = clipped_normal_levels([5.0], np.array([[4.0]]))
    points, chances = demand.points.ravel(), 0.5 * demand.probabilities.ravel()
    below = np.floor(points).astype(int)
    spread = np.bincount(below, chances * (1.0 - points + below), minlength=30)
    spread[1:] += np.bincount(below, chances * (points - below), minlength=30)[:-1]
    above = lost_sales_optimum(spread[: np.flatnonzero(spread > 1e-12)[-1] + 1], lead_time, 1, 9)
    found = bound(demand, lead_time, 1.0, 9.0).cost_per_period
    assert closeness * above.cost < found < above.cost


@given(st.floats(0.01, 100.0), st.floats(0.01, 100.0))
@settings(max_examples=3, deadline=None)
def test_scales_with_units_and_with_money(units, money):
    mean, covariance = np.array([3.0, 5.0]), np.array([[1.0, 1.0], [1.0, 4.0]])

    def scaled(units, money):
        demand = clipped_normal_levels(units * mean, units**2 * covariance)
        return bound(demand, [1, 2], money, 9.0 * money, 0.3 * money, 2).of_stores

    # Linear programs and value iteration stop near, not at, the same point.
    np.testing.assert_allclose(scaled(units, money), units * money * scaled(1, 1), rtol=1e-3)


@given(whole_demand, st.floats(0.2, 2.0), st.floats(1.0, 10.0), st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_grows_with_costs_and_lead_time(law, holding, underage, lead_time):
    # Demand of zero or the most: every lattice holds it, so that the bound is the optimum.
    demand = one_level(law[:2] / law[:2].sum())
    costs = [
        bound(demand, *instance).cost_per_period
        for instance in (
            (lead_time, holding, underage),
            (lead_time + 1, holding, underage),
            (lead_time + 1, 1.3 * holding, underage),
            (lead_time + 1, 1.3 * holding, 1.3 * underage),
        )
    ]
    assert np.all(np.diff(costs) > -1e-3 * costs[0])
    assert costs[3] == pytest.approx(1.3 * costs[1], rel=1e-3)


def test_another_warehouse_never_makes_it_dearer():
    demand = one_level([0.3, 0.7], [0.6, 0.4])

    def cost(lead_time, shipping_cost):
        count = len(shipping_cost)
        inbound = np.full(count, 2), np.asarray(shipping_cost)
        stores = np.ones(2), np.full(2, 9.0)
        return warehouse_bound(
            demand, np.asarray(lead_time), *stores, np.full(count, 0.3), *inbound, 1e5
        ).cost_per_period

    one = cost([[2, 2]], [0.5])
    assert cost([[2, 2], [3, 0]], [0.5, 0.7]) == one
    assert cost([[2, 2], [1, 0]], [0.5, 0.5]) < one
    # A store is granted the shorter lead time at the lower price.
    assert cost([[2, 2], [3, 3]], [0.5, 0.2]) == cost([[2, 2]], [0.2])


def test_stores_that_would_take_long_leave_the_choice_of_the_price_to_others(monkeypatch):
    mean, lead_time = np.array([6.0, 4.0, 5.0]), np.array([[1, 2, 4]])
    demand = clipped_normal_levels(mean, np.diag((0.4 * mean) ** 2))
    lead_times_asked = []

    def counted(chances, lattice, lead_time, *others):
        lead_times_asked.append(int(lead_time))
        return store_bound(chances, lattice, lead_time, *others)

    store_bound = one_warehouse._store_bound
    monkeypatch.setattr(one_warehouse, "_store_bound", counted)

    def found(most_search_share):
        monkeypatch.setattr(one_warehouse, "MOST_SEARCH_SHARE", most_search_share)
        lead_times_asked.clear()
        underage, holding = np.full(3, 9.0), np.array([0.5])
        least = warehouse_bound(
            demand, lead_time, np.ones(3), underage, holding, np.array([3]), np.zeros(1), work=1e5
        )
        return least.cost_per_period, lead_times_asked.count(4)

    of_all, asked = found(np.inf)
    assert found(0.0) == (of_all, asked)
    assert found(0.1) == (pytest.approx(of_all, rel=0.01), 1)
    assert asked == 1 + 1 + len(one_warehouse.THRESHOLDS) * len(one_warehouse.SWINGS)


@pytest.mark.parametrize("stores", PUBLISHED)
def test_a_little_below_the_best_published_cost(stores):
    def drawn(seed, low, high):
        return np.random.RandomState(seed).uniform(low, high, stores)

    mean = np.round(drawn(33, 2.5, 7.5), 3)
    std = np.round(mean * drawn(92, 0.25, 0.5), 3)
    found = bound(
        clipped_normal_levels(mean, 0.5 * (1.0 + np.eye(stores)) * np.outer(std, std)),
        np.random.RandomState(41).randint(2, 6, stores),
        drawn(73, 0.7, 1.3),
        drawn(28, 6.3, 11.7),
        0.3,
        3,
    )
    assert 0.93 * PUBLISHED[stores] < found.cost_per_period / stores < PUBLISHED[stores]


COIN = LevelDemand(np.ones(1), np.array([[[0.0, 1.0]]]), np.array([[[0.5, 0.5]]]))
WRONG = {
    "lead_time has shape": {"lead_time": np.ones((1, 2), int)},
    "lead_time is 0 on every link of store 0": {"lead_time": np.array([[0]])},
    r"lead_time is \[\[1.5\]\]; give whole": {"lead_time": np.array([[1.5]])},
    "lead time of 40; shorten": {"lead_time": np.array([[40]])},
    "holding_cost is .*none below zero": {"holding_cost": np.array([-1.0])},
    "underage_cost is .*finite": {"underage_cost": np.array([np.nan])},
    "warehouse_lead_time has shape": {"warehouse_lead_time": np.array([1, 2])},
    "points of shape": {"demand": COIN._replace(points=np.ones((1, 1, 3)))},
    "1 chances for 2 levels": {
        "demand": COIN._replace(points=np.ones((2, 1, 2)), probabilities=np.full((2, 1, 2), 0.5))
    },
    "demand.points has smallest entry -1": {"demand": COIN._replace(points=-np.ones((1, 1, 2)))},
    "demand.chances has .*one": {"demand": COIN._replace(chances=np.array([0.9]))},
}


@pytest.mark.parametrize("message", WRONG)
def test_refuses(message):
    instance = {
        "demand": COIN,
        "lead_time": np.array([[1]]),
        "holding_cost": np.ones(1),
        "underage_cost": np.ones(1),
        "warehouse_holding_cost": np.ones(1),
        "warehouse_lead_time": np.ones(1, int),
        "shipping_cost": np.ones(1),
    }
    assert warehouse_bound(**instance).cost_per_period > 0.0
    with pytest.raises(ValueError, match=message):
        warehouse_bound(**{**instance, **WRONG[message]})
