"""Routes are products with their incidence, whatever way they take."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import example, products_in, two_depots

from neuroinv.policies.allocation import proportional
from neuroinv.policies.wanted_orders import wanted_orders
from neuroinv.problems.inventory.dynamics import inventory_problem
from neuroinv.problems.inventory.routing import route
from neuroinv.rollout import average_costs

SCATTERED = np.random.default_rng(0).integers(0, 40, 60)


@pytest.mark.parametrize("more", [(), (3,)], ids=["vector", "matrix"])
@pytest.mark.parametrize("transposed", [False, True], ids=["picks", "sums"])
@pytest.mark.parametrize(
    "picks",
    [[0, 1, 2, 3], [1, 1, 1, 0, 0], [-1, 0, 1, 2, -1, -1], [2, 3, 3, 3, 4, 0], SCATTERED, []],
    ids=["all", "repeated", "padded", "mixed", "scattered", "none"],
)
def test_a_route_and_its_derivative_are_those_of_the_dense_product(picks, transposed, more):
    ends = np.asarray(picks, int)[:, None]
    incidence = (ends == np.arange(max(ends.max(initial=3) + 1, 4))).astype(np.float32)
    incidence = incidence.T if transposed else incidence
    values, weights = (
        jax.random.normal(jax.random.key(seed), (2, size, *more))
        for seed, size in enumerate((incidence.shape[1], len(incidence)))
    )

    def loss(values: jax.Array, product) -> jax.Array:
        return jnp.sum(weights * jax.vmap(lambda one: product(incidence, one))(values))

    for function in (loss, jax.grad(loss)):
        np.testing.assert_allclose(
            function(values, route), function(values, jnp.matmul), rtol=1e-4, atol=1e-5
        )


def test_stock_is_moved_in_full_precision_on_any_device():
    """Accelerators would round what they multiply to 10 bits unless told not to."""
    network = two_depots(unmet_demand="lost")

    def act(observation, noise, period):
        wanted = wanted_orders(network, observation, jnp.ones(6), "up_to")
        return proportional(network, wanted, observation.on_hand)

    def costs(scenarios):
        return average_costs(inventory_problem(network), act, scenarios)

    products = products_in(costs, example(network, 8, scenarios=2, lead_time=[1, 3, 0, 2, 4, 1]))
    assert products
    assert all("HIGHEST" in product for product in products)
