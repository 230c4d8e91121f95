"""Classical lost-sales policies: Zipkin's tables, and their definitions by enumeration."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import geometric_pmf, lost_sales_optimum, poisson_pmf, policy_cost
from neuroinv.optima.lost_sales_heuristics import (
    dual_balancing_policy,
    myopic_policy,
    standard_vector_base_stock_policy,
    vector_base_stock_order,
)
from neuroinv.optima.stock_levels import stock_level_order

POISSON = poisson_pmf(5.0)
GEOMETRIC = geometric_pmf(5.0)
UNDERAGE = (4, 9, 19, 39)

POLICIES = {
    "myopic": myopic_policy,
    "myopic-2": partial(myopic_policy, periods=2),
    "dual-balancing": partial(dual_balancing_policy, holding_of="stock"),
    "standard vector base-stock": standard_vector_base_stock_policy,
}
# Zipkin (2008), tables 3 and 4, holding cost 1: one row per underage cost, one column per lead time
# from 1.
ZIPKIN = {
    ("poisson", "myopic"): (
        (4.11, 4.56, 4.84, 5.06),
        (5.45, 6.22, 6.80, 7.20),
        (6.69, 7.77, 8.56, 9.18),
        (7.88, 9.16, 10.17, 11.04),
    ),
    ("poisson", "myopic-2"): (
        (4.04, 4.41, 4.64, 4.82),
        (5.44, 6.10, 6.57, 6.92),
        (6.68, 7.67, 8.40, 8.96),
        (7.84, 9.12, 10.07, 10.84),
    ),
    ("poisson", "dual-balancing"): (
        (4.15, 4.41, 4.62, 4.73),
        (5.73, 6.38, 6.78, 6.99),
        (7.48, 8.45, 9.19, 9.65),
        (9.31, 10.73, 11.71, 12.61),
    ),
    ("poisson", "standard vector base-stock"): (
        (4.31, 4.80, 5.51, 5.83),
        (5.51, 6.45, 7.31, 8.16),
        (6.71, 8.08, 9.09, 9.57),
        (7.97, 9.29, 10.39, 11.38),
    ),
    ("geometric", "myopic"): (
        (9.95, 10.57, 10.99, 11.31),
        (14.64, 15.93, 16.86),
        (19.37, 21.30, 22.79),
        (23.97, 26.55, 28.61),
    ),
    ("geometric", "myopic-2"): (
        (9.83, 10.29, 10.59, 10.79),
        (14.51, 15.57, 16.32),
        (19.22, 20.95, 22.24),
        (23.87, 26.26, 28.10),
    ),
    ("geometric", "dual-balancing"): (
        (9.97, 10.34, 10.54, 10.67),
        (15.61, 16.59, 17.11),
        (22.82, 24.60, 25.69),
        (31.72, 34.55, 36.67),
    ),
    ("geometric", "standard vector base-stock"): (
        (10.26, 11.72, 12.81, 13.86),
        (14.98, 17.19, 18.96),
        (19.72, 22.31, 24.77),
        (24.43, 27.39, 30.06),
    ),
}


@pytest.mark.parametrize(("distribution", "policy"), ZIPKIN)
def test_policies_reproduce_zipkin(distribution, policy):
    demand = {"poisson": POISSON, "geometric": GEOMETRIC}[distribution]
    for underage, row in zip(UNDERAGE, ZIPKIN[distribution, policy], strict=True):
        for lead_time, printed in enumerate(row, start=1):
            order = POLICIES[policy](demand, lead_time, 1.0, underage)
            cost = policy_cost(demand, lead_time, 1.0, underage, order, tolerance=1e-6)
            # Two printed numbers are not the nearest hundredth: 21.29480 is printed as 21.30 and
            # 34.54474 as 34.55.
            assert cost == pytest.approx(printed, abs=0.0054), (underage, lead_time)


@pytest.mark.parametrize("demand", [POISSON, GEOMETRIC])
@pytest.mark.parametrize("underage", UNDERAGE)
def test_balancing_the_order_alone_costs_less_where_stock_matters(demand, underage):
    """Levi et al. charge for fewer units, order more and lose less at high underage costs."""
    costs = {
        holding_of: policy_cost(
            demand, 1, 1.0, underage, dual_balancing_policy(demand, 1, 1.0, underage, holding_of)
        )
        for holding_of in ("order", "stock")
    }
    assert lost_sales_optimum(demand, 1, 1.0, underage).cost < costs["order"] < costs["stock"]


demands = (
    st.lists(st.integers(0, 5), min_size=2, max_size=4)
    .filter(lambda weights: any(weights[1:]))
    .map(lambda weights: np.array(weights) / sum(weights))
)
underage_costs = st.sampled_from([0.5, 1.0, 4.0, 19.0])


def reached(demand, lead_time, underage, order):
    """All states that a policy reaches, with its orders."""
    calls = []

    def recorded(states):
        calls.append((states, order(states)))
        return calls[-1][1]

    policy_cost(demand, lead_time, 1.0, underage, recorded, tolerance=1e3)
    states, orders = calls[-1]
    return zip(states.tolist(), orders.tolist(), strict=True)


def arrivals(demand, state, lead_time):
    """(probability, stock found by an order placed now) over all demands until it arrives."""
    for path in product(range(demand.size), repeat=lead_time):
        stock, coming = state[0], [*state[1:], 0]
        for units, arriving in zip(path, coming, strict=False):
            stock = max(stock - units, 0) + arriving
        yield float(np.prod(demand[list(path)])), stock


def period_cost(demand, stock, holding, underage):
    return sum(
        chance * (holding * max(stock - units, 0) + underage * max(units - stock, 0))
        for units, chance in enumerate(demand)
    )


def lookahead(demand, state, lead_time, underage, periods):
    """Expected cost of the next `periods` periods of arrival, by order."""

    def cost(order):
        first = sum(
            chance * period_cost(demand, stock + order, 1.0, underage)
            for chance, stock in arrivals(demand, state, lead_time)
        )
        if periods == 1:
            return first
        later = 0.0
        for units, chance in enumerate(demand):
            following = [*state, order] if lead_time else [state[0] + order]
            left = max(following[0] - units, 0)
            following = [left + following[1], *following[2:]] if lead_time else [left]
            later += chance * min(lookahead(demand, following, lead_time, underage, periods - 1))
        return first + later

    return [cost(order) for order in range(demand.size + 1)]


@given(demands, st.integers(0, 2), underage_costs, st.integers(1, 2))
@settings(max_examples=15, deadline=None)
def test_myopic_orders_minimise_the_cost_of_the_periods_they_count(
    demand, lead_time, underage, periods
):
    order = myopic_policy(demand, lead_time, 1.0, underage, periods)
    for state, units in list(reached(demand, lead_time, underage, order))[::3]:
        costs = lookahead(demand, state, lead_time, underage, periods)
        assert costs[units] == pytest.approx(min(costs), abs=1e-10)


@given(demands, st.integers(0, 3), underage_costs, st.sampled_from(["order", "stock"]))
@settings(max_examples=40, deadline=None)
def test_dual_balancing_orders_balance_the_two_costs(demand, lead_time, underage, holding_of):
    order = dual_balancing_policy(demand, lead_time, 1.0, underage, holding_of)
    most = 40
    # Stock that nothing is added to: holding cost of this period and of what is left of it.
    falls = np.zeros((most, most))
    for stock, (units, chance) in product(range(most), enumerate(demand)):
        falls[stock, max(stock - units, 0)] += chance
    holding = [period_cost(demand, stock, 1.0, 0.0) for stock in range(most)]
    held = np.append(0.0, np.linalg.solve(np.eye(most - 1) - falls[1:, 1:], holding[1:]))
    for state, units in reached(demand, lead_time, underage, order):
        found = list(arrivals(demand, state, lead_time))

        def larger(units, found=found):
            before = [held[stock] if holding_of == "order" else 0.0 for _, stock in found]
            keeping = sum(
                c * (held[x + units] - b) for (c, x), b in zip(found, before, strict=True)
            )
            losing = sum(c * period_cost(demand, x + units, 0.0, underage) for c, x in found)
            return max(keeping, losing)

        assert larger(units) == pytest.approx(min(map(larger, range(demand.size + 1))), abs=1e-10)


@given(demands, st.integers(0, 3), underage_costs)
@settings(max_examples=40, deadline=None)
def test_no_policy_beats_the_optimum(demand, lead_time, underage):
    best = lost_sales_optimum(demand, lead_time, 1.0, underage).cost
    for build in (*POLICIES.values(), partial(dual_balancing_policy, holding_of="order")):
        order = build(demand, lead_time, 1.0, underage)
        assert policy_cost(demand, lead_time, 1.0, underage, order) >= best - 1e-7


@given(st.lists(st.integers(0, 12), min_size=3, max_size=3), st.integers(0, 12))
def test_a_vector_of_levels_bounds_every_sum(state, level):
    free = 1_000
    states = np.array([state])
    on_position = vector_base_stock_order([level, free, free, free])(states)
    np.testing.assert_array_equal(on_position, stock_level_order(level, None)(states))
    capped = vector_base_stock_order([level, free, free, 3])(states)
    np.testing.assert_array_equal(capped, stock_level_order(level, 3)(states))
    units = vector_base_stock_order([level, 8, 5, 3])(states)[0]
    sums = [sum(state[start:]) + units for start in range(4)]
    over = [total - bound for total, bound in zip(sums, (level, 8, 5, 3), strict=True)]
    assert max(over) == 0 if units else max(over) >= 0


@pytest.mark.parametrize("build", POLICIES.values())
@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((np.array([0.5, 0.4]), 1, 1.0, 9.0), "probabilities add up to 0.9"),
        ((POISSON, -1, 1.0, 9.0), "lead_time is -1"),
        ((POISSON, 1, 0.0, 9.0), "holding_cost is 0.0"),
        ((POISSON, 1, 1.0, np.inf), "underage_cost is inf"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(build, arguments, field):
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        build(*arguments)


def test_bad_choices_name_the_field_the_value_and_the_remedy():
    with pytest.raises(ValueError, match="periods is 0; give"):
        myopic_policy(POISSON, 1, 1.0, 9.0, periods=0)
    with pytest.raises(ValueError, match="holding_of is 'all'; give 'order' or 'stock'"):
        dual_balancing_policy(POISSON, 1, 1.0, 9.0, holding_of="all")
    with pytest.raises(ValueError, match=r"lead_time 12 .*GiB.*shorten the lead time"):
        myopic_policy(POISSON, 12, 1.0, 9.0)
