"""The schema: documented, strict, and clear about what is wrong."""

import dataclasses

import pytest
from pydantic import TypeAdapter
from small_runs import small_mapping

from neuroinv.config import digest, parse, schemas, to_mapping
from neuroinv.types import InputError


def changed(mapping: dict, path: str, value: object) -> dict:
    *folders, last = path.split(".")
    inner = mapping
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return mapping


def test_every_key_says_what_it_means():
    for name, schema in schemas().items():
        described = TypeAdapter(schema).json_schema()["properties"]
        for field in dataclasses.fields(schema):
            assert described[field.name].get("description"), f"{name}.{field.name}"


def test_a_config_survives_the_way_through_a_mapping(tmp_path):
    config = parse(small_mapping(tmp_path))
    assert parse(to_mapping(config)) == config
    assert digest(parse(to_mapping(config))) == digest(config)


def test_nine_and_nine_point_zero_are_one_run(tmp_path):
    path = "problem.nodes.store.underage_cost"
    whole = parse(changed(small_mapping(tmp_path), path, 9))
    real = parse(changed(small_mapping(tmp_path), path, 9.0))
    assert digest(whole) == digest(real)


WRONG = {
    "training.stepz": (5, r"training\.stepz is not a key.*did you mean 'steps'"),
    "training.steps": ("many", r"training\.steps is 'many'; it should be a valid integer"),
    "training.batch": (0, r"training\.batch is 0; it should be greater than or equal to 1"),
    "training.seeds": (12, "seeds=12 is no multiple of seed_chunk=8"),
    "training.steps_between_dev": (7, "steps=20 is no multiple of steps_between_dev=7"),
    "training.train.burn_in": (20, "burn_in=20 leaves none of the 20 periods"),
    "problem.nodes.store.holding_cost": (-1, "holding_cost must not be negative but is -1"),
    "problem.nodes.store.underage_cost": (float("nan"), r"underage_cost is nan"),
    "problem.nodes.store.count": (0, r"count is 0"),
    "problem.edges.order.lead_time": (1.5, "lead_time must be whole periods but is 1.5"),
    "problem.edges.order.procurement_cost": ([1, -2], "must not be negative but is -2"),
    "problem.demand.mean": (0, "mean must be positive"),
    "problem.demand.distribution": ("poison", "demand.distribution is 'poison'; choose from"),
    "problem.unmet_demand": ("last", "unmet_demand is 'last'; it should be 'lost' or"),
    "policy.observes": (["tomorrow"], "observes"),
    "problem.nodes.store.holding_cost ": ({"low": 2, "high": 1}, "not a key"),
}


@pytest.mark.parametrize("path", WRONG)
def test_wrong_values_are_one_sentence(tmp_path, path):
    value, expected = WRONG[path]
    with pytest.raises(InputError, match=expected) as raised:
        parse(changed(small_mapping(tmp_path), path, value))
    assert "\n" not in str(raised.value)


def test_a_range_upside_down_is_one_sentence(tmp_path):
    path = "problem.nodes.store.holding_cost"
    with pytest.raises(InputError, match=r"holding_cost: high=1 is below low=2"):
        parse(changed(small_mapping(tmp_path), path, {"low": 2, "high": 1}))


def test_a_missing_key_is_one_sentence(tmp_path):
    mapping = small_mapping(tmp_path)
    del mapping["problem"]["unmet_demand"]
    with pytest.raises(InputError, match=r"problem\.unmet_demand is missing"):
        parse(mapping)
