"""Instances: what a config draws, that draws do not disturb each other, and every refusal."""

from __future__ import annotations

import datetime

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from examples import depots_and_stores, problem_config, sales_file
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.config import NodeConfig
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.instance import (
    build_instance,
    draw_parameters,
    series_count,
    series_periods,
)
from neuroinv.problems.inventory.network import demand_locations
from neuroinv.types import InputError

MEANS = """3.743 4.75 4.555 3.801 6.852 3.425 2.598 7.266 5.902 4.933 7.325 4.467 2.898 4.257 3.318
7.416 6.903 4.97 4.505 4.756 6.104 3.739 5.614 3.212 3.506 2.906 7.267 2.779 5.498 6.115 7.351 6.608
5.138 4.157 4.27 2.895 5.28 3.329 3.976 6.703 4.313 4.204 6.052 2.659 4.862 6.158 6.366 3.706 4.031
3.183"""
STDS = """1.765 2.124 1.622 1.405 1.714 1.59 0.879 2.701 2.127 2.391 3.145 2.055 0.936 1.953 1.201
2.39 2.422 2.236 2.09 2.04 2.722 1.748 1.643 1.157 1.554 1.395 2.457 0.777 1.888 1.808 1.852 3.166
2.251 1.151 1.79 1.114 2.013 1.344 1.714 1.79 1.582 1.536 2.759 0.91 1.675 1.643 2.071 1.734 1.497
0.963"""
HOLDING = """1.0856 1.0232 1.0071 1.0662 0.9958 0.8287 0.8464 1.0433 1.1636 0.8864 0.9424 1.0581
0.8449 1.2434 0.7955 1.0532 0.8572 1.2258 1.2514 0.763 1.2824"""
UNDERAGE = """10.2367 9.3307 6.9748 8.447 10.5191 9.0594 7.2865 10.909 11.459 11.6148 7.3406 11.5423
7.568 6.4423 11.4087 11.2773 7.8875 7.1979 8.4353 9.0576 7.9634"""
SHORT_LEAD_TIMES = "2 3 2 2 2 3 3 3 3 3 2 3 2 2 3 3 2 2 2 2"
LONG_LEAD_TIMES = "2 5 2 4 2 3 5 3 5 3 4 3 2 2 5 5 4 4 2 2"


@pytest.mark.parametrize("stores", [50, 21, 5])
def test_the_published_instances_are_reproduced_to_the_printed_digit(stores):
    store = {
        "kind": "demand",
        "count": stores,
        "holding_cost": {"low": 0.7, "high": 1.3, "reference_seed": 73},
        "underage_cost": {"low": 6.3, "high": 11.7, "reference_seed": 28},
    }
    demand = {
        "distribution": "normal",
        "mean": {"low": 2.5, "high": 7.5, "decimals": 3, "reference_seed": 33},
        "coefficient_of_variation": {"low": 0.25, "high": 0.5, "reference_seed": 92},
    }
    for high, printed_lead_times in ((3, SHORT_LEAD_TIMES), (5, LONG_LEAD_TIMES)):
        lead_time = {"low": 2, "high": high, "reference_seed": 41}
        config = problem_config(
            nodes={"supplier": {"kind": "supply"}, "store": store},
            edges={"road": {"source": "supplier", "destination": "store", "lead_time": lead_time}},
            demand=demand,
            lead_time_bound=high,
        )
        params = draw_parameters(build_instance(config), "test", 2)
        for drawn, printed, decimals in (
            (params.demand.mean, MEANS, 3),
            (params.demand.std, STDS, 3),
            (params.holding_cost, HOLDING, 4),
            (params.underage_cost, UNDERAGE, 4),
            (params.lead_time, printed_lead_times, 0),
        ):
            first = np.array(printed.split(), float)[:stores]
            shown = np.asarray(drawn, np.float64)[:, : len(first)].round(decimals)
            np.testing.assert_allclose(shown, np.broadcast_to(first, shown.shape), rtol=1e-6)


def params_of(config, split="train", scenarios=6):
    return draw_parameters(build_instance(config), split, scenarios)


