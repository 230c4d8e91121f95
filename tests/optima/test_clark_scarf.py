"""Serial systems against published cells, an independent library, enumeration and quadrature."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from neuroinv.optima.clark_scarf import (
    serial_cost_discrete,
    serial_cost_normal,
    serial_optimum_discrete,
    serial_optimum_normal,
)
from neuroinv.optima.demand_sums import discrete_sum
from neuroinv.optima.newsvendor import backlogged_cost_normal, backlogged_optimum_discrete

UNDERAGE = (4, 9, 19, 39)
# Demand Normal(5, 2^2) clipped at zero: lead times and holding costs from upstream to downstream,
# underage cost, then the published cost and echelon base-stock levels.
FOUR = (0.1, 0.2, 0.5, 1.0)
BY_LEAD_TIME = {
    1: (
        (6.8986, 64.42, 54.28, 30.68, 13.62),
        (8.3669, 67.36, 56.82, 32.54, 14.66),
        (9.6080, 69.72, 58.86, 34.08, 15.54),
        (10.7009, 71.72, 60.62, 35.42, 16.34),
    ),
    3: (
        (8.2059, 74.64, 64.62, 41.30, 25.12),
        (10.0367, 77.92, 67.50, 43.54, 26.58),
        (11.5919, 80.54, 69.84, 45.40, 27.84),
        (12.9648, 82.78, 71.84, 47.02, 28.96),
    ),
    4: (
        (8.7525, 79.76, 69.80, 46.60, 30.74),
        (10.7339, 83.18, 72.82, 49.00, 32.36),
        (12.4201, 85.94, 75.28, 51.00, 33.76),
        (13.9100, 88.28, 77.40, 52.74, 35.02),
    ),
}
BY_LENGTH = [
    ((2, 3, 4), (0.1, 0.5, 1.0), 9, (9.8688, 60.60, 48.40, 32.36)),
    (
        (2, 4, 1, 3, 4),
        (0.1, 0.2, 0.25, 0.5, 1.0),
        9,
        (10.9865, 88.68, 78.46, 55.84, 49.36, 32.36),
    ),
    (
        (2, 4, 1, 3, 2, 3, 4),
        (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0),
        9,
        (12.2890, 115.68, 105.90, 84.58, 79.78, 61.90, 51.02, 32.36),
    ),
]
PUBLISHED = [
    ((2, 4, 3, lead_time), FOUR, underage, cell)
    for lead_time, cells in BY_LEAD_TIME.items()
    for underage, cell in zip(UNDERAGE, cells, strict=True)
] + BY_LENGTH
UNIT = 0.02  # to which the published computation rounded demand

small_demand = st.lists(st.integers(0, 4), min_size=2, max_size=4).filter(lambda x: any(x[1:]))


@st.composite
def small_systems(draw, most_locations=3):
    """Demand, lead times, holding costs that do not decrease, and an underage cost."""
    weights = np.array(draw(small_demand))
    count = draw(st.integers(1, most_locations))
    lead_times = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    rises = draw(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=count, max_size=count))
    underage = draw(st.sampled_from([0.5, 4.0, 39.0]))
    return weights / weights.sum(), lead_times, list(0.2 + np.cumsum(rises)), underage


@pytest.mark.parametrize(("lead_times", "holding", "underage", "cell"), PUBLISHED)
def test_every_published_cell(lead_times, holding, underage, cell):
    below = stats.norm(5.0, 2.0).cdf((np.arange(1200) + 0.5) * UNIT)
    rounded = np.diff(below, prepend=0.0) / below[-1]
    as_printed = serial_optimum_discrete(rounded, lead_times, holding, underage)
    assert f"{as_printed.cost * UNIT:.4f}" == f"{cell[0]:.4f}"
    np.testing.assert_allclose(as_printed.levels * UNIT, cell[1:], atol=1e-9)
    exact = serial_optimum_normal(5.0, 2.0, lead_times, holding, underage, clipped=True)
    assert exact.cost == pytest.approx(cell[0], abs=1e-4)
    np.testing.assert_allclose(exact.levels, cell[1:], atol=0.0125)


@pytest.mark.parametrize("seed", range(8))
def test_an_independent_library_agrees(seed, monkeypatch):
    serial = pytest.importorskip("stockpyl.ssm_serial")
    sources = pytest.importorskip("stockpyl.demand_source")

    def find_nearest(grid, values, *_):
        """As the library's, which NumPy 2 refuses, for its evenly spaced grids."""
        nearest = np.rint((np.asarray(values) - grid[0]) / (grid[1] - grid[0]))
        return np.clip(nearest, 0, len(grid) - 1).astype(int)

    monkeypatch.setattr(serial, "find_nearest", find_nearest)
    generator = np.random.default_rng(seed)
    count = int(generator.integers(2, 5))
    demand = generator.multinomial(64, np.full(4, 0.25)) / 64
    lead_times = [*generator.integers(1, 4, count - 1), generator.integers(0, 3)]
    holding = np.sort(generator.uniform(0.2, 3.0, count))
    underage = float(generator.uniform(1.0, 20.0))
    # There a period's demand comes before its order arrives, and stock in transit costs what it
    # would upstream.
    their_lead_times = [int(periods) for periods in (*lead_times[:-1], lead_times[-1] + 1)]
    in_transit = np.arange(4) @ demand * (np.append(0.0, holding[:-1]) @ their_lead_times)
    system = {
        "num_nodes": count,
        "echelon_holding_cost": [float(rise) for rise in np.diff(holding, prepend=0.0)],
        "lead_time": their_lead_times,
        "stockout_cost": underage,
        "demand_source": sources.DemandSource(
            type="CD", demand_list=[0, 1, 2, 3], probabilities=[float(x) for x in demand]
        ),
    }
    levels, cost = serial.optimize_base_stock_levels(**system)
    optimum = serial_optimum_discrete(demand, lead_times, holding, underage)
    assert optimum.cost == pytest.approx(cost - in_transit, rel=1e-10)
    np.testing.assert_array_equal(optimum.levels, [levels[count - i] for i in range(count)])
    others = generator.integers(1, 14, count)
    expected = serial.expected_cost({count - i: int(others[i]) for i in range(count)}, **system)
    ours = serial_cost_discrete(others, demand, lead_times, holding, underage)
    assert ours == pytest.approx(expected - in_transit, rel=1e-10)


