"""The vocabulary: what a problem, a policy and an algorithm are. No behaviour lives here.

A **problem** is four pure functions of one scenario, its randomness passed in as data. A **policy**
maps what can be observed to a decision. An **algorithm** turns rollouts into better variables. All
three are NamedTuples of functions, so every piece can be swapped, vmapped or tested by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, Scalar


class InputError(ValueError):
    """A user's input is wrong; the message is one sentence: the field, the value, the remedy."""


class Outcome(NamedTuple):
    """What one period cost and what moved.

    `costs` is a NamedTuple of named scalars whose sum is the period's cost (revenue enters with a
    minus sign); `flows` is a NamedTuple of the quantities that moved.
    """

    costs: Any
    flows: Any


class Problem(NamedTuple):
    """One scenario of an operations problem. `params` holds arrays only; statics are closed over.

    `observe` cannot see the future: its signature has no noise. `step` is deterministic and
    differentiable, and stops no gradient.
    """

    init: Callable[[PyTree, PRNGKeyArray], PyTree]
    """(params, key) -> state before the first period."""
    exogenous: Callable[[PyTree, PRNGKeyArray, int], PyTree]
    """(params, key, periods) -> noise; every leaf has time as its leading axis."""
    observe: Callable[[PyTree, PyTree], PyTree]
    """(params, state) -> observation."""
    step: Callable[[PyTree, PyTree, PyTree, PyTree], tuple[PyTree, Outcome]]
    """(params, state, action, noise of this period) -> (next state, outcome)."""


class Policy(NamedTuple):
    """Maps an observation to a decision (see `neuroinv.decisions`)."""

    init: Callable[[PRNGKeyArray, PyTree], PyTree]
    """(key, example observation) -> variables."""
    apply: Callable[[PyTree, PyTree], Any]
    """(variables, observation) -> decision."""
    trained: bool = True
    """Whether costs have a gradient in the variables; if not, `init` is all there is to it."""


class HindsightPolicy(NamedTuple):
    """A policy that is told which period it is and all noise of a rollout.

    One that reads the noise is a bound, never something to deploy; one that reads the period alone
    reviews stock at fixed times.
    """

    init: Callable[[PRNGKeyArray, PyTree], PyTree]
    """(key, example observation) -> variables."""
    apply: Callable[[PyTree, PyTree, PyTree, Int[Array, ""]], Any]
    """(variables, observation, noise of all periods, this period) -> decision."""


class Scenarios(NamedTuple):
    """A set of scenarios; every leaf has the scenario as its leading axis."""

    params: PyTree
    state: PyTree
    noise: PyTree


class TrainState(NamedTuple):
    """Everything an algorithm carries from one update to the next, for one seed."""

    variables: PyTree
    optimizer_state: PyTree
    key: PRNGKeyArray
    step: Int[Array, ""]


class Algorithm(NamedTuple):
    """What is minimised and what is updated; the training loop knows nothing else of it."""

    init: Callable[[PRNGKeyArray], TrainState]
    update: Callable[[TrainState, Scenarios], tuple[TrainState, dict[str, Scalar]]]
    """(train state, batch of scenarios) -> (train state, scalar metrics)."""
    act: Callable[[PyTree], Callable[[PyTree], PyTree]]
    """variables -> the greedy policy: observation -> action."""


PerScenario = Float[Array, " scenarios"]