@pytest.mark.parametrize(
    ("vary", "over_scenarios", "over_stores"),
    [("location", False, True), ("scenario", True, False), ("both", True, True)],
)
def test_a_range_varies_between_locations_scenarios_or_both(vary, over_scenarios, over_stores):
    params = params_of(depots_and_stores(vary), scenarios=40)
    for drawn in (params.holding_cost[:, 2:], params.lead_time[:, 2:]):
        drawn = np.asarray(drawn)
        assert np.any(drawn != drawn[:1]) == over_scenarios
        assert np.any(drawn != drawn[:, :1]) == over_stores
    assert np.asarray(params.holding_cost[:, 2:]).min() >= 1
    assert np.asarray(params.holding_cost[:, 2:]).max() < 9
    if vary == "both":
        assert set(np.unique(params.lead_time[:, 2:])) == {0, 1, 2, 3, 4}, "both ends included"


def test_lists_and_numbers_stand_where_they_are_given():
    params = params_of(depots_and_stores(underage_cost=[4.0, 5.0, 6.0]))
    np.testing.assert_array_equal(params.holding_cost[:, :2], [[0.25, 0.5]] * 6)
    np.testing.assert_array_equal(params.lead_time[:, :2], [[1, 3]] * 6)
    np.testing.assert_array_equal(params.underage_cost, [[4, 5, 6]] * 6)
    np.testing.assert_array_equal(params.procurement_cost, np.zeros((6, 8)))
    network = build_instance(depots_and_stores()).network
    names = [node.name for node in network.nodes]
    assert names == ["supplier", "depot_0", "depot_1", "store_0", "store_1", "store_2"]
    ends = [(names[edge.source], names[edge.destination]) for edge in network.edges]
    assert ends[:3] == [("supplier", "depot_0"), ("supplier", "depot_1"), ("depot_0", "store_0")]
    assert ends[3:6] == [("depot_0", "store_1"), ("depot_0", "store_2"), ("depot_1", "store_0")]


@settings(deadline=None, max_examples=15)
@given(
    st.sampled_from([1, 7]),
    st.sampled_from([7, 30]),
    st.sampled_from(["location", "scenario", "both"]),
    st.sampled_from(["train", "dev", "test"]),
)
def test_the_first_scenarios_are_the_same_whatever_the_count(few, more, vary, split):
    small, large = (params_of(depots_and_stores(vary), split, count) for count in (few, more))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[:few]), small, large)


def test_what_varies_is_drawn_afresh_for_each_split_and_the_instance_is_not():
    drawn = {
        vary: [
            np.asarray(params_of(depots_and_stores(vary), split).holding_cost[:, 2:])
            for split in ("train", "dev", "test")
        ]
        for vary in ("location", "scenario", "both")
    }
    for other in drawn["location"][1:]:
        np.testing.assert_array_equal(other, drawn["location"][0])
    for vary in ("scenario", "both"):
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert np.all(drawn[vary][one] != drawn[vary][other])


def test_a_seed_that_would_draw_the_same_for_all_splits_is_refused():
    cost = {"low": 1.0, "high": 9.0, "vary": "scenario", "reference_seed": 28}
    with pytest.raises(InputError, match=r"reference_seed and vary=scenario, .*; remove reference"):
        params_of(depots_and_stores(underage_cost=cost))


def test_one_more_field_changes_no_other():
    cost = {"low": 1.0, "high": 9.0, "vary": "both"}
    before, after = params_of(depots_and_stores()), params_of(depots_and_stores(underage_cost=cost))
    np.testing.assert_array_equal(before.holding_cost, after.holding_cost)
    np.testing.assert_array_equal(before.lead_time, after.lead_time)
    # Equal ranges of two fields are two draws.
    assert np.all(after.underage_cost != after.holding_cost[:, 2:])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"edges": {"road": {"source": "suplier", "destination": "store", "lead_time": 1}}},
            ["problem.edges.road.source", "'suplier'", "did you mean 'supplier'?"],
        ),
        (
            {"edges": {"road": {"source": "supplier", "destination": "shop", "lead_time": 1}}},
            ["problem.edges.road.destination", "'shop'"],
        ),
        (
            {"lead_time_bound": 1},
            ["problem.edges.delivery.lead_time is 2", "problem.lead_time_bound=1", "raise"],
        ),
        (
            {
                "edges": {
                    "road": {
                        "source": "supplier",
                        "destination": "store",
                        "lead_time": {"low": 0, "high": 5},
                    }
                }
            },
            ["problem.edges.road.lead_time is 5", "problem.lead_time_bound=4"],
        ),
    ],
)
def test_a_wrong_graph_is_refused_in_one_sentence(change, words):
    with pytest.raises(InputError) as refusal:
        build_instance(problem_config(**change))
    assert all(word in str(refusal.value) for word in words)
    assert "\n" not in str(refusal.value)