def test_snyder_and_shen_example_6_1():
    optimum = serial_optimum_normal(5.0, 1.0, (2, 1, 0), (2.0, 4.0, 7.0), 37.12, clipped=False)
    in_transit = 5.0 * (2.0 * 1 + 4.0 * 1)
    assert optimum.cost + in_transit == pytest.approx(47.65, abs=0.02)
    np.testing.assert_allclose(optimum.levels, [22.71, 12.02, 6.49], atol=0.006)


@given(small_systems(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_cost_of_any_levels_is_that_of_all_demands_enumerated(system, data):
    demand, lead_times, holding, underage = system
    levels = [data.draw(st.floats(-3.0, 9.0)) for _ in lead_times]
    periods = [*(max(lead_time, 1) for lead_time in lead_times[:-1]), lead_times[-1] + 1]
    outcomes = [enumerate(discrete_sum(demand, count)) for count in periods]
    mean = np.arange(demand.size) @ demand
    expected = 0.0
    for path in itertools.product(*outcomes):
        position, cost = np.inf, 0.0
        for index, (demanded, _) in enumerate(path):
            ordered = min(levels[index], position)
            if index:
                cost += holding[index - 1] * (position - ordered)
            position = ordered - demanded
        cost += holding[-1] * max(position, 0.0) + underage * max(-position, 0.0)
        expected += cost * np.prod([probability for _, probability in path])
    # What comes at once, but after the next location was served, is held for a period.
    expected += mean * sum(holding[i] for i in range(len(levels) - 1) if lead_times[i] == 0)
    exact = serial_cost_discrete(levels, demand, lead_times, holding, underage)
    assert exact == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(small_systems(most_locations=2))
@settings(max_examples=25, deadline=None)
def test_no_levels_cost_less_than_the_optimum_whole_or_not(system):
    optimum = serial_optimum_discrete(*system)
    most = (system[0].size - 1) * (sum(system[1]) + len(system[1]) + 1)
    grids = itertools.product(np.arange(-1.0, most + 1.0, 0.5), repeat=len(system[1]))
    least = min(serial_cost_discrete(levels, *system) for levels in grids)
    assert optimum.cost == pytest.approx(least, abs=1e-9)


@given(small_systems())
@settings(max_examples=25, deadline=None)
def test_a_level_above_the_one_upstream_is_as_good_as_that_one(system):
    levels = [9.0 - 2.5 * index for index in range(len(system[1]))]
    higher = [levels[0], *(level + 20.0 for level in levels[1:])]
    capped = [levels[0] for _ in levels]
    assert serial_cost_discrete(higher, *system) == pytest.approx(
        serial_cost_discrete(capped, *system), rel=1e-12
    )


@given(small_systems(most_locations=1))
@settings(max_examples=25, deadline=None)
def test_one_location_is_the_single_store(system):
    demand, (lead_time,), (holding,), underage = system
    store = backlogged_optimum_discrete(demand, lead_time, holding, underage)
    serial = serial_optimum_discrete(*system)
    assert (serial.levels[0], serial.cost) == (store.level, pytest.approx(store.cost, abs=1e-12))


@pytest.mark.parametrize("clipped", [False, True])
def test_two_locations_under_normal_demand_match_quadrature(clipped):
    """With demand hardly ever clipped, both kinds have the same normal sums."""
    mean, std, lead_times, holding, underage = 9.0, 1.5, (2, 3), (0.4, 1.0), 9.0
    levels = (57.0, 38.5)
    passed_on = stats.norm(2 * mean, std * np.sqrt(2))
    corner = levels[0] - levels[1]

    def term(demanded):
        stock = levels[0] - demanded
        at_first = max(stock - levels[1], 0.0)
        at_second = backlogged_cost_normal(
            stock - at_first, mean, std, lead_times[1], holding[1], underage, clipped=False
        )
        return passed_on.pdf(demanded) * (holding[0] * at_first + at_second)

    bounds = (2 * mean - 10 * std, corner, 2 * mean + 14 * std)
    expected = sum(quad(term, *piece, epsabs=1e-11)[0] for piece in itertools.pairwise(bounds))
    exact = serial_cost_normal(levels, mean, std, lead_times, holding, underage, clipped)
    assert exact == pytest.approx(expected, rel=1e-7)


def test_clipping_matters_where_demand_varies_much():
    system = ((2, 1), (0.4, 1.0), 9.0)
    free = serial_optimum_normal(2.0, 2.0, *system, clipped=False)
    clipped = serial_optimum_normal(2.0, 2.0, *system, clipped=True)
    assert clipped.cost < 0.95 * free.cost


WRONG: Any = 1.5
TWO = ((1, 2), (0.5, 1.0), 9.0)
COIN = np.array([0.5, 0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: serial_optimum_discrete(COIN / 2, *TWO), "probabilities add up to 0.5"),
        (lambda: serial_optimum_discrete(COIN, (1, WRONG), *TWO[1:]), "lead_time is 1.5"),
        (lambda: serial_optimum_discrete(COIN, (1,), *TWO[1:]), "lead_times has 1 .*holding.* 2"),
        (lambda: serial_optimum_discrete(COIN, (), (), 9.0), "lead_times has 0 "),
        (lambda: serial_optimum_discrete(COIN, (1, 2), (0.0, 1.0), 9.0), "holding_cost is 0.0"),
        (
            lambda: serial_optimum_discrete(COIN, (1, 2), (1.0, 0.5), 9.0),
            "holding_costs is .*1.0, ",
        ),
        (lambda: serial_optimum_discrete(COIN, (1, 2), (0.5, 1.0), -1.0), "underage_cost is -1.0"),
        (lambda: serial_cost_discrete((1.0,), COIN, *TWO), "levels has 1 entries for 2"),
        (lambda: serial_cost_discrete((1.0, np.nan), COIN, *TWO), "level is nan"),
        (lambda: serial_optimum_normal(5.0, 0.0, *TWO, clipped=True), "std is 0.0"),
        (lambda: serial_optimum_normal(np.nan, 1.0, *TWO, clipped=False), "mean is nan"),
        (lambda: serial_cost_normal((1, 1), -99.0, 1.0, *TWO, clipped=True), "mean is -99.0"),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_remedy(call, message):
    with pytest.raises(ValueError, match=f"{message}.*(give|scale)"):
        call()
