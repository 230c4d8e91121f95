"""Exact cost of a trained policy, where theory can tell."""

from __future__ import annotations

from jaxtyping import PyTree

from neuroinv.config import EchelonStockConfig, PolicyConfig
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.switched_lqr import SwitchedLQR
from neuroinv.references.one_store import exact_store_costs
from neuroinv.references.serial import exact_echelon_costs
from neuroinv.types import Policy


def exact_costs(
    instance: Instance | SwitchedLQR, config: PolicyConfig, policy: Policy, of_seeds: list[PyTree]
) -> list[float] | None:
    """Long-run average cost per period of each seed's variables; None where only a simulation can
    tell."""
    if isinstance(instance, SwitchedLQR) or instance.network.order_cells:
        return None
    if isinstance(config, EchelonStockConfig):
        return exact_echelon_costs(instance, of_seeds)
    return exact_store_costs(instance, policy, of_seeds)
