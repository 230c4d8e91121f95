"""The simulator against traces of the paper's public code, period by period."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import period_costs
from jaxtyping import Float

from neuroinv.problems.inventory.demand import Series
from neuroinv.problems.inventory.dynamics import Noise, Parameters, State, inventory_problem
from neuroinv.problems.inventory.network import Edge, Network, Node, build_network

TRACES = Path(__file__).resolve().parents[4] / "shared" / "data" / "reference_traces"
pytestmark = pytest.mark.skipif(
    not TRACES.is_dir(), reason="../shared/data/reference_traces is not beside the repository"
)
Arrays = Mapping[str, np.ndarray]
STAGES = ("echelon", "warehouse", "store")  # upstream first, as the reference numbers them


def network_of(trace: Arrays) -> Network:
    """Supply, extra echelons in series, then the warehouse, then the stores."""
    counts = [int(trace[f"meta_n_{kind}"]) for kind in ("extra_echelons", "warehouses", "stores")]
    chain = counts[0] + counts[1]
    kinds = ["supply"] + ["stocking"] * chain + ["demand"] * counts[2]
    nodes = tuple(Node(f"{kind}_{index}", kind) for index, kind in enumerate(kinds))
    edges = [Edge(index, index + 1) for index in range(chain)]
    edges += [Edge(chain, chain + 1 + store) for store in range(counts[2])]
    return build_network(
        nodes,
        tuple(edges),
        lead_time_bound=max(int(trace[f"in_{name}"].max()) for name in lead_times(trace)),
        unmet_demand="lost" if trace["meta_lost_demand"] else "backlogged",
        objective="profit" if trace["meta_maximize_profit"] else "cost",
    )


def lead_times(trace: Arrays) -> list[str]:
    names = ("echelon_lead_times", "warehouse_lead_times", "lead_times")
    return [name for name in names if f"in_{name}" in trace]


def by_location(trace: Arrays, names: tuple[str, str, str]) -> np.ndarray:
    """Arrays [..., locations] of the stages that a trace has, upstream first."""
    return np.concatenate([trace[name] for name in names if name in trace], axis=-1)


def inventories(trace: Arrays, template: str, slots: int) -> Float[np.ndarray, "... places slots"]:
    """Slot 0 on hand, the others the pipeline; stages differ in slots, so they are filled up."""
    stages = [
        trace[template.format(f"{stage}_")]
        for stage in STAGES[:2]
        if template.format(f"{stage}_") in trace
    ]
    store = "in_initial_inventories" if template.startswith("in") else template.format("store_")
    stages.append(trace[store])
    filled = [
        np.pad(stage, [(0, 0)] * (stage.ndim - 1) + [(0, slots - stage.shape[-1])])
        for stage in stages
    ]
    return np.concatenate(filled, axis=-2)


@pytest.mark.parametrize(
    "name",
    ["one_store_backlogged", "one_store_lost", "one_warehouse_lost_demand", "serial_system"],
)
def test_every_period_of_the_trace_is_reproduced(name):
    with np.load(TRACES / f"{name}.npz") as file:
        trace = dict(file)
    network = network_of(trace)
    problem = inventory_problem(network)
    count, edge_count = len(trace["in_demands"]), len(network.edges)
    periods, customers = trace["in_demands"].shape[2], trace["in_demands"].shape[1]
    assert int(trace["meta_period_shift"]) == 0

    delays = [trace[f"in_{delay}"].reshape(count, -1) for delay in lead_times(trace)]
    holding = ("in_echelon_holding_costs", "in_warehouse_holding_costs", "in_holding_costs")
    params = Parameters(
        holding_cost=jnp.asarray(by_location(trace, holding)),
        underage_cost=jnp.asarray(trace["in_underage_costs"]),
        procurement_cost=jnp.zeros((count, edge_count)),
        lead_time=jnp.asarray(np.concatenate(delays, axis=1), jnp.int32),
        initial_inventory=jnp.zeros((count, 2)),
        present=jnp.ones((count, customers)),
        demand=Series(
            jnp.ones((count, customers)),
            jnp.ones((count, customers)),
            jnp.asarray(trace["in_demands"].mT),
        ),
        history=jnp.zeros((count, 0, customers)),
        calendar=jnp.zeros((count, 1, 0)),
    )
    slots = 1 + network.pipeline_length
    start = inventories(trace, "in_initial_{}inventories", slots)
    expected = inventories(trace, "after_{}inventories", slots)
    orders = by_location(
        {key: value[..., 0] for key, value in trace.items() if key.startswith("action")},
        ("action_echelons", "action_warehouses", "action_stores"),
    )

    step = jax.jit(jax.vmap(problem.step))
    state = State(
        jnp.asarray(start[..., 0]),
        jnp.asarray(start[..., 1:]),
        params.history,
        jnp.zeros((count, 0)),
    )
    for period in range(periods):
        noise = Noise(jnp.asarray(trace["in_demands"][:, :, period]), jnp.zeros((count, 0)))
        state, outcome = step(params, state, jnp.asarray(orders[period]), noise)
        np.testing.assert_allclose(period_costs(outcome), trace["cost"][period], rtol=1e-4)
        stock = np.concatenate([np.asarray(state.on_hand)[..., None], state.pipeline], axis=-1)
        np.testing.assert_allclose(stock, expected[period], rtol=1e-4, atol=1e-4)
