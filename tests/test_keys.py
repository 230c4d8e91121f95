"""The key tree: no two branches, of one root or of several, share a key."""

import itertools

import jax
import numpy as np

from neuroinv.keys import Branch, branch

ROOTS = 20


def test_all_branches_of_all_roots_differ():
    keys = [
        tuple(np.asarray(jax.random.key_data(branch(jax.random.key(root), name))).tolist())
        for root, name in itertools.product(range(ROOTS), Branch)
    ]
    roots = [
        tuple(np.asarray(jax.random.key_data(jax.random.key(root))).tolist())
        for root in range(ROOTS)
    ]
    assert len({*keys, *roots}) == ROOTS * (len(Branch) + 1)


def test_branches_keep_the_integers_that_published_results_hang_on():
    assert {name.name: int(name) for name in Branch} == {
        "INSTANCE": 0,
        "DEV": 1,
        "TEST": 2,
        "TRAIN": 3,
        "POLICY": 4,
        "BATCH": 5,
        "DECISION": 6,
    }


def test_draws_from_two_branches_are_uncorrelated():
    draws = [
        np.asarray(jax.random.normal(branch(jax.random.key(0), name), (4000,))) for name in Branch
    ]
    correlations = np.corrcoef(draws) - np.eye(len(Branch))
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)
