"""Overrides of a run that is kept: values are replaced, all else is refused in one sentence."""

import copy
import functools
from pathlib import Path

import pytest
from small_runs import small_config

from neuroinv.composition import override
from neuroinv.config import to_mapping
from neuroinv.types import InputError


@pytest.fixture(scope="module")
def kept():
    return to_mapping(small_config(Path("results")))


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("seed=3", 3),
        ("training.test.periods=60", 60),
        ("policy.hidden=[3,4]", [3, 4]),
        ("results='a folder'", "a folder"),
        ("problem.nodes.store.holding_cost={low: 1, high: 2}", {"low": 1, "high": 2}),
    ],
)
def test_a_value_is_replaced_and_no_other(kept, given, value):
    expected = copy.deepcopy(kept)
    *folders, last = given.split("=")[0].split(".")
    functools.reduce(dict.__getitem__, folders, expected)[last] = value
    assert override(kept, [given]) == expected != kept


@pytest.mark.parametrize(
    "given",
    [
        "seed=1,2",
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
        ("policy.hidden=[3", "'\\[3'"),
        ("seed", "'seed'"),
        ("problem.demand.mean=???", r"problem\.demand\.mean is missing"),
    ],
)
def test_what_is_no_override_is_one_sentence(kept, given, words):
    with pytest.raises(InputError, match=words) as refusal:
        override(kept, [given])
    assert "\n" not in str(refusal.value)
