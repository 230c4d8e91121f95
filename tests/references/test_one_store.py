"""References: exact where theory is exact, silent where it is not."""

import jax
import numpy as np
import pytest
from small_runs import small_config

from neuroinv import optima
from neuroinv.build import build
from neuroinv.policies.stock_levels import base_stock
from neuroinv.references import exact_costs, fitted_level, references
from neuroinv.references.one_store import (
    as_one_store,
    exact_store_costs,
    one_store_references,
)
from neuroinv.rollout import greedy, total
from neuroinv.scoring import costs_on_test


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


def test_a_dynamic_program_of_many_minutes_is_not_begun(tmp_path, monkeypatch):
    def begun(*system):
        raise AssertionError(system)

    monkeypatch.setattr(optima, "lost_sales_optimum", begun)
    long = ("problem=one_store_lost", "problem.edges.order.lead_time=4")
    assert (
        one_store_references(
            build(small_config(tmp_path, *long, "problem.demand.mean=30")).instance
        )
        == ()
    )
    with pytest.raises(AssertionError):
        one_store_references(build(small_config(tmp_path, *long)).instance)


def test_geometric_demand_has_its_optimum(tmp_path):
    config = small_config(
        tmp_path,
        "problem.demand={distribution: geometric, mean: 5.0}",
        "problem.edges.order.lead_time=1",
    )
    assert references(build(config).instance)[0].exact == pytest.approx(14.51, abs=5e-3)
    jax.clear_caches()


RETURNS = ("problem.demand.clipped=false", "problem.demand.mean=2", "problem.demand.std=5")


@pytest.mark.parametrize("problem", ["one_store_backlogged", "serial_3"])
def test_where_demand_may_be_returned_the_closed_form_is_a_lower_bound(tmp_path, problem):
    test = "training.test={scenarios: 256, periods: 1000, burn_in: 500}"
    experiment = build(small_config(tmp_path, f"problem={problem}", *RETURNS, test))
    (found,) = references(experiment.instance)
    assert (found.name, found.is_bound) == ("lower bound", True)
    act = greedy(found.policy, found.variables)
    costs = np.asarray(total(costs_on_test(experiment, act, False)))
    assert costs.mean() - 4 * costs.std() / np.sqrt(len(costs)) > found.exact
    policy = small_config(tmp_path, "problem=serial_3", "policy=echelon_stock", net=False).policy
    assert exact_costs(experiment.instance, policy, found.policy, [found.variables]) is None


def test_levels_below_zero_have_a_cost_and_no_policy(tmp_path):
    change = ("problem.demand.mean=0.5", "problem.nodes.store.underage_cost=0.05")
    config = small_config(tmp_path, "problem=serial_3", *RETURNS[:1], RETURNS[2], *change)
    (found,) = references(build(config).instance)
    assert found.policy is None
    assert found.exact > 0


def test_demand_that_hardly_ever_comes_has_the_exact_cost_of_its_level(tmp_path):
    mean, underage = 0.02, 999.0
    change = (f"problem.demand.mean={mean}", f"problem.nodes.store.underage_cost={underage}")
    instance = build(small_config(tmp_path, *change)).instance
    best = optima.best_base_stock(optima.poisson_pmf(mean), 4, 1.0, underage)
    level = [cover_of(best.level, mean=mean)]
    (cost,) = exact_store_costs(instance, base_stock(instance.network, 1.0), level)
    assert cost == pytest.approx(best.cost, rel=1e-6)


def test_demand_has_the_spread_that_it_says_in_any_unit(tmp_path):
    change = ("~problem.demand.std", "+problem.demand.coefficient_of_variation=0.25")

    def optimum(mean: float) -> float:
        given = ("problem=one_store_backlogged", *change, f"problem.demand.mean={mean}")
        experiment = build(small_config(tmp_path, *given))
        assert float(experiment.test.params.demand.std[0, 0]) == pytest.approx(0.25 * mean)
        return references(experiment.instance)[0].exact / mean

    assert optimum(0.001) == pytest.approx(optimum(5.0), rel=1e-6)
