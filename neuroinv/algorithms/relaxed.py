"""Relaxed regimes: pathwise gradients through weights instead of a choice (Gumbel-softmax).

A softmax of the logits with Gumbel noise, over a falling temperature, takes the place of the drawn
regime (Jang et al. 2017; Maddison et al. 2017). The simulator then meets a mixture of regimes that
no action of the problem is, or, straight through, the chosen one with the mixture's derivative; the
gradient is biased either way.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from neuroinv.algorithms.common import decaying_adam, likeliest
from neuroinv.config import RelaxedConfig
from neuroinv.decisions import Categorical
from neuroinv.discontinuities import cell_weights, smooth_weights
from neuroinv.keys import Branch, branch
from neuroinv.problems.inventory.order_sizes import OrderSizes, SizedOrders
from neuroinv.rollout import Choice, Decide, sample
from neuroinv.types import Algorithm, InputError, Policy, Problem, Scenarios, TrainState


def relaxed(
    problem: Problem,
    policy: Policy,
    example_observation: PyTree,
    config: RelaxedConfig,
    steps: int,
    burn_in: int,
) -> Algorithm:
    """The algorithm. Costs of the first `burn_in` periods of a rollout are not in the loss.

    The metric `train_cost` is that of relaxed regimes; the greedy policy takes the likeliest.

    A policy that chooses no regime but whose orders have costs that jump with their size is trained
    through smooth weights of the sizes instead, with the temperature in periods of typical demand.

    Raises InputError, as it is traced, where there is nothing to relax.
    """
    optimizer = decaying_adam(config, steps)

    def init(key: PRNGKeyArray) -> TrainState:
        variables = policy.init(branch(key, Branch.POLICY), example_observation)
        decisions(variables, jnp.ones(()))(example_observation, key)  # refuses what it cannot relax
        return TrainState(variables, optimizer.init(variables), key, jnp.int32(0))

    def decisions(variables: PyTree, temperature: Float[Array, ""]) -> Decide:
        def decide(observation: PyTree, key: PRNGKeyArray) -> Choice:
            decision = policy.apply(variables, observation)
            if isinstance(decision, Categorical):
                action = relaxed_regimes(decision, key, temperature)
            elif getattr(observation, "sizes", None) is not None:
                typical = jnp.mean(observation.demand_scale)
                action = smoothed_sizes(decision.mode(), observation.sizes, temperature * typical)
            else:
                raise InputError(
                    "algorithm.kind relaxed weighs regimes or sizes of orders, but this policy's "
                    f"decision is {type(decision).__name__} and no cost jumps with an order's "
                    "size; use algorithm hdpo"
                )
            return Choice(action, (), jnp.zeros(()), decision.entropy())

        return decide

    def relaxed_regimes(
        decision: Categorical, key: PRNGKeyArray, temperature: Float[Array, ""]
    ) -> PyTree:
        logits = decision.logits
        if config.noise:
            logits = logits + jax.random.gumbel(key, logits.shape, logits.dtype)
        weights = jax.nn.softmax(logits / temperature)
        chosen = jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1])
        return decision.transform(as_met(weights, chosen), decision.outputs)

    def smoothed_sizes(
        orders: Float[Array, " edges"], sizes: OrderSizes, temperature: Float[Array, ""]
    ) -> SizedOrders:
        ends = sizes.lower, sizes.upper
        weights = smooth_weights(*ends, orders, jnp.full_like(orders, temperature))
        return SizedOrders(orders, as_met(weights, cell_weights(*ends, orders)))

    def as_met(weights: Array, chosen: Array) -> Array:
        """What the simulator meets; straight through it is the choice, with the derivative of the
        weights."""
        if not config.straight_through:
            return weights
        return chosen + (weights - jax.lax.stop_gradient(weights))

    def update(state: TrainState, batch: Scenarios) -> tuple[TrainState, dict[str, Scalar]]:
        scenarios, periods = jax.tree.leaves(batch.noise)[0].shape[:2]
        key = jax.random.fold_in(branch(state.key, Branch.DECISION), state.step)
        keys = jax.random.split(key, (scenarios, periods))
        cooled = config.final_temperature / config.temperature
        temperature = config.temperature * cooled ** (state.step / max(steps - 1, 1))

        def loss(variables: PyTree) -> tuple[Scalar, Scalar]:
            decide = decisions(variables, temperature)
            sampled = sample(problem, decide, batch, keys, burn_in)
            return jnp.mean(jnp.sum(sampled.cost, axis=1)), jnp.mean(sampled.entropy)

        (cost, entropy), gradient = jax.value_and_grad(loss, has_aux=True)(state.variables)
        change, optimizer_state = optimizer.update(gradient, state.optimizer_state)
        variables = optax.apply_updates(state.variables, change)
        metrics = {
            "train_cost": cost,
            "gradient_norm": optax.tree.norm(gradient),
            "entropy": entropy,
            "temperature": temperature,
        }
        return TrainState(variables, optimizer_state, state.key, state.step + 1), metrics

    return Algorithm(init, update, likeliest(policy))
