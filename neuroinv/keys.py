"""The one tree that all randomness is drawn from.

    key(problem.seed) ── INSTANCE   parameters of the instance (means, costs, lead times)
                      ├─ TRAIN      parameters that vary between training scenarios
                      ├─ DEV        the same, initial states and noise of the dev scenarios
                      └─ TEST       the same, initial states and noise of the test scenarios
    key(seed + i)     ── TRAIN      initial states and noise of the training scenarios of seed i
                      ├─ POLICY     initial variables of the policy
                      ├─ BATCH      which scenarios enter each update
                      └─ DECISION   sampled decisions (score-function algorithms)

Dev and test scenarios hang on the problem's seed alone, so every run on a problem, whatever its
algorithm or seed, is scored on the same paths (common random numbers). Branches never overlap, so
a test path is never trained on; where seed and problem.seed are the same, TRAIN is one branch with
two uses, one below the names of parameters and one below the numbers of scenarios.
"""

import enum

import jax
from jaxtyping import PRNGKeyArray


class Branch(enum.IntEnum):
    """First-level branches; the integers are folded into the root key and must never change."""

    INSTANCE = 0
    DEV = 1
    TEST = 2
    TRAIN = 3
    POLICY = 4
    BATCH = 5
    DECISION = 6


def branch(root: PRNGKeyArray, name: Branch) -> PRNGKeyArray:
    """The key of a branch below `root`."""
    return jax.random.fold_in(root, int(name))
