"""The schema: documented, strict, and clear about what is wrong."""

import copy
import dataclasses
import functools
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from small_runs import small_mapping

from neuroinv.config import digest, parse, schemas, to_mapping
from neuroinv.types import InputError


@functools.cache
def composed() -> dict:
    return small_mapping(Path("results"))


def changed(changes: dict[str, object]) -> dict:
    """The mapping of a small run, some of its values replaced."""
    mapping = copy.deepcopy(composed())
    for path, value in changes.items():
        *folders, last = path.split(".")
        functools.reduce(dict.__getitem__, folders, mapping)[last] = value
    return mapping


def refusal(changes: dict[str, object]) -> str:
    """The sentence that the changed mapping is refused with."""
    with pytest.raises(InputError) as raised:
        parse(changed(changes))
    return str(raised.value)


def test_every_key_says_what_it_means():
    for name, schema in schemas().items():
        described = TypeAdapter(schema).json_schema()["properties"]
        for field in dataclasses.fields(schema):
            assert described[field.name].get("description"), f"{name}.{field.name}"


def test_a_config_survives_the_way_through_a_mapping():
    config = parse(composed())
    assert parse(to_mapping(config)) == config
    assert digest(parse(to_mapping(config))) == digest(config)


def test_nine_and_nine_point_zero_are_one_run():
    path = "problem.nodes.store.underage_cost"
    whole, real = (parse(changed({path: value})) for value in (9, 9.0))
    assert digest(whole) == digest(real)


LARGEST_SEED = 2**31 - 1
NORMAL = {"distribution": "normal", "mean": 5}
SERIES = {"distribution": "series", "path": "sales.csv"}
SERIES |= {"train": [0, 16], "dev": [0, 20], "test": [0, 20], "past_periods": 16}
WRONG = [
    ({"training.stepz": 5}, r"training\.stepz is not a key.*did you mean 'steps'"),
    ({"policy.series": 3}, r"policy\.series is not a key"),
    ({"training.steps": "many"}, r"training\.steps is 'many'; it should be a valid integer"),
    ({"training.batch": 0}, r"training\.batch is 0; it should be greater than or equal to 1"),
    ({"training.batch": 65}, r"batch=65 is more than the train\.scenarios=64"),
    ({"training.seeds": 12}, "seeds=12 is no multiple of seed_chunk=8"),
    ({"training.steps_between_dev": 7}, "steps=20 is no multiple of steps_between_dev=7"),
    ({"training.train.burn_in": 20}, "burn_in=20 leaves none of the 20 periods"),
    ({"problem.nodes.store.holding_cost": -1}, "holding_cost must not be negative but is -1"),
    (
        {"problem.nodes.store.holding_cost": {"low": 2, "high": 1}},
        "holding_cost: high=1 is below low=2",
    ),
    ({"problem.nodes.store.underage_cost": float("nan")}, r"underage_cost is nan"),
    ({"problem.nodes.store.count": 0}, r"count is 0"),
    (
        {"problem.nodes.supplier.holding_cost": 2},
        r"supplier: holding_cost is of no effect on a supply node; remove it, or give it "
        "for nodes of kind stocking or demand",
    ),
    ({"problem.nodes.store.holds_stock": False}, "holds_stock is of no effect on a demand"),
    ({"problem.edges.order.lead_time": 1.5}, "lead_time must be whole periods but is 1.5"),
    ({"problem.edges.order.procurement_cost": [1, -2]}, "must not be negative but is -2"),
    ({"problem.nodes.store.underage_cost": 1e20}, r"must be at most 1e\+09 but is 1e\+20"),
    ({"problem.demand.mean": 0}, "mean must be positive but is 0; give"),
    ({"problem.demand.mean": [5, 0, 5]}, "must be positive but number 2 of 3 is 0; give"),
    ({"problem.demand.distribution": "poison"}, "demand.distribution is 'poison'; choose from"),
    ({"problem.demand": NORMAL}, "problem.demand: needs either std or coefficient_of_variation"),
    (
        {"problem.demand": {**NORMAL, "std": 1, "coefficient_of_variation": 0.2}},
        "problem.demand: needs either std or coefficient_of_variation",
    ),
    ({"problem.demand": SERIES}, "train covers periods 0 to 16, no more than its history"),
    (
        {"problem.name": "../../escaped"},
        r"^problem\.name must name a folder but is '\.\./\.\./escaped'; use letters, digits",
    ),
    ({"problem.name": ".hidden"}, "must name a folder but is '.hidden'"),
    ({"problem.name": ""}, "must name a folder but is ''"),
    ({"problem.name": "a\n"}, "must name a folder"),
    ({"problem.unmet_demand": "last"}, "unmet_demand is 'last'; it should be 'lost' or"),
    ({"problem.initial_inventory": [2, 1]}, "initial_inventory goes from 2 down to 1; swap them"),
    (
        {"problem.objective": "profit", "problem.unmet_demand": "backlogged"},
        "objective is profit while unmet_demand is backlogged.*choose lost, or objective cost",
    ),
    (
        {"problem.whole_units": True, "problem.unmet_demand": "backlogged"},
        r"whole_units is true but .* is a fraction.*set initial_inventory to \[0, 0\]",
    ),
    ({"policy.observes": ["tomorrow"]}, "observes"),
    ({"problem.nodes.store.holding_costs": 1}, "holding_costs is not a key.*'holding_cost'"),
    ({"seed": -1}, "^seed is -1; it should be greater than or equal to 0"),
    ({"seed": LARGEST_SEED + 1}, "^seed is 2147483648; it should be less than or equal to"),
    ({"problem.seed": -1}, r"^problem\.seed is -1; it should be greater than or equal to 0"),
    ({"problem.seed": LARGEST_SEED + 1}, r"^problem\.seed is 2147483648; it should be less than"),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG, ids=[" ".join(one) for one, _ in WRONG])
