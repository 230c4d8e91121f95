"""Dual sourcing: published optima, exact costs of policies by hand and on the simulator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dual_sourcing_stores import published_store, stores
from examples import parameters, states
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroinv.optima import backlogged_optimum_discrete, poisson_pmf
from neuroinv.optima.dual_sourcing import dual_sourcing_optimum
from neuroinv.optima.dual_sourcing_evaluation import dual_sourcing_cost
from neuroinv.optima.dual_sourcing_heuristics import dual_index_order
from neuroinv.optima.dual_sourcing_store import DualSourcing
from neuroinv.problems.inventory.dynamics import Noise, inventory_problem
from neuroinv.problems.inventory.network import Edge, Node, build_network
from neuroinv.rollout import average_costs, total
from neuroinv.types import Scenarios

# Gijsbrechts et al. (2022), figure 9: demand uniform on 0 to 4, holding cost 5, underage cost 495,
# regular price 100. Average cost of the optimum by regular lead time and expedited price.
OPTIMA = {
    (2, 105.0): "216.7698",
    (2, 110.0): "219.7333",
    (3, 105.0): "216.8767",
    (3, 110.0): "220.3411",
    (4, 105.0): "216.8931",
    (4, 110.0): "220.6122",
}


@pytest.mark.parametrize(("lead_time", "expedited_cost"), OPTIMA)
def test_optimum_reproduces_every_published_cell(lead_time, expedited_cost):
    store = published_store(lead_time, expedited_cost)
    optimum = dual_sourcing_optimum(store)
    assert f"{optimum.cost:.4f}" == OPTIMA[lead_time, expedited_cost]
    assert optimum.lower <= optimum.cost <= optimum.upper
    assert optimum.upper - optimum.lower < 1e-9


@given(stores())
@settings(max_examples=40, deadline=None)
def test_following_the_optimum_costs_what_it_says(store):
    optimum = dual_sourcing_optimum(store)
    assert dual_sourcing_cost(store, optimum.order) == pytest.approx(optimum.cost, abs=1e-7)


@given(stores(), st.sampled_from([-10.0, 90.0]))
@settings(max_examples=30, deadline=None)
def test_a_rise_of_both_prices_is_paid_on_all_demand(store, rise):
    dearer = store._replace(
        regular_cost=store.regular_cost + rise, expedited_cost=store.expedited_cost + rise
    )
    paid = dual_sourcing_optimum(store).cost + rise * store.mean_demand
    assert dual_sourcing_optimum(dearer).cost == pytest.approx(paid, abs=1e-7)


@given(stores(), st.integers(0, 2**31 - 1), st.sampled_from(["swap", "skip", "wait"]))
@settings(max_examples=60, deadline=None)
def test_no_change_in_some_of_the_states_beats_the_optimum(store, seed, change):
    optimum = dual_sourcing_optimum(store)
    multipliers = np.random.default_rng(seed).integers(1, 1_000, store.regular_lead_time)

    def changed(states):
        expedited, regular = optimum.order(states)
        chosen = ((states @ multipliers) % 3 == 0).astype(np.int64)
        if change == "wait":
            return np.maximum(expedited - chosen, 0), regular
        fewer = np.maximum(regular - chosen, 0)
        return expedited + (regular - fewer if change == "swap" else 0), fewer

    assert dual_sourcing_cost(store, changed) >= optimum.cost - 1e-7


def test_one_source_alone_costs_what_the_newsvendor_says():
    store = DualSourcing(poisson_pmf(3.0), 2, 1.0, 9.0, 10.0, 12.0)
    expedited = backlogged_optimum_discrete(store.probabilities, 0, 1.0, 9.0)
    regular = backlogged_optimum_discrete(store.probabilities, 2, 1.0, 9.0)
    only_expedited = dual_index_order(int(expedited.level), None, 0)
    only_regular = dual_index_order(-1_000, int(regular.level), None)
    assert dual_sourcing_cost(store, only_expedited) == pytest.approx(36.0 + expedited.cost)
    assert dual_sourcing_cost(store, only_regular) == pytest.approx(30.0 + regular.cost)
    optimum = dual_sourcing_optimum(store)
    assert optimum.cost < min(36.0 + expedited.cost, 30.0 + regular.cost)


def test_cost_of_a_periodic_system_is_its_average():
    store = DualSourcing(np.array([0.0, 1.0]), 1, 1.0, 9.0, 10.0, 12.0)

    def two_every_other_period(states):
        regular = np.where(states[:, 0] <= 1, 2, 0)
        return np.where(states[:, 0] == 0, 1, 0), regular

    # Inventory 0 expedites one unit and is sold out; the two that follow last two periods, and the
    # next two are ordered as the second of them is sold.
    assert dual_sourcing_cost(store, two_every_other_period) == pytest.approx(10.0 + 0.5)


@pytest.mark.parametrize("cap", [None, 2])
def test_the_network_simulator_agrees_with_the_exact_cost(cap):
    """Two supply nodes and a store: expedited goods arrive at once, regular ones after three."""
    store = published_store(3, 110.0)
    levels = (4, 10, cap)
    nodes = (Node("nearby", "supply"), Node("overseas", "supply"), Node("store", "demand"))
    network = build_network(nodes, (Edge(0, 2), Edge(1, 2)), lead_time_bound=3)
    scenarios, periods, burn_in = 1_024, 250, 50
    params = parameters(
        network,
        scenarios=scenarios,
        holding_cost=5.0,
        underage_cost=495.0,
        procurement_cost=[110.0, 100.0],
        lead_time=[0, 3],
    )
    empty = jax.tree.map(jnp.zeros_like, states(network, params))
    drawn = np.random.default_rng(4).integers(0, 5, (scenarios, periods, 1)).astype(np.float32)
    noise = Noise(jnp.asarray(drawn), jnp.zeros((scenarios, periods, 0)))

    def act(observation, noise, period):
        expedited = jnp.maximum(levels[0] - observation.on_hand[0], 0.0)
        position = observation.on_hand[0] + observation.pipeline[0].sum() + expedited
        return jnp.stack([expedited, jnp.clip(levels[1] - position, 0.0, cap)])

    run = jax.jit(lambda many: total(average_costs(inventory_problem(network), act, many, burn_in)))
    costs = np.asarray(run(Scenarios(params, empty, noise)), np.float64)
    error = costs.std(ddof=1) / np.sqrt(scenarios)
    exact = dual_sourcing_cost(store, dual_index_order(*levels))
    assert error < 2e-3 * exact
    assert abs(costs.mean() - exact) < 4.0 * error


@pytest.mark.parametrize(
    "solve",
    [dual_sourcing_optimum, lambda store: dual_sourcing_cost(store, dual_index_order(3, 5, None))],
)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"probabilities": np.array([0.5, 0.4])}, "probabilities add up to 0.9"),
        ({"probabilities": np.array([1.0])}, "probabilities is all on demand 0"),
        ({"regular_lead_time": 0}, "regular_lead_time is 0"),
        ({"holding_cost": 0.0}, "holding_cost is 0.0"),
        ({"underage_cost": np.inf}, "underage_cost is inf"),
        ({"expedited_cost": 100.0}, "expedited_cost is 100.0 with regular_cost 100.0"),
        ({"expedited_cost": 1090.0}, "expedited_cost is 1090.0 with regular_cost 100.0"),
        ({"regular_cost": np.nan}, "expedited_cost is 105.0 with regular_cost nan"),
    ],
)
def test_bad_stores_name_the_field_the_value_and_the_remedy(solve, changes, field):
    with pytest.raises(ValueError, match=f"{field}.*(give|scale)"):
        solve(published_store(2, 105.0)._replace(**changes))


def test_limits_say_what_to_do():
    with pytest.raises(ValueError, match=r"tolerance is 0.0.*give"):
        dual_sourcing_optimum(published_store(2, 105.0), tolerance=0.0)
    with pytest.raises(ValueError, match=r"regular_lead_time 40 .*GiB.*shorten the lead time"):
        dual_sourcing_optimum(published_store(40, 105.0))


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        (lambda states: (np.zeros(states.shape[0]),) * 2, "expedited units .* type float64"),
        (lambda states: (np.zeros((1, 1), int),) * 2, "expedited units of shape"),
        (lambda states: (states[:, 0] * 0, states[:, 0] * 0 - 1), "returned -1 regular units"),
        (lambda states: (states[:, 0] * 0, states[:, 0] * 0), "inventory go beyond 5000 units"),
        (lambda states: (states[:, 0] * 0 + 5, states[:, 0] * 0), "inventory go beyond 5000 units"),
    ],
)
def test_orders_that_cannot_be_evaluated_are_refused(order, complaint):
    with pytest.raises(ValueError, match=complaint):
        dual_sourcing_cost(published_store(2, 105.0), order)
