"""Just-in-time: told the future, it holds nothing, misses nothing, and nobody can do better."""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from examples import (
    networks,
    numbers,
    one_store,
    parameters,
    period_costs,
    seeds,
    sizes,
    states,
    trajectory,
    warehouse_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroinv.policies.just_in_time import just_in_time, supply_paths
from neuroinv.problems.inventory.dynamics import Noise, inventory_problem
from neuroinv.problems.inventory.network import (
    Edge,
    Node,
    build_network,
    demand_locations,
    destinations,
    facing_demand,
    incoming,
    outgoing,
    sources,
)
from neuroinv.rollout import greedy
from neuroinv.types import Scenarios

PERIODS = 16


def nodes(*kinds):
    return tuple(Node(f"node_{index}", kind) for index, kind in enumerate(kinds))


DEEP = build_network(
    # A central depot, a regional one that serves two stores, and two stores served centrally, one
    # of which passes goods on to the last.
    nodes("supply", "stocking", "stocking", "demand", "demand", "demand", "demand"),
    (Edge(0, 1), Edge(1, 2), Edge(2, 3), Edge(2, 4), Edge(1, 5), Edge(5, 6)),
    4,
    "lost",
)
TWO_DEPOTS = build_network(
    # Each supplied on its own and by the other; the stores are linked to both, one or each other.
    nodes("supply", "stocking", "stocking", "demand", "demand", "supply"),
    (
        Edge(0, 1),
        Edge(5, 2),
        Edge(1, 2),
        Edge(2, 1),
        Edge(1, 3),
        Edge(2, 3),
        Edge(2, 4),
        Edge(3, 4),
    ),
    4,
    "lost",
)
NETWORKS = {
    "one store": one_store(unmet_demand="lost"),
    "tree": DEEP,
    "tree, backlogged": DEEP._replace(unmet_demand="backlogged"),
    "two depots": TWO_DEPOTS,
    "two depots, backlogged": TWO_DEPOTS._replace(unmet_demand="backlogged"),
}


@functools.cache
def program(name, path="cheapest"):
    """Costs and state of an empty network, period by period, for any demand, costs, lead times."""
    network = NETWORKS[name]
    params = jax.tree.map(lambda leaf: leaf[0], parameters(network, scenarios=1))
    empty = jax.tree.map(
        lambda leaf: jnp.zeros_like(leaf[0]), states(network, parameters(network, scenarios=1))
    )

    def run(demand, lead_time, procurement_cost):
        noise = Noise(demand, jnp.zeros((PERIODS, 0)))
        changed = params._replace(lead_time=lead_time, procurement_cost=procurement_cost)
        act = greedy(just_in_time(network, path), {})
        return trajectory(network, act, Scenarios(changed, empty, noise)).trajectory

    return jax.jit(run)


def every_path(network, location, visited=()):
    """All ways from a supply to a location, as tuples of edges, without a location twice."""
    for edge in np.flatnonzero(destinations(network) == location):
        source = sources(network)[edge]
        if source < 0:
            yield (edge,)
        elif source != location and source not in visited:
            for path in every_path(network, source, (*visited, location)):
                yield (*path, edge)


def cost_and_delay(network, path, lead_time, procurement_cost, holding_cost):
    """Of a path, edge by edge: a unit that arrives at once where it is shipped on waits there."""
    *onward, last = path
    cost, delay = float(procurement_cost[last]), int(lead_time[last])
    for edge in onward:
        waits = lead_time[edge] == 0
        cost += procurement_cost[edge] + waits * holding_cost[destinations(network)[edge]]
        delay += max(lead_time[edge], 1)
    return cost, delay


def longest_path(network, lead_time):
    """Most periods from a supply to a customer: the warm-up."""
    free = np.zeros(len(network.edges))
    holding = np.zeros(len(network.nodes))
    return max(
        cost_and_delay(network, path, lead_time, free, holding)[1]
        for location in demand_locations(network)
        for path in every_path(network, location)
    )


def run_and_check(
    name, demand, lead_time, procurement_cost=None, nothing_held=True, path="cheapest"
):
    network = NETWORKS[name]
    free = np.zeros(len(network.edges), np.float32)
    happened = program(name, path)(
        jnp.asarray(demand),
        jnp.asarray(lead_time, jnp.int32),
        jnp.asarray(free if procurement_cost is None else procurement_cost),
    )
    warm_up = longest_path(network, lead_time)
    costs, largest = happened.outcome.costs, max(demand.sum(), 1)
    assert np.all(np.asarray(costs.underage)[warm_up:] <= 1e-5 * largest)
    if nothing_held:
        assert np.all(np.asarray(costs.holding)[warm_up:] <= 1e-5 * largest)
    shipped = np.asarray(happened.outcome.flows.orders) @ outgoing(network).T
    on_hand = np.asarray(happened.state.on_hand)
    assert np.all(shipped <= np.maximum(on_hand, 0) * (1 + 1e-5))
    assert np.asarray(happened.action).min() >= 0


@pytest.mark.parametrize(
    ("name", "path"), [*((name, "cheapest") for name in NETWORKS), ("two depots", "fastest")]
)
@settings(deadline=None, max_examples=12)
@given(st.data())
def test_after_the_warm_up_nothing_is_missed_and_nothing_held(name, path, data):
    network = NETWORKS[name]
    _, customers, edge_count = sizes(network)
    demand = data.draw(hnp.arrays(np.float32, (PERIODS, customers), elements=numbers(0, 1000)))
    costs = data.draw(hnp.arrays(np.float32, edge_count, elements=numbers(0, 0.5)))
    # A lead time of 0 only on the way to a last customer; see the test below.
    ends = {edge.source for edge in network.edges}
    shortest = [int(edge.destination in ends) for edge in network.edges]
    lead_time = np.array([data.draw(st.integers(least, 4)) for least in shortest])
    run_and_check(name, demand, lead_time, costs, path=path)


@pytest.mark.parametrize("name", ["tree", "tree, backlogged"])
def test_a_lead_time_of_zero_on_the_way_leaves_nothing_missed(name):
    """What arrives at once where it is shipped on waits there for a period, whoever ordered it."""
    demand = np.random.default_rng(0).uniform(1, 10, (PERIODS, 4)).astype(np.float32)
    run_and_check(name, demand, np.array([0, 1, 1, 1, 2, 1]), nothing_held=False)
    run_and_check(name, demand, np.array([0, 0, 1, 0, 0, 0]), nothing_held=False)


def both_paths(network, params):
    observe = inventory_problem(network).observe

    @jax.jit
    @jax.vmap
    def paths(params, state):
        seen = observe(params, state)
        return {path: supply_paths(network, path, seen) for path in ("cheapest", "fastest")}

    return jax.tree.map(np.asarray, paths(params, states(network, params)))


@settings(deadline=None, max_examples=6)  # each compiles
@given(networks(), seeds)
def test_paths_are_the_best_of_all_there_are(network, seed):
    """Costs are small whole numbers, so that there are ties, and sums of them are exact."""
    count, generator = 20, np.random.default_rng(seed)
    location_count, _, edge_count = sizes(network)
    params = parameters(
        network,
        seed,
        count,
        holding_cost=generator.integers(0, 2, (count, location_count)),
        procurement_cost=generator.integers(0, 3, (count, edge_count)),
    )
    chosen = both_paths(network, params)
    for scenario in range(count):
        prices = (params.lead_time, params.procurement_cost, params.holding_cost)
        of_scenario = [np.asarray(leaf)[scenario] for leaf in prices]
        for customer, location in enumerate(demand_locations(network)):
            ways = {
                tuple(sorted(path)): cost_and_delay(network, path, *of_scenario)
                for path in every_path(network, location)
            }
            cheapest, fastest = (
                ways[tuple(np.flatnonzero(paths.uses[scenario, customer]))]
                for paths in (chosen["cheapest"], chosen["fastest"])
            )
            assert cheapest == min(ways.values())
            assert fastest[1] == min(delay for _, delay in ways.values())
            for paths, way in ((chosen["cheapest"], cheapest), (chosen["fastest"], fastest)):
                assert way == (paths.cost[scenario, customer], paths.delay[scenario, customer])


def test_the_fastest_path_is_the_first_listed_of_equals_and_the_cheapest_is_not():
    network = build_network(
        nodes("supply", "stocking", "stocking", "stocking", "demand"),
        (*(Edge(0, depot) for depot in (1, 2, 3)), *(Edge(depot, 4) for depot in (3, 2, 1))),
        4,
    )
    params = parameters(
        network,
        scenarios=1,
        lead_time=[3, 3, 3, 2, 1, 1],
        procurement_cost=[0.5, 0.75, 0.25, 0.0, 0.0, 0.0],
    )
    chosen = both_paths(network, params)
    for path, through, cost, delay in (("cheapest", 3, 0.25, 5), ("fastest", 2, 0.75, 4)):
        found = chosen[path]
        last = np.flatnonzero(found.uses[0, 0])[-1]
        assert network.edges[last].source == through
        assert (float(found.cost[0, 0]), int(found.delay[0, 0])) == (cost, delay)


def hindsight_optimum(network, params, demand):
    """Least cost under lost sales with all demand known, as a linear program of flows.

    It may also refuse a sale and keep stock anywhere, so no policy can cost less.
    """
    periods, customers = demand.shape
    location_count, _, edge_count = sizes(network)
    into, out_of, facing = incoming(network), outgoing(network), facing_demand(network)
    ends = np.cumsum([0, *(periods * np.array([edge_count, location_count, customers]))])
    orders, stock, sales = (
        np.arange(*pair).reshape(periods, -1) for pair in itertools.pairwise(ends)
    )
    before = np.zeros((periods, location_count, ends[-1]))  # on hand at the decision
    leaving, after = np.zeros_like(before), np.zeros_like(before)
    for period in range(periods):
        if period:
            before[period][np.arange(location_count), stock[period - 1]] = 1
        for edge, lead_time in enumerate(params.lead_time):
            leaving[period][:, orders[period, edge]] = out_of[:, edge]
            if lead_time == 0:
                after[period][:, orders[period, edge]] += into[:, edge]
            elif period >= lead_time:
                before[period][:, orders[period - lead_time, edge]] += into[:, edge]
        after[period] += before[period] - leaving[period]
        after[period][:, sales[period]] -= facing
        after[period][np.arange(location_count), stock[period]] -= 1
    prices = (params.procurement_cost, params.holding_cost, -params.underage_cost)
    upper = np.full(ends[-1], np.inf)
    upper[sales] = demand
    found = scipy.optimize.linprog(
        np.concatenate([np.tile(price, periods) for price in prices]),
        A_ub=(leaving - before).reshape(-1, ends[-1]),
        b_ub=np.zeros(periods * location_count),
        A_eq=after.reshape(-1, ends[-1]),
        b_eq=np.zeros(periods * location_count),
        bounds=np.stack([np.zeros_like(upper), upper], axis=1),
    )
    assert found.status == 0
    return found.fun + np.sum(params.underage_cost * demand)


@settings(deadline=None, max_examples=6)  # each compiles
@given(networks(), seeds)
def test_no_policy_of_any_network_costs_less(network, seed):
    """Every unit's cost is counted: there is no demand before the first can be met nor at the end.

    Unless each unit is worth its path, goods that wait on their way might be sold there.
    """
    network = network._replace(unmet_demand="lost", objective="cost", lead_time_bound=2)
    count, generator = 4, np.random.default_rng(seed)
    _, customers, edge_count = sizes(network)
    waits = (np.arange(count) < count / 2)[:, None]
    params = parameters(
        network,
        seed,
        count,
        lead_time=generator.integers(1 - waits, 3, (count, edge_count)),
        underage_cost=generator.uniform(8 * waits, 8 * waits + 1, (count, customers)),
    )
    as_numpy = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    as_numpy = as_numpy._replace(lead_time=np.asarray(params.lead_time))
    warm_up = max(longest_path(network, lead_time) for lead_time in as_numpy.lead_time)
    demand = generator.uniform(0, 10, (count, warm_up + 4, customers))
    demand[:, :warm_up] = demand[:, -1:] = 0
    empty = jax.tree.map(jnp.zeros_like, states(network, params))

    @jax.jit
    @jax.vmap
    def cost(params, state, demand):
        noise = Noise(demand, jnp.zeros((len(demand), 0)))
        act = greedy(just_in_time(network), {})
        happened = trajectory(network, act, Scenarios(params, state, noise)).trajectory
        return jnp.sum(period_costs(happened.outcome))

    costs = cost(params, empty, jnp.asarray(demand))
    for scenario in range(count):
        one = jax.tree.map(lambda leaf, index=scenario: leaf[index], as_numpy)
        optimum = hindsight_optimum(network, one, demand[scenario])
        assert costs[scenario] == pytest.approx(optimum, rel=1e-4, abs=1e-4)


def test_orders_of_one_store_are_the_demand_they_meet_and_the_last_one_goes_on():
    demand = np.arange(1.0, PERIODS + 1, dtype=np.float32)[:, None]
    happened = program("one store")(jnp.asarray(demand), jnp.array([3], jnp.int32), jnp.zeros(1))
    ahead = np.minimum(np.arange(PERIODS) + 3, PERIODS - 1)
    np.testing.assert_array_equal(happened.action[:, 0], demand[ahead, 0])


@pytest.mark.parametrize(
    ("demand", "procurement_cost"), [(-3.0, 0.0), (3.0, 20.0)], ids=["returns", "not worth it"]
)
def test_what_is_returned_or_costs_more_than_it_earns_is_not_ordered(demand, procurement_cost):
    demands = np.array([demand] * PERIODS, np.float32)[:, None]
    happened = program("one store")(
        jnp.asarray(demands), jnp.array([1], jnp.int32), jnp.array([procurement_cost])
    )
    np.testing.assert_array_equal(happened.action, np.zeros((PERIODS, 1)))


ANY_STOCK = {
    "warehouse": warehouse_tree(),
    "cross-dock": warehouse_tree(holds_stock=False),
    "two depots": TWO_DEPOTS,
}


@pytest.mark.parametrize("name", ANY_STOCK)
@settings(deadline=None, max_examples=20)
@given(st.data())
def test_orders_on_any_stock_are_feasible(name, data):
    network = ANY_STOCK[name]
    location_count, customers, _ = sizes(network)
    on_hand = data.draw(hnp.arrays(np.float32, location_count, elements=numbers(-100, 1000)))
    demand = data.draw(hnp.arrays(np.float32, (6, customers), elements=numbers(-5, 100)))
    orders = np.asarray(one_decision(name)(on_hand, demand))
    assert orders.min() >= 0
    assert np.all(outgoing(network) @ orders <= np.maximum(on_hand, 0) * (1 + 1e-5))


@functools.cache
def one_decision(name):
    network = ANY_STOCK[name]
    params = parameters(network, scenarios=1)
    one = jax.tree.map(lambda leaf: leaf[0], (params, states(network, params)))
    seen = inventory_problem(network).observe(*one)
    policy = just_in_time(network)

    def decide(on_hand, demand):
        noise = Noise(demand, jnp.zeros((6, 0)))
        return policy.apply({}, seen._replace(on_hand=on_hand), noise, jnp.int32(1)).mode()

    return jax.jit(decide)
