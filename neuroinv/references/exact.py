"""Exact cost of a trained policy, where theory can tell."""

from __future__ import annotations

from jaxtyping import PyTree

from neuroinv.config import EchelonStockConfig, PolicyConfig
from neuroinv.problems.inventory.instance import Instance
from neuroinv.references.one_store import exact_store_costs
from neuroinv.references.serial import exact_echelon_costs
from neuroinv.types import Policy


def exact_costs(
    instance: Instance, config: PolicyConfig, policy: Policy, of_seeds: list[PyTree]
) -> list[float] | None:
    """Long-run average cost per period of each seed's variables; None where only a simulation can
    tell."""
    if isinstance(config, EchelonStockConfig):
        return exact_echelon_costs(instance, of_seeds)
    return exact_store_costs(instance, policy, of_seeds)
