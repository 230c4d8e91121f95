"""What a run is measured against: exact optima, the best of the classical policies, and bounds.

Exact answers are computed on the host in float64, before training; the policies behind them are
also simulated on the test paths, so that a gap can be told from the luck of the paths.
"""

from __future__ import annotations

from neuroinv.config import SeriesDemand
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.switched_lqr import SwitchedLQR
from neuroinv.references.exact import exact_costs
from neuroinv.references.fixed_costs import fixed_cost_references
from neuroinv.references.hindsight import hindsight_references
from neuroinv.references.one_store import fitted_level, one_store_references
from neuroinv.references.reference import Reference
from neuroinv.references.serial import serial_references
from neuroinv.references.switched_lqr import regulator_references
from neuroinv.references.transshipment import transshipment_references
from neuroinv.references.warehouses import warehouse_references

__all__ = ["Reference", "exact_costs", "fitted_level", "references"]


def references(instance: Instance | SwitchedLQR) -> tuple[Reference, ...]:
    """All references that exist for a problem; none where theory is silent."""
    if isinstance(instance, SwitchedLQR):
        return regulator_references(instance)
    if isinstance(instance.config.demand, SeriesDemand):
        return hindsight_references(instance)
    if any(node.present != 1 for node in instance.config.nodes.values()):
        return ()
    if instance.network.order_cells:
        return fixed_cost_references(instance) or serial_references(instance)
    return (
        one_store_references(instance)
        or serial_references(instance)
        or transshipment_references(instance)
        or warehouse_references(instance)
    )
