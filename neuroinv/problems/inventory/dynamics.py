"""The one inventory simulator: any network, written for one scenario, vmapped by the rollout.

In every period, after the decision (spec: order of events of arXiv 2306.11246's public code):

1. orders leave their source; what an edge with lead time 0 carries arrives at once;
2. demand is met from stock on hand; what is left pays holding cost, what is missing pays underage
   cost (or, for a profit objective, every unit sold earns the underage cost as its margin);
3. unmet demand is lost or backlogged;
4. the pipeline moves on by one period, and an order with lead time L >= 1 is on hand L periods
   after it was placed.

Where costs or lead times jump with the size of an order, an action may say which cell of sizes its
orders count as (`neuroinv.problems.inventory.order_sizes`); plain orders count as what they are.

Stock in transit pays no holding cost. Orders are taken as they come: keeping what leaves a location
within its stock on hand is the policy's part (`neuroinv.policies.allocation`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from neuroinv.problems.inventory.demand import Demand
from neuroinv.problems.inventory.network import (
    Network,
    facing_demand,
    incoming,
    outgoing,
)
from neuroinv.problems.inventory.order_sizes import (
    OrderSizes,
    SizedOrders,
    by_lead_time,
    fixed_cost,
    sized,
)
from neuroinv.problems.inventory.routing import route
from neuroinv.types import Outcome, Problem

# Units a period; below it a scale says little and would only blow up the inputs.
LEAST_TYPICAL_SALES = 1.0
ABSENT_SCALE = 1e-6  # units; what is wanted in its multiples is nothing, and it can be divided by


class Parameters(NamedTuple):
    """What may differ between scenarios. Costs are per unit, and per period where held or short."""

    holding_cost: Float[Array, " locations"]
    underage_cost: Float[Array, " demands"]
    procurement_cost: Float[Array, " edges"]
    """Per unit shipped along the edge."""
    lead_time: Int[Array, " edges"]
    """Periods from order to use; from 0 up to the network's bound."""
    initial_inventory: Float[Array, 2]
    """Lowest and highest initial stock per pipeline position, in multiples of mean demand."""
    present: Float[Array, " demands"]
    """1 where the customers of a demand node exist, 0 where it only fills up the graph."""
    demand: Demand
    history: Float[Array, "past_periods demands"]
    """Demand before the first period, oldest first; zero rows where no history is observed."""
    calendar: Float[Array, "periods_and_one features"]
    """What the calendar says of each period, known beforehand; zero columns where unused."""
    sizes: OrderSizes | None = None
    """Where costs or lead times jump with the size of an order; None where nothing does."""


class State(NamedTuple):
    """Stock before the decision of a period."""

    on_hand: Float[Array, " locations"]
    """What arrived until now is in it; negative where demand is backlogged."""
    pipeline: Float[Array, "locations pipeline"]
    """Column j is on hand after j + 1 more periods."""
    past_demand: Float[Array, "past_periods demands"]
    """The last observed periods, oldest first."""
    calendar: Float[Array, " features"]
    """What the calendar says of this period."""


class Noise(NamedTuple):
    """What a period brings; nothing of it can be observed before the decision."""

    demand: Float[Array, "*periods demands"]
    next_calendar: Float[Array, "*periods features"]


class Observation(NamedTuple):
    """What a policy may look at before it orders."""

    on_hand: Float[Array, " locations"]
    pipeline: Float[Array, "locations pipeline"]
    past_demand: Float[Array, "past_periods demands"]
    calendar: Float[Array, " features"]
    holding_cost: Float[Array, " locations"]
    underage_cost: Float[Array, " demands"]
    procurement_cost: Float[Array, " edges"]
    lead_time: Int[Array, " edges"]
    demand_scale: Float[Array, " demands"]
    """Typical demand per period: the distribution's mean, or that of the observed window."""
    demand_std: Float[Array, " demands"]
    """Standard deviation of demand per period, likewise."""
    present: Float[Array, " demands"]
    """1 where the customers of a demand node exist, 0 where it only fills up the graph."""
    sizes: OrderSizes | None = None
    """Where costs or lead times jump with the size of an order."""


class Costs(NamedTuple):
    """Costs of one period; their sum is what is minimised."""

    holding: Float[Array, ""]
    underage: Float[Array, ""]
    procurement: Float[Array, ""]
    fixed: Float[Array, ""]
    """Of orders placed, whatever their size."""
    revenue: Float[Array, ""]
    """Minus the margin earned: not positive unless customers return more than they buy."""


class Flows(NamedTuple):
    """Units that moved in one period."""

    orders: Float[Array, " edges"]
    demand: Float[Array, " demands"]
    sales: Float[Array, " demands"]
    """Demand met at once, or owed to a customer who waits."""


