"""What knowing the future of recorded demand would bring."""

from __future__ import annotations

from neuroinv.config import InventoryConfig, SeriesDemand, numbers
from neuroinv.policies.just_in_time import just_in_time
from neuroinv.problems.inventory.instance import Instance
from neuroinv.problems.inventory.order_sizes import has_sizes
from neuroinv.references.reference import Reference


def hindsight_references(instance: Instance) -> tuple[Reference, ...]:
    """Just-in-time, and whether nobody can do better."""
    assert isinstance(instance.config.demand, SeriesDemand)
    policy = just_in_time(instance.network)
    bound = _just_in_time_is_best(instance.config, instance.config.demand)
    return (Reference("just_in_time", "knows future demand", None, policy, {}, bound),)


def _just_in_time_is_best(config: InventoryConfig, demand: SeriesDemand) -> bool:
    """Whether nobody can earn more: all demand is met, no stock is held, and orders are free. A
    cost of zero is the least too, but nothing to measure a gap by. Whole orders miss a part of
    sales that are not whole."""
    free = all(
        max(numbers(edge.procurement_cost)) == 0 and not has_sizes(edge)
        for edge in config.edges.values()
    )
    starts_empty = config.initial_inventory == (0, 0)
    # What arrives at once where it is shipped on waits for a period, and may pay for it.
    kinds = {name: node.kind for name, node in config.nodes.items()}
    waits = any(
        min(numbers(edge.lead_time)) == 0 and kinds.get(edge.destination) != "demand"
        for edge in config.edges.values()
    )
    all_lost = config.unmet_demand == "lost" and demand.returns == "clip"
    earns = config.objective == "profit"
    return earns and all_lost and starts_empty and free and not waits and not config.whole_units
