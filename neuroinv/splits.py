"""Training, dev and test scenarios: how many there are, how long they last, what is counted."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import PyTree

from neuroinv.config import SplitConfig, TrainingConfig
from neuroinv.problems.inventory.instance import (
    Instance,
    Split,
    draw_parameters,
    series_count,
    series_periods,
)
from neuroinv.problems.switched_lqr import SwitchedLQR
from neuroinv.problems.switched_lqr import draw_parameters as draw_regulators
from neuroinv.types import InputError


class ResolvedSplit(NamedTuple):
    """A split whose open ends are settled."""

    params: PyTree
    periods: int
    burn_in: int


def resolve_split(
    instance: Instance | SwitchedLQR, name: Split, split: SplitConfig
) -> ResolvedSplit:
    """A split as a config describes it. Raises InputError for more scenarios or periods than a
    sales table has, for null where there is no table, and where no period would be counted."""
    recorded = available = None
    if isinstance(instance, Instance):
        recorded, available = series_count(instance), series_periods(instance, name)
    scenarios, periods = split.scenarios, split.periods
    field = f"training.{name}"
    if recorded is None or available is None:
        if scenarios is None or periods is None:
            missing = "scenarios" if scenarios is None else "periods"
            raise InputError(
                f"{field}.{missing} is null, which stands for all there is in a sales table; "
                f"give a number, because {_instead_of_a_table(instance)}"
            )
    else:
        scenarios = recorded if scenarios is None else scenarios
        periods = available if periods is None else periods
        if scenarios > recorded:
            raise InputError(
                f"{field}.scenarios is {scenarios} but the sales table has {recorded} series; "
                "lower it, or give null for all"
            )
        if periods > available:
            raise InputError(
                f"{field}.periods is {periods} but the {name} range of the sales table has "
                f"{available} after its history; lower it, or give null for all"
            )
    if split.burn_in >= periods:
        raise InputError(
            f"{field}.burn_in is {split.burn_in}, which leaves none of {periods} periods to count; "
            "lower it"
        )
    if isinstance(instance, Instance):
        params: PyTree = draw_parameters(instance, name, scenarios)
    else:
        params = draw_regulators(instance, scenarios)
    return ResolvedSplit(params, periods, split.burn_in)


def _instead_of_a_table(instance: Instance | SwitchedLQR) -> str:
    if isinstance(instance, Instance):
        return f"demand is {instance.config.demand.distribution}"
    return "this problem reads none"


def episode_length(training: TrainingConfig) -> int:
    """Periods of an episode, where a policy reads what is left of it. Raises InputError where the
    splits do not agree on it."""
    periods = {training.train.periods, training.dev.periods, training.test.periods}
    (length, *others) = periods
    if others or length is None:
        raise InputError(
            "training.train.periods, training.dev.periods and training.test.periods are "
            f"{training.train.periods}, {training.dev.periods} and {training.test.periods}, but an "
            "episode of a switched_lqr has one length; give all three the same number, or use "
            "experiment=switched_lqr"
        )
    return length