def test_a_list_of_the_wrong_length_is_refused():
    with pytest.raises(InputError, match=r"nodes\.store\.underage_cost lists 2 .* there are 3;"):
        params_of(depots_and_stores(underage_cost=[4.0, 5.0]))
    config = problem_config(demand={"distribution": "poisson", "mean": [5.0, 6.0]})
    with pytest.raises(InputError, match=r"demand\.mean lists 2 values but there are 1;"):
        params_of(config)


@pytest.mark.parametrize(
    ("demand", "variance"),
    [
        ({"distribution": "normal", "std": 1.5}, 2.25),
        ({"distribution": "poisson"}, 5),
        ({"distribution": "geometric"}, 30),
        ({"distribution": "negative_binomial", "variance": 5.5}, 5.5),
    ],
)
def test_mean_and_spread_are_those_of_the_distribution(demand, variance):
    drawn = params_of(problem_config(demand={"mean": 5, **demand})).demand
    np.testing.assert_allclose(drawn.mean, np.full((6, 1), 5), rtol=1e-6)
    np.testing.assert_allclose(drawn.std, np.full((6, 1), np.sqrt(variance)), rtol=1e-6)


@pytest.mark.parametrize("mean", [5, 6, {"low": 1, "high": 5.1, "vary": "scenario"}])
def test_negative_binomial_demand_that_varies_no_more_than_poisson_is_refused(mean):
    demand = {"distribution": "negative_binomial", "mean": mean, "variance": 5}
    with pytest.raises(InputError, match="raise it above the mean, or use poisson") as refusal:
        params_of(problem_config(demand=demand), scenarios=500)
    words = str(refusal.value).split(";")[0].split()
    assert words[:3] == ["problem.demand.variance", "is", "5"]
    assert float(words[-1]) >= 5, "the scenario named is one that is wrong"


def test_tables_of_demand_are_refused_where_all_together_are_too_large(monkeypatch):
    config = problem_config()
    entries = params_of(config, scenarios=6).demand.cumulative.size
    monkeypatch.setattr("neuroinv.problems.inventory.synthetic.MOST_ENTRIES", entries)
    params_of(config, scenarios=6)
    with pytest.raises(InputError, match=r"mean is up to 5, which for 7 scenarios .* too large"):
        params_of(config, scenarios=7)


def test_tables_of_large_means_are_refused_before_any_quantile_is_computed(monkeypatch):
    monkeypatch.setattr(type(scipy.stats.poisson(1.0)), "isf", None)
    demand = {"distribution": "poisson", "mean": 1e9}
    with pytest.raises(InputError, match=r"mean is up to 1e\+09, which for 9 scenarios"):
        params_of(problem_config(demand=demand), scenarios=9)


PAST = 3


def recorded(folder, stores=1, **demand):
    ranges = {"train": (0, 10), "dev": (7, 15), "test": (12, 20)}
    store = {"kind": "demand", "count": stores, "underage_cost": 9.0}
    cost = {"low": 1.0, "high": 9.0, "vary": "scenario"}
    return problem_config(
        nodes={"supplier": {"kind": "supply"}, "store": {**store, "underage_cost": cost}},
        demand={
            "distribution": "series",
            "path": sales_file(folder),
            "past_periods": PAST,
            **ranges,
            **demand,
        },
    )


