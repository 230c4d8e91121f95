"""HPO on one item with a fixed cost: a few hundred updates find an (s, S) policy."""

import jax
import jax.numpy as jnp
from small_runs import small_config

from neuroinv.algorithms.hpo import hpo
from neuroinv.build import as_scored, build, dev_scenarios
from neuroinv.config import HPOConfig
from neuroinv.references import references
from neuroinv.rollout import average_costs, draw, greedy, total


def store(tmp_path, *overrides):
    return build(
        small_config(
            tmp_path,
            "problem=fixed_cost_store",
            "policy=hybrid",
            "policy.hidden=[16]",
            "algorithm=hpo",
            "training.train={scenarios: 32, periods: 32, burn_in: 8}",
            "training.dev={scenarios: 256, periods: 150, burn_in: 30}",
            *overrides,
            net=False,
        )
    )


def greedy_cost(built):
    """Average cost on dev scenarios, as it counts there, compiled."""
    dev = dev_scenarios(built)

    @jax.jit
    def cost(variables):
        decide = greedy(built.policy, variables)

        def act(seen, noise, period):
            return as_scored(built.instance, seen, decide(seen, noise, period))

        return jnp.mean(total(average_costs(built.problem, act, dev, built.dev.burn_in)))

    return cost


def test_one_item_with_a_fixed_cost_is_ordered_almost_as_the_exact_optimum_orders(tmp_path):
    built = store(tmp_path, "policy.start=none")
    (optimum,) = references(built.instance)
    given = HPOConfig("hpo", learning_rate=0.02, baseline="batch_mean")
    seen = built.problem.observe(*jax.tree.map(lambda leaf: leaf[0], dev_scenarios(built)[:2]))
    algorithm = hpo(built.problem, built.policy, seen, given, 120, burn_in=8)

    @jax.jit
    def trained(key):
        def update(state, key):
            batch = draw(built.problem, built.train.params, key, built.train.periods)
            return algorithm.update(state, batch)[0], None

        first = algorithm.init(key)
        last = jax.lax.scan(update, first, jax.random.split(jax.random.key(1), 120))[0]
        return first.variables, last.variables

    first, last = trained(jax.random.key(0))
    cost = greedy_cost(built)
    assert cost(first) > 2 * optimum.exact
    assert cost(last) < 1.05 * optimum.exact


def test_an_untrained_net_may_start_from_economic_orders(tmp_path):
    built = store(tmp_path, "policy.start=economic")
    (optimum,) = references(built.instance)
    seen = built.problem.observe(*jax.tree.map(lambda leaf: leaf[0], dev_scenarios(built)[:2]))
    untrained = jax.jit(built.policy.init)(jax.random.key(0), seen)
    assert greedy_cost(built)(untrained) < 1.05 * optimum.exact