def inventory_problem(network: Network) -> Problem:
    """The problem of running `network`, as pure functions of one scenario's `Parameters`."""
    into, out_of, facing = incoming(network), outgoing(network), facing_demand(network)
    faces_demand = facing.sum(axis=1) > 0
    into_customers = facing.T @ into
    bound, slots = network.lead_time_bound, network.pipeline_length

    def init(params: Parameters, key: PRNGKeyArray) -> State:
        """Demand locations start with a random stock, the others empty (spec 1)."""
        mean = params.present * params.demand.mean
        low, high = params.initial_inventory
        # Pipeline first: a longer bound then adds draws and changes none.
        multiples = jax.random.uniform(key, (1 + slots, *mean.shape), mean.dtype, low, high).T
        longest = jnp.max(jnp.where(into > 0, params.lead_time, 1), axis=1)
        used = jnp.arange(1 + slots) < jnp.maximum(longest, 1)[:, None]
        stock = jnp.where(used, route(facing, multiples * mean[:, None]), 0.0)
        return State(stock[:, 0], stock[:, 1:], params.history, params.calendar[0])

    def exogenous(params: Parameters, key: PRNGKeyArray, periods: int) -> Noise:
        if params.calendar.shape[1]:
            next_calendar = params.calendar[1 : periods + 1]
        else:
            next_calendar = jnp.zeros((periods, 0), params.calendar.dtype)
        return Noise(params.present * params.demand.sample(key, periods), next_calendar)

    def observe(params: Parameters, state: State) -> Observation:
        if state.past_demand.shape[0]:
            scale = jnp.mean(jnp.abs(state.past_demand), axis=0)
            scale = jnp.maximum(scale, LEAST_TYPICAL_SALES)
            std = jnp.std(state.past_demand, axis=0)
        else:
            scale, std = params.demand.mean, params.demand.std
        return Observation(
            *state,
            params.holding_cost,
            params.underage_cost,
            params.procurement_cost,
            params.lead_time,
            jnp.where(params.present > 0, scale, ABSENT_SCALE),
            params.present * std,
            params.present,
            params.sizes,
        )

    def step(
        params: Parameters,
        state: State,
        action: Float[Array, " edges"] | SizedOrders,
        noise: Noise,
    ) -> tuple[State, Outcome]:
        taken_in = 1 - route(into_customers.T, 1 - params.present)  # nobody orders where nobody is
        if params.sizes is None:
            assert not isinstance(action, SizedOrders)
            orders = action * taken_in
            by_time = orders[:, None] * jax.nn.one_hot(params.lead_time, bound + 1)
            unit_cost, fixed = params.procurement_cost, jnp.zeros_like(orders[0])
        else:
            in_cells = action if isinstance(action, SizedOrders) else sized(params.sizes, action)
            none = jax.nn.one_hot(jnp.zeros(len(taken_in), jnp.int32), network.order_cells)
            cells = jnp.where(taken_in[:, None] > 0, in_cells.cells, none)
            in_cells = SizedOrders(in_cells.quantity * taken_in, cells)
            orders = in_cells.quantity
            by_time = by_lead_time(params.sizes, in_cells, bound)
            extra = jnp.sum(in_cells.cells * params.sizes.procurement_cost, axis=1)
            unit_cost = params.procurement_cost + extra
            fixed = fixed_cost(params.sizes, in_cells, network.joint_orders)
        arriving = route(into, by_time)
        stock = state.on_hand - route(out_of, orders) + arriving[:, 0]
        available = route(facing.T, stock)
        stock = stock - route(facing, noise.demand)
        missing = jnp.maximum(noise.demand - available, 0.0)
        if network.objective == "cost":
            underage, revenue = jnp.sum(params.underage_cost * missing), jnp.zeros_like(stock[0])
        else:
            sold = jnp.minimum(available, noise.demand)
            underage, revenue = jnp.zeros_like(stock[0]), -jnp.sum(params.underage_cost * sold)
        costs = Costs(
            jnp.sum(params.holding_cost * jnp.maximum(stock, 0.0)),
            underage,
            jnp.sum(unit_cost * orders),
            fixed,
            revenue,
        )
        if network.unmet_demand == "lost":
            sales = noise.demand - missing
            stock = jnp.where(faces_demand, jnp.maximum(stock, 0.0), stock)
        else:
            sales = noise.demand
        if bound:
            # Column j of `upcoming` is on hand j + 1 periods from now, seen from this period.
            upcoming = arriving[:, 1:] + jnp.pad(state.pipeline, ((0, 0), (0, 1)))
            stock, pipeline = stock + upcoming[:, 0], upcoming[:, 1:]
        else:
            pipeline = state.pipeline
        past_demand = state.past_demand
        if past_demand.shape[0]:
            past_demand = jnp.concatenate([past_demand[1:], noise.demand[None]])
        following = State(stock, pipeline, past_demand, noise.next_calendar)
        return following, Outcome(costs, Flows(orders, noise.demand, sales))

    return Problem(init, exogenous, observe, step)
