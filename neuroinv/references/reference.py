"""What a reference is, and what all of them need."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import PyTree
from scipy.special import ndtr

from neuroinv.config import Value, numbers
from neuroinv.problems.inventory.dynamics import Observation, inventory_problem
from neuroinv.problems.inventory.instance import Instance, draw_parameters
from neuroinv.rollout import first_observation
from neuroinv.types import HindsightPolicy, Policy

SELDOM_RETURNED = 1e-3  # chance that a period's demand is below zero, which four digits do not show


class Reference(NamedTuple):
    """Something to compare with."""

    name: str
    detail: str
    """Its parameters, for a reader."""
    exact: float | None
    """Average cost per period; None where only a simulation can tell."""
    policy: Policy | HindsightPolicy | None
    """To simulate on the test paths; None where only the cost is known."""
    variables: PyTree
    is_bound: bool
    """Whether no policy can do better, but for the share that `detail` names."""


def example_observation(instance: Instance) -> Observation:
    """What a policy sees before the first period of some scenario."""
    params = draw_parameters(instance, "test", 1)
    return first_observation(inventory_problem(instance.network), params)


def single(value: Value) -> float | None:
    """The number that a value is everywhere; None where it varies."""
    return numbers(value)[0] if len(set(numbers(value))) == 1 else None


def name_of_optimum(mean: float, std: float, clipped: bool) -> str:
    """What the closed form for normal demand is. It takes orders back when customers return more
    than they buy, which no policy can: then it is a lower bound, and no policy's exact cost."""
    returned = not clipped and ndtr(-mean / std) > SELDOM_RETURNED
    return "lower bound" if returned else "optimum"
