"""Edges to some members of a group, and networks over some locations of a table."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from examples import problem_config, sales_file

from neuroinv.config import InventoryConfig, NodeConfig
from neuroinv.problems.inventory.instance import build_instance, draw_parameters
from neuroinv.types import InputError


def linked(**second: object) -> InventoryConfig:
    return problem_config(
        nodes={
            "supplier": {"kind": "supply"},
            "warehouse": {"kind": "stocking", "count": 2},
            "store": {"kind": "demand", "count": 3, "underage_cost": 9.0},
        },
        edges={
            "in": {"source": "supplier", "destination": "warehouse", "lead_time": 1},
            "first": {"source": "warehouse_0", "destination": "store", "lead_time": 1},
            "second": {"source": "warehouse_1", "destination": "store", **second},
        },
    )


def test_an_edge_may_lead_to_some_members_each_with_its_own_lead_time_and_cost():
    instance = build_instance(linked(members=[2, 0], lead_time=[2, 1], procurement_cost=[5, 7]))
    names = [node.name for node in instance.network.nodes]
    links = [(names[edge.source], names[edge.destination]) for edge in instance.network.edges]
    assert len(links) == 2 + 3 + 2
    assert links[-2:] == [("warehouse_1", "store_2"), ("warehouse_1", "store_0")]
    params = draw_parameters(instance, "test", 2)
    np.testing.assert_array_equal(params.lead_time[:, -2:], [[2, 1]] * 2)
    np.testing.assert_array_equal(params.procurement_cost[:, -2:], [[5, 7]] * 2)


def test_a_member_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"second\.members names 3, but .store. has"):
        build_instance(linked(members=[3], lead_time=1))


def test_a_group_named_like_a_member_of_another_is_refused():
    config = linked(lead_time=1)
    nodes = config.nodes | {"warehouse_0": NodeConfig("stocking", count=2)}
    with pytest.raises(InputError, match=r"nodes\.warehouse_0 has the name of one member of"):
        build_instance(dataclasses.replace(config, nodes=nodes))


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"members": [2, 0], "lead_time": [1, 2, 3]}, "lead_time lists 3 values but there are 2"),
        ({"lead_time": [1, 2]}, "lead_time lists 2 values but there are 3"),
        (
            {"lead_time": 1, "procurement_cost": [1, 2]},
            "procurement_cost lists 2 values but there are 3",
        ),
    ],
)
def test_a_list_has_a_value_for_each_member(second, said):
    with pytest.raises(InputError, match=rf"problem\.edges\.second\.{said}; give one for each"):
        draw_parameters(build_instance(linked(**second)), "test", 2)


def series_problem(path: str, stores: int, **demand: object) -> InventoryConfig:
    ranges = {"train": [0, 10], "dev": [5, 15], "test": [10, 20], "past_periods": 4}
    return problem_config(
        nodes={
            "supplier": {"kind": "supply"},
            "store": {"kind": "demand", "count": stores, "underage_cost": 9.0},
        },
        edges={"road": {"source": "supplier", "destination": "store", "lead_time": 1}},
        demand={"distribution": "series", "path": path, **ranges, **demand},
    )


def test_chosen_locations_come_in_the_order_they_are_named(tmp_path):
    path = sales_file(tmp_path, items=4, places=3)
    instance = build_instance(series_problem(path, 2, locations=["p2", "p0"]))
    recorded = draw_parameters(instance, "test", 4).demand.recorded
    assert recorded.shape == (4, 6, 2)
    for item in range(4):
        np.testing.assert_array_equal(recorded[item, 0], [100 * item + 20 + 14, 100 * item + 14])


def test_one_store_takes_the_series_of_the_chosen_locations_only(tmp_path):
    path = sales_file(tmp_path, items=4, places=3)
    instance = build_instance(series_problem(path, 1, locations=["p1"]))
    first = draw_parameters(instance, "test", 4).demand.recorded[:, 0, 0]
    np.testing.assert_array_equal(first, [100 * item + 10 + 14 for item in range(4)])


@pytest.mark.parametrize(
    ("locations", "message"),
    [(["p0", "q1"], "names 'q1', which .* has not"), (["p0", "p0"], "names 'p0' twice")],
)
def test_a_wrong_choice_of_locations_is_named(tmp_path, locations, message):
    path = sales_file(tmp_path, items=4, places=3)
    with pytest.raises(InputError, match=message):
        build_instance(series_problem(path, 2, locations=locations))


def test_a_location_that_never_sells_is_refused(tmp_path):
    path = sales_file(tmp_path, items=4, places=3)
    silent = pl.when(pl.col("location") == "p1").then(0).otherwise(pl.col("quantity"))
    pl.read_csv(path).with_columns(silent.alias("quantity")).write_csv(path)
    build_instance(series_problem(path, 2, locations=["p0", "p2"]))
    with pytest.raises(InputError, match=r"never sells in p1 within .*; choose other"):
        build_instance(series_problem(path, 2, locations=["p0", "p1"]))


def test_an_item_that_a_chosen_location_never_sold_is_refused(tmp_path):
    path = sales_file(tmp_path, items=4, places=3)
    table = pl.read_csv(path)
    table.filter((pl.col("item") != "item1") | (pl.col("location") != "p1")).write_csv(path)
    build_instance(series_problem(path, 2, locations=["p0", "p2"]))
    with pytest.raises(InputError, match="lacks some item in some location"):
        build_instance(series_problem(path, 2, locations=["p0", "p1"]))