@pytest.mark.parametrize("stores", [1, 2])
def test_recorded_sales_are_history_then_demand_and_keep_their_parameters(tmp_path, stores):
    instance = build_instance(recorded(tmp_path, stores))
    count = series_count(instance)
    assert count == 8 // stores
    base = np.array([100 * i + 10 * p for i in range(4) for p in range(2)]).reshape(-1, 1, stores)
    costs = []
    for split, (start, stop) in {"train": (0, 10), "dev": (7, 15), "test": (12, 20)}.items():
        params = draw_parameters(instance, split, count)
        assert series_periods(instance, split) == stop - start - PAST
        sold = base + np.arange(start, stop)[None, :, None]
        np.testing.assert_array_equal(params.history, sold[:, :PAST])
        np.testing.assert_array_equal(params.demand.recorded, sold[:, PAST:])
        np.testing.assert_allclose(params.demand.mean, sold[:, :PAST].mean(axis=1), rtol=1e-6)
        np.testing.assert_allclose(params.demand.std, sold[:, :PAST].std(axis=1), rtol=1e-6)
        assert params.calendar.shape == (count, stop - start - PAST + 1, 1)
        # Entry by entry the days from the nearest Christmas, from the first period decided upon.
        weeks = start + PAST + np.arange(stop - start - PAST)
        dates = [datetime.date(2020, 1, 7) + datetime.timedelta(7 * int(week)) for week in weeks]
        to_christmas = [
            [(day - datetime.date(y, 12, 25)).days for y in (2019, 2020)] for day in dates
        ]
        days = np.array([min(distances, key=abs) for distances in to_christmas])
        seen = np.asarray(params.calendar)[:, :-1, 0]
        np.testing.assert_allclose(seen * days[0], np.outer(seen[:, 0], days), rtol=1e-5)
        assert np.all(seen * days > 0)
        costs.append(np.asarray(params.underage_cost))
        few = draw_parameters(instance, split, 3)
        jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[:3]), few, params)
    np.testing.assert_array_equal(costs[0], costs[1])
    np.testing.assert_array_equal(costs[0], costs[2])
    assert len(np.unique(costs[0][:, 0])) == count


def test_a_split_beyond_the_data_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'problem\.demand\.test' .* 12 to 21 .* 20 periods"):
        build_instance(recorded(tmp_path, test=(12, 21)))


def test_a_network_with_other_locations_than_the_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has 3 demand nodes but .* has 2 locations;"):
        build_instance(recorded(tmp_path, stores=3))


def test_scenarios_of_padded_graphs_differ_in_who_is_there():
    """Who is not there wants nothing, holds nothing, and costs nothing while nothing is ordered."""
    present = {"low": 0, "high": 1, "vary": "both"}
    instance = build_instance(depots_and_stores(present=present))
    params = draw_parameters(instance, "train", 200)
    who = np.asarray(params.present)
    assert set(np.unique(who)) == {0, 1}
    assert len(np.unique(who, axis=0)) == 2**3, "every set of stores"
    problem = inventory_problem(instance.network)
    keys = jax.random.split(jax.random.key(0), 200)
    state = jax.vmap(problem.init)(params, keys)
    demand = jax.vmap(lambda p, k: problem.exogenous(p, k, 9))(params, keys).demand
    stores = np.asarray(demand_locations(instance.network))
    for values in (demand.sum(axis=1), state.on_hand[:, stores]):
        np.testing.assert_array_equal(np.asarray(values)[who == 0], 0)
        assert np.any(np.asarray(values)[who == 1] > 0)
    nobody = jax.tree.map(lambda leaf: leaf[np.flatnonzero(who.sum(axis=1) == 0)[0]], params)
    noise = problem.exogenous(nobody, jax.random.key(1), 1)
    start = problem.init(nobody, jax.random.key(2))
    orders = jnp.zeros(len(instance.network.edges))
    _, outcome = problem.step(nobody, start, orders, jax.tree.map(lambda leaf: leaf[0], noise))
    assert sum(outcome.costs) == 0


@pytest.mark.parametrize(
    ("kind", "present", "message"),
    [
        ("demand", 0.5, "must be 0 or 1 but is 0.5; give one of them"),
        ("stocking", 0, "present is of no effect on a stocking"),
    ],
)
def test_presence_that_cannot_be_is_refused(kind, present, message):
    with pytest.raises(ValueError, match=message):
        NodeConfig(kind, present=present)