def test_wrong_values_are_one_sentence(changes, expected):
    sentence = refusal(changes)
    assert re.search(expected, sentence), sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 0, "problem.seed": LARGEST_SEED},
        {"seed": LARGEST_SEED, "problem.seed": 0},
        {"problem.name": "two-Depots_2.5"},
        {"problem.initial_inventory": [1, 1]},
        {"problem.objective": "profit", "problem.unmet_demand": "lost"},
        {"problem.unmet_demand": "backlogged", "problem.initial_inventory": [0, 0]},
        {"problem.unmet_demand": "backlogged", "problem.whole_units": False},
    ],
)
def test_what_lies_just_within_a_refusal_is_taken(changes):
    kept = to_mapping(parse(changed(changes)))
    for path, value in changes.items():
        assert functools.reduce(dict.__getitem__, path.split("."), kept) == value


def tagged() -> list[tuple[str, str, str]]:
    """(where it stands, key that chooses it, its name) of every schema that is chosen by name."""
    places = {"demand": "problem.demand", "policy": "policy", "algorithm": "algorithm"}
    found = []
    for schema in schemas().values():
        place = places.get(schema.__module__.split(".")[-1], "problem")
        properties = TypeAdapter(schema).json_schema()["properties"]
        for key in ("kind", "distribution"):
            if name := properties.get(key, {}).get("const"):
                found.append((place, key, name))
    return found


@pytest.mark.parametrize(("place", "key", "name"), tagged())
def test_a_choice_is_not_taken_for_a_part_of_the_path(place, key, name):
    field = refusal({place: {key: name, "unheard_of": 1}}).split()[0]
    assert field.startswith(f"{place}.")
    assert name not in field.split(".")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("problem.demand.mean", "x", "problem.demand.mean"),
        ("problem.demand.mean", [1, "x"], "problem.demand.mean.1"),
        ("problem.demand.mean", {"low": "x", "high": 1}, "problem.demand.mean.low"),
        ("problem.edges.order.lead_time", {"low": 1}, "problem.edges.order.lead_time.high"),
        ("policy.hidden", [8, 0], "policy.hidden.1"),
        ("comparisons", [{"kind": "mlp", "hidden": ["x"]}], "comparisons.0.hidden.0"),
    ],
)
def test_the_path_to_a_wrong_value_is_the_one_that_was_written(path, value, field):
    assert refusal({path: value}).split()[0] == field


@pytest.mark.parametrize("name", ["number", "list", "range", "mlp", "hdpo", "poisson", "series"])
def test_nodes_and_edges_may_be_called_what_a_choice_is(name):
    node = {"kind": "demand", "holding_cost": ["x"]}
    edge = {"source": "supplier", "destination": "store", "lead_time": {"low": "x", "high": 1}}
    for path, value, at in (
        ("problem.nodes", node, "holding_cost.0"),
        ("problem.edges", edge, "lead_time.low"),
    ):
        assert refusal({f"{path}.{name}": value}).split()[0] == f"{path}.{name}.{at}"


def test_a_key_of_another_choice_is_to_be_removed_and_one_misspelt_is_set_right():
    changes = {"problem.demand.std": 2, "problem.demand.men": 5, "problem.demand.clipped": True}
    mapping = copy.deepcopy(composed())
    mapping["problem"]["demand"] |= {path.split(".")[-1]: value for path, value in changes.items()}
    with pytest.raises(InputError) as raised:
        parse(mapping)
    assert str(raised.value) == (
        "problem.demand.std is not a key of problem.demand where that is poisson; remove what "
        "belongs to another choice, with ~problem.demand.std ~problem.demand.clipped"
    )
    for name in ("std", "clipped"):
        del mapping["problem"]["demand"][name]
    with pytest.raises(InputError, match=r"demand\.men is not a key.*did you mean 'mean'"):
        parse(mapping)


@pytest.mark.parametrize(
    ("path", "name", "known"),
    [
        ("problem.nodes.store", "width", "choose from count, holding_cost"),  # a key of policies
        ("problem.edges.order", "width", "choose from destination, fixed_cost"),
        ("training.test", "width", "choose from burn_in, periods, scenarios"),
        ("problem", "width", "choose from demand, edges"),
    ],
)
def test_only_keys_of_the_place_are_suggested(path, name, known):
    mapping = copy.deepcopy(composed())
    functools.reduce(dict.__getitem__, path.split("."), mapping)[name] = 1
    with pytest.raises(InputError, match=rf"{path}\.{name} is not a key .*; {known}"):
        parse(mapping)


def test_a_missing_key_is_one_sentence():
    mapping = copy.deepcopy(composed())
    del mapping["problem"]["unmet_demand"]
    with pytest.raises(InputError, match=r"problem\.unmet_demand is missing"):
        parse(mapping)
