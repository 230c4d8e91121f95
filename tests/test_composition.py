"""Overrides of a run that is kept: values are replaced, all else is refused in one sentence."""

import copy
import functools
import shlex
from pathlib import Path

import pytest
import yaml
from small_runs import small_config

from neuroinv.composition import choices, compose, conf_folder, override
from neuroinv.config import parse, to_mapping
from neuroinv.types import InputError


@pytest.fixture(scope="module")
def kept():
    return to_mapping(small_config(Path("results")))


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("problem.seed=3", 3),
        ("training.test.periods=60", 60),
        ("policy.hidden=[3,4]", [3, 4]),
        ("problem.name='a name'", "a name"),
        ("problem.nodes.store.holding_cost={low: 1, high: 2}", {"low": 1, "high": 2}),
        ("policy.hidden={low: 1, high: 2}", {"low": 1, "high": 2}),
    ],
)
def test_a_value_is_replaced_and_no_other(kept, given, value):
    expected = copy.deepcopy(kept)
    *folders, last = given.split("=")[0].split(".")
    functools.reduce(dict.__getitem__, folders, expected)[last] = value
    assert override(kept, [given]) == expected != kept


def test_another_problem_takes_the_place_of_the_one_that_was_trained_on(kept):
    given = ["training.test.periods=60", "~problem.demand.std", "problem=serial_3"]
    given += ["problem.demand.mean=7", "+problem.demand.coefficient_of_variation=0.2"]
    found = override(kept, given)
    expected = copy.deepcopy(kept) | {"problem": found["problem"]}
    expected["training"]["test"]["periods"] = 60
    assert found == expected
    problem = parse(found).problem
    assert (problem.name, problem.lead_time_bound) == ("serial_3", 4)
    assert (problem.demand.mean, problem.demand.std) == (7, None)


def test_another_problem_may_be_of_a_folder_of_ones_own(kept, tmp_path):
    (tmp_path / "problem").mkdir()
    shipped = (conf_folder() / "problem" / "serial_3.yaml").read_text()
    (tmp_path / "problem" / "mine.yaml").write_text(shipped.replace("serial_3", "mine"))
    assert override(kept, ["problem=mine"], tmp_path)["problem"]["name"] == "mine"
    with pytest.raises(InputError, match="problem is 'mine', which there is not"):
        override(kept, ["problem=mine"])


@pytest.mark.parametrize(
    "given",
    [
        "seed=1,2",
        "problem=serial_3,serial_5",
        "seed=range(1,3)",
        "seed=choice(1,2)",
        "policy.kind=glob(*)",
        "policy=base_stock",
        "policy={kind: base_stock}",
        "experiment=quickstart",
        "~training.seeds",
    ],
)
def test_sweeps_choices_and_removals_are_refused(kept, given):
    with pytest.raises(InputError) as refusal:
        override(kept, ["training.test.periods=60", given])
    assert str(refusal.value) == f"'{given}' cannot be evaluated; give KEY=VALUE with one value"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("training.stepz=3", r"training\.stepz is not a key.*did you mean 'steps'"),
        ("+training.more=3", r"training\.more is not a key"),
        ("policy.hidden=[3", r"'policy\.hidden=\[3' cannot be read; quote"),
        ("seed", "'seed'"),
        ("problem.demand.mean=???", r"problem\.demand\.mean is missing"),
    ],
)
def test_what_is_no_override_is_one_sentence(kept, given, words):
    with pytest.raises(InputError, match=words) as refusal:
        override(kept, [given])
    assert "\n" not in str(refusal.value)


CLASHES = {
    ("problem=one_warehouse_lost", "problem.demand.mean=[4,5,6,4,5]"): "mean is a range in this",
    ("problem=one_warehouse_lost", "problem.edges.to_store.lead_time=[2,3,2,3,2]"): "is a range in",
    (
        "problem=many_warehouses_10_2",
        "problem.edges.from_warehouse_1.lead_time={low: 1, high: 2}",
    ): ("lead_time is a list in this choice"),
    ("problem=serial_3", "problem.demand={distribution: poisson, mean: 5}"): (
        "demand.std is not a key of problem.demand where that is poisson"
    ),
}


@pytest.mark.parametrize("given", CLASHES)
def test_what_cannot_be_merged_names_a_remedy_that_works(given):
    """The remedy of the sentence, as a shell would read it."""
    with pytest.raises(InputError, match=CLASHES[given]) as refusal:
        parse(compose(list(given)))
    remedy = shlex.split(str(refusal.value).partition("with ")[2])
    kept = given[:1] if any(one.startswith("+") for one in remedy) else given
    config = parse(compose([*kept, *remedy]))
    key, value = given[1].split("=", 1)
    found = functools.reduce(dict.__getitem__, key.split("."), to_mapping(config))
    wanted = yaml.safe_load(value)
    assert found == wanted or found.items() >= wanted.items()


def test_a_config_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "problem").mkdir()
    shipped = (conf_folder() / "problem" / "serial_3.yaml").read_text()
    for text, words in (
        (
            shipped.replace("objective: cost", "objective cost"),
            r"mine\.yaml, line \d+: .*; correct",
        ),
        (shipped.replace("name: serial_3", "name:\tserial_3\n\tmore: 1"), r"mine\.yaml, line \d+"),
    ):
        (tmp_path / "problem" / "mine.yaml").write_text(text)
        with pytest.raises(InputError, match=words):
            compose(["problem=mine"], tmp_path)
    (tmp_path / "problem" / "mine.yaml").write_bytes(b"# caf\xe9\n" + shipped.encode())
    with pytest.raises(InputError, match="not text in UTF-8"):
        compose(["problem=mine"], tmp_path)
    assert "mine" in choices("problem", tmp_path)
    with pytest.raises(InputError, match=r"problem is 'mime', .* did you mean 'mine'"):
        compose(["problem=mime"], tmp_path)
    with pytest.raises(InputError, match="is no folder; name one that holds"):
        compose([], tmp_path / "nowhere")


def test_names_of_nodes_are_text(tmp_path):
    (tmp_path / "problem").mkdir()
    shipped = (conf_folder() / "problem" / "one_store_lost.yaml").read_text()
    changed = shipped.replace("supplier:", "0:", 1)
    (tmp_path / "problem" / "mine.yaml").write_text(changed)
    with pytest.raises(InputError, match=r"problem\.nodes has the name 0; put names in quotes"):
        parse(compose(["problem=mine"], tmp_path))
