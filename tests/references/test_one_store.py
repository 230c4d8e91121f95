"""References: exact where theory is exact, silent where it is not."""

import jax
import numpy as np
import pytest
from small_runs import small_config

from neuroinv import optima
from neuroinv.build import build
from neuroinv.policies.stock_levels import base_stock
from neuroinv.references import fitted_level, references
from neuroinv.references.one_store import (
    as_one_store,
    exact_store_costs,
    one_store_references,
)


def cover_of(level: float, lead_time: int = 4, mean: float = 5.0) -> dict:
    value = level / (mean * (lead_time + 1))
    return {"cover": np.asarray([np.log(np.expm1(value))], np.float32)}


def test_lost_sales_references_are_the_published_figures(tmp_path):
    instance = build(small_config(tmp_path)).instance
    optimum, level, capped = references(instance)
    assert optimum.exact == pytest.approx(6.83594, abs=5e-6)
    assert (level.detail, round(level.exact, 4)) == ("S=28", 7.2709)
    assert (capped.detail, round(capped.exact, 4)) == ("S=29, r=5", 6.9123)
    assert optimum.is_bound
    assert not level.is_bound


def test_backlogged_reference_is_the_published_figure(tmp_path):
    instance = build(small_config(tmp_path, "problem=one_store_backlogged")).instance
    (optimum,) = references(instance)
    assert optimum.exact == pytest.approx(6.2769, abs=5e-5)
    assert float(optimum.detail.split()[-1]) == pytest.approx(29.586, abs=2e-3)


@pytest.mark.parametrize("bound", [4, 7])
def test_the_exact_cost_of_a_level_does_not_depend_on_how_it_is_reached(tmp_path, bound):
    config = small_config(tmp_path, f"problem.lead_time_bound={bound}")
    instance = build(config).instance
    policy = base_stock(instance.network, 1.0)
    assert exact_store_costs(instance, policy, [cover_of(28)])[0] == pytest.approx(
        7.27088, abs=2e-4
    )
    assert fitted_level(instance, cover_of(28)) == "S=28.000"


def test_the_simulation_tells_what_a_policy_costs_that_gets_stuck(tmp_path, monkeypatch):
    def stuck(*arguments, start):
        assert set(start.tolist()) == {5}, "what scenarios may start with, not the empty system"
        raise RuntimeError("bounds stay apart")

    instance = build(small_config(tmp_path)).instance
    monkeypatch.setattr(optima, "policy_cost", stuck)
    assert exact_store_costs(instance, base_stock(instance.network, 1.0), [cover_of(28)]) is None


def test_exact_cost_of_a_backlogged_level_lies_above_the_optimum(tmp_path):
    instance = build(small_config(tmp_path, "problem=one_store_backlogged")).instance
    policy = base_stock(instance.network, 1.0)
    optimum, above = exact_store_costs(instance, policy, [cover_of(29.586), cover_of(31)])
    assert optimum == pytest.approx(6.2769, abs=1e-4)
    assert above > 6.3


def test_whole_orders_of_continuous_demand_are_told_by_simulation(tmp_path):
    whole = ("problem.whole_units=true", "problem.initial_inventory=[0,0]")
    instance = build(small_config(tmp_path, "problem=one_store_backlogged", *whole)).instance
    assert exact_store_costs(instance, base_stock(instance.network, 1.0), [cover_of(29)]) is None


@pytest.mark.parametrize(
    "change",
    [
        "+problem.nodes.store.present={low: 0, high: 1, vary: both}",
        "problem.nodes.store.underage_cost={low: 1, high: 9, vary: scenario}",
        "problem.nodes.store.holding_cost=0",
        "+problem.edges.order.procurement_cost=1",
        "problem.objective=profit",
        "problem=one_warehouse_lost",
    ],
)
def test_theory_is_silent_where_it_does_not_apply(tmp_path, change):
    instance = build(small_config(tmp_path, change)).instance
    assert as_one_store(instance.config) is None
    assert one_store_references(instance) == ()


def test_geometric_demand_has_its_optimum(tmp_path):
    config = small_config(
        tmp_path,
        "problem.demand={distribution: geometric, mean: 5.0}",
        "problem.edges.order.lead_time=1",
    )
    assert references(build(config).instance)[0].exact == pytest.approx(14.51, abs=5e-3)
    jax.clear_caches()
