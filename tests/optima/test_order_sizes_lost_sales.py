"""One store that loses sales and whose orders cost and take what their size says: known cases, and
a system written out state by state."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from neuroinv.optima import (
    fixed_cost_lost_sales_optimum,
    geometric_pmf,
    lost_sales_optimum,
    order_size_lost_sales_optimum,
    order_sizes_lost_sales,
    poisson_pmf,
)


def fixed(cost):
    return lambda sizes: np.where(sizes > 0, cost, 0.0)


@pytest.mark.parametrize("lead_time", [0, 1, 2, 3])
def test_with_free_orders_it_is_the_lost_sales_optimum(lead_time):
    system = (poisson_pmf(5.0), lead_time, 1.0, 9.0)
    found = order_size_lost_sales_optimum(*system, fixed(0.0), 0)
    assert found.cost == pytest.approx(lost_sales_optimum(*system).cost, rel=1e-8)


@pytest.mark.parametrize(("lead_time", "delay"), [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)])
def test_with_a_fixed_cost_it_is_that_optimum_and_a_delay_of_all_is_a_lead_time(lead_time, delay):
    demand = geometric_pmf(1.0)
    found = order_size_lost_sales_optimum(
        demand, lead_time, 1.0, 9.0, fixed(12.0), 0, lambda sizes: np.where(sizes > 0, delay, 0)
    )
    known = fixed_cost_lost_sales_optimum(demand, lead_time + delay, 1.0, 9.0, 12.0)
    assert found.cost == pytest.approx(known.cost, rel=1e-8)


def test_an_order_that_pays_only_where_it_is_large_is_seen():
    system = (poisson_pmf(1.0), 1, 0.05, 1.0)
    found = order_size_lost_sales_optimum(*system, fixed(8.0), 0)
    assert found.cost == pytest.approx(fixed_cost_lost_sales_optimum(*system, 8.0).cost, rel=1e-8)
    assert found.cost < 0.999  # what all demand lost costs is one


DEMAND = np.array([0.4, 0.3, 0.0, 0.3])
SIZES_COST = np.array([0.0, 1.0, 1.0, np.inf, 0.5, 0.6, 0.7, 0.8])
TERMS = [
    (0, [0, 0, 0, 2, 2, 2, 2, 2]),
    (1, [0, 0, 1, 1, 1, 1, 1, 1]),
    (0, [0, 2, 2, 2, 1, 0, 0, 0]),
]


@pytest.mark.parametrize(("lead_time", "delays"), TERMS)
def test_a_small_system_costs_what_it_does_written_out(lead_time, delays):
    """Every state, order and demand in turn; some orders are late, joined or crossed by others."""
    highest, most = 11, 7

    def order_costs(sizes):
        beyond = SIZES_COST[most] + 0.1 * (sizes - most)
        return np.where(sizes > most, beyond, SIZES_COST[np.minimum(sizes, most)])

    def late(sizes):
        return np.asarray(delays)[np.minimum(sizes, most)]

    longest = lead_time + max(delays)
    states = list(product(range(highest + 1), *[range(most + 1)] * (longest - 1)))
    places = {state: place for place, state in enumerate(states)}
    values = np.zeros(len(states))
    for _ in range(60):
        following = []
        for state in states:
            best = np.inf
            for size in range(most + 1):
                arrivals = [*state, 0]
                arrivals[lead_time + delays[size]] += size
                on_hand, coming, *rest = arrivals
                if max([0, *rest]) > most:
                    continue
                cost = SIZES_COST[size]
                for units, chance in enumerate(DEMAND):
                    left = max(on_hand - units, 0)
                    paid = left + 4.0 * max(units - on_hand, 0)
                    place = places[(min(left + coming, highest), *rest)]
                    cost += chance * (paid + values[place])
                best = min(best, cost)
            following.append(best)
        change = np.asarray(following) - values
        values = np.asarray(following) - following[0]
    found = order_size_lost_sales_optimum(DEMAND, lead_time, 1.0, 4.0, order_costs, most, late)
    assert np.ptp(change) < 1e-6
    assert found.cost == pytest.approx(change.mean(), abs=1e-6)
    assert np.isfinite(order_costs(found.orders)).all()


def test_what_cannot_be_answered_is_said(monkeypatch):
    system = (poisson_pmf(5.0), 1, 1.0, 9.0)
    with pytest.raises(ValueError, match="gives 3 for an order of nothing; give 0"):
        order_size_lost_sales_optimum(*system, lambda sizes: np.full(sizes.shape, 3.0), 0)
    with pytest.raises(ValueError, match=r"delays gives -1; give whole numbers of periods"):
        order_size_lost_sales_optimum(*system, fixed(1.0), 0, lambda sizes: sizes - 1)
    monkeypatch.setattr(order_sizes_lost_sales, "MOST_WORK", 10**4)
    with pytest.raises(
        RuntimeError, match="of 27 units and orders of 27 with a lead time of 1 are"
    ):
        order_size_lost_sales_optimum(*system, fixed(64.0), 0)
    with pytest.raises(RuntimeError, match="orders of 100000000000 with a lead time of 1 are more"):
        order_size_lost_sales_optimum(*system, fixed(64.0), 10**11)
    monkeypatch.setattr(order_sizes_lost_sales, "MOST_WORK", 10**6)
    monkeypatch.setattr(order_sizes_lost_sales, "MOST_WORK_IN_ALL", 10**6)
    with pytest.raises(RuntimeError, match=r"apart after \d+ sweeps"):
        order_size_lost_sales_optimum(*system, fixed(64.0), 0)
