"""Checks of the arguments shared by the exact optima."""

import math

import numpy as np
from jaxtyping import Float64

PROBABILITY_SLACK = 1e-9


def check_costs(holding_cost: float, underage_cost: float) -> None:
    """Raise ValueError unless both costs (per unit and period) are positive and finite."""
    for field, value in (("holding_cost", holding_cost), ("underage_cost", underage_cost)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{field} is {value}; give a positive finite cost per unit and period")


def check_fixed_cost(fixed_cost: float) -> None:
    """Raise ValueError unless the cost per order is at least zero and finite."""
    if not (math.isfinite(fixed_cost) and fixed_cost >= 0.0):
        raise ValueError(f"fixed_cost is {fixed_cost}; give a finite cost per order, 0 or more")


def check_lead_time(lead_time: int) -> None:
    """Raise ValueError unless the lead time (periods) is a whole number of at least zero."""
    if isinstance(lead_time, bool) or not isinstance(lead_time, (int, np.integer)) or lead_time < 0:
        raise ValueError(f"lead_time is {lead_time!r}; give a whole number of periods, 0 or more")


def check_normal(mean: float, std: float) -> None:
    """Raise ValueError unless mean is finite and std positive and finite (units per period)."""
    if not math.isfinite(mean):
        raise ValueError(f"mean is {mean}; give a finite mean demand per period")
    if not (math.isfinite(std) and std > 0.0):
        raise ValueError(f"std is {std}; give a positive finite standard deviation of demand")


def check_level(level: float) -> None:
    """Raise ValueError unless the base-stock level (units) is finite."""
    if not math.isfinite(level):
        raise ValueError(f"level is {level}; give a finite base-stock level")


def checked_probabilities(
    probabilities: Float64[np.ndarray, " support"],
) -> Float64[np.ndarray, " support"]:
    """Demand probabilities on 0, 1, 2, ... as float64, scaled to add up to exactly one.

    Raises ValueError unless they are a non-empty vector of non-negative finite numbers that add up
    to one within 1e-9.
    """
    checked = np.asarray(probabilities, dtype=np.float64)
    if checked.ndim != 1 or checked.size == 0:
        raise ValueError(
            f"probabilities has shape {checked.shape}; give one vector, entry d for a demand of d"
        )
    if not np.all(np.isfinite(checked)) or checked.min() < 0.0:
        raise ValueError(
            f"probabilities has smallest entry {checked.min()}; give finite non-negative entries"
        )
    total = float(checked.sum())
    if abs(total - 1.0) > PROBABILITY_SLACK:
        raise ValueError(f"probabilities add up to {total}; scale them to add up to one")
    return checked / total


def checked_lost_sales_demand(
    probabilities: Float64[np.ndarray, " support"],
) -> Float64[np.ndarray, " support"]:
    """As `checked_probabilities`, and raises ValueError where demand is never positive."""
    checked = checked_probabilities(probabilities)
    if not np.any(checked[1:] > 0.0):
        raise ValueError("probabilities is all on demand 0; give some demand above 0 a chance")
    return checked
