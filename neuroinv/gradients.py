"""Gradient estimators: which paths carry derivatives."""

from __future__ import annotations

from typing import Any

from neuroinv.rollout import Act, average_costs, total
from neuroinv.types import PerScenario, Problem, Scenarios


def pathwise(
    problem: Problem, act: Act, scenarios: Scenarios, burn_in: int
) -> tuple[PerScenario, Any]:
    """Average cost per period of each scenario, with its parts, to be differentiated as it stands.

    The noise is data, so the derivative of a scenario's cost through all periods is an unbiased
    estimate of the derivative of the expected cost. Per-scenario values let variance be measured.
    """
    costs = average_costs(problem, act, scenarios, burn_in)
    return total(costs), costs
