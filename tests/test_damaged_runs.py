"""Run directories that a full disk or a power cut left in pieces."""

import dataclasses
import re
import shutil

import pytest
from small_runs import small_config

from neuroinv.composition import override
from neuroinv.experiment import evaluate, train
from neuroinv.training import checkpoint
from neuroinv.types import InputError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    level = ("problem=one_store_backlogged", "policy=base_stock")
    config = small_config(tmp_path_factory.mktemp("whole"), *level, net=False)
    return config, train(config)


@pytest.fixture
def copied(whole, tmp_path):
    """The config, in another folder of results, and the run there."""
    config, finished = whole
    path = shutil.copytree(finished.path, tmp_path / finished.path.name)
    return dataclasses.replace(config, results=str(tmp_path)), path


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", "", "and the run goes on from its checkpoint"),
        ("table.json", '{"policy": "ba', "scores the run again"),
    ],
)
def test_a_file_in_pieces_is_one_sentence_and_its_remedy_helps(whole, copied, file, content, said):
    config, path = copied
    (path / file).write_text(content)
    with pytest.raises(InputError, match=f"{file} cannot be read .*remove it, .*{said}"):
        train(config)
    (path / file).unlink()
    assert train(config).table == whole[1].table


@pytest.mark.parametrize("content", ["", "problem: {name", "problem: {name: one_store}\n"])
def test_a_config_in_pieces_is_one_sentence(copied, content):
    _, path = copied
    (path / "config.yaml").write_text(content)
    with pytest.raises(InputError, match=r"config\.yaml cannot be read .* train the run anew"):
        evaluate(path)


def test_metrics_in_pieces_cost_no_more_than_their_line(whole, copied):
    config, path = copied
    (path / "table.json").unlink()
    lines = (path / "metrics.jsonl").read_text().splitlines()
    (path / "metrics.jsonl").write_text("\n".join([lines[0], "", '{"step": 1', *lines[1:], ""]))
    assert train(config).table == whole[1].table


def test_a_checkpoint_in_pieces_is_one_sentence(copied):
    config, path = copied
    stored = checkpoint.latest(path / "checkpoints")
    for file in stored.rglob("*"):
        if file.is_file() and file.stat().st_size and "d" in file.parts[-2:-1]:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    (path / "table.json").unlink()
    said = rf"{re.escape(str(stored))} cannot be read"
    for command in (lambda: evaluate(path), lambda: train(config)):
        with pytest.raises(InputError, match=said) as refusal:
            command()
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("key", ["seed=7", "algorithm.learning_rate=5", "training.steps=20"])
def test_what_scoring_does_not_read_cannot_be_overridden(whole, key):
    with pytest.raises(InputError, match=rf"'{key}' changes nothing .*problem\.seed.*leave it out"):
        evaluate(whole[1].path, lambda kept: override(kept, [key]))
