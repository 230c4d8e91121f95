"""Gradient estimators: which paths carry derivatives.

One surrogate serves them all. With c_t the cost of period t, x_t what was drawn in it, s_t the
state it was drawn in, and A_t the cost from t on less a baseline,

    L = sum_t c_t + sum_t stop_gradient(A_t) * log pi(x_t | s_t)

has the derivative of expected cost as the expectation of its own. The estimators differ in what
they draw and where they stop a derivative:

    pathwise         nothing is drawn, so L is the cost itself
    mixed            a regime is drawn; c_t depends on the variables through the continuous action,
                     log pi depends on them directly and through s_t (the cross term)
    score function   all of the action is drawn and none of it carries a derivative
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from neuroinv.decisions import Categorical, Gaussian, Hybrid, Transformed
from neuroinv.rollout import Act, Choice, Decide, Sampled, average_costs, sample, total
from neuroinv.types import InputError, PerScenario, Policy, Problem, Scenarios

Periods = Float[Array, "scenarios periods"]


def pathwise(
    problem: Problem, act: Act, scenarios: Scenarios, burn_in: int
) -> tuple[PerScenario, Any]:
    """Average cost per period of each scenario, with its parts, to be differentiated as it stands.

    The noise is data, so the derivative of a scenario's cost through all periods is an unbiased
    estimate of the derivative of the expected cost. Per-scenario values let variance be measured.
    """
    costs = average_costs(problem, act, scenarios, burn_in)
    return total(costs), costs


def mixed(policy: Policy, variables: PyTree, cross_term: bool = True) -> Decide:
    """Decisions drawn from a policy, their continuous part differentiable (arXiv 2605.14297).

    With `cross_term` the surrogate is unbiased (Theorem 1 there). Without it the state that a
    regime is drawn in counts as given: of lower variance, and biased except where every regime that
    may be drawn is as good as any other, as at a discrete best response.

    Raises InputError for a Gaussian decision, whose sample already carries its derivative.
    """

    def decide(observation: PyTree, key: PRNGKeyArray) -> Choice:
        decision = policy.apply(variables, observation)
        if isinstance(decision, Gaussian | Hybrid):
            raise InputError(
                "the mixed gradient scores discrete regimes but this policy's decision is "
                f"{type(decision).__name__} and would count twice; use the score function"
            )
        drawn = decision.sample(key)
        action = decision.to_action(drawn)
        if not cross_term:
            decision = policy.apply(variables, jax.lax.stop_gradient(observation))
        return Choice(action, drawn, decision.log_prob(drawn), decision.entropy())

    return decide


def score_function(
    policy: Policy, variables: PyTree, log_std: Callable[[PyTree], Float[Array, "*outputs"]]
) -> Decide:
    """Decisions with normal noise on the policy's outputs, before they become an action, and with
    drawn regimes where it has some. The log standard deviation may depend on the observation.

    No action carries a derivative, hence no state and no cost: what is left of the surrogate is
    REINFORCE (Williams, Machine Learning 8, 1992). The transform counts as part of the problem, so
    it must not depend on the variables.

    Raises what `noisy` raises.
    """

    def decide(observation: PyTree, key: PRNGKeyArray) -> Choice:
        decision = noisy(policy, variables, log_std(observation), observation)
        drawn: PyTree = jax.lax.stop_gradient(decision.sample(key))
        action = jax.lax.stop_gradient(decision.to_action(drawn))
        return Choice(action, drawn, decision.log_prob(drawn), decision.entropy())

    return decide


def noisy(
    policy: Policy, variables: PyTree, log_std: Float[Array, "*outputs"], observation: PyTree
) -> Gaussian | Hybrid:
    """The decision of a policy with normal noise on its outputs.

    Raises InputError for a policy whose decision has no outputs.
    """
    match policy.apply(variables, observation):
        case Transformed() as decision:
            return Gaussian(decision.outputs, log_std, decision.transform)
        case Categorical() as decision:
            return Hybrid(decision, log_std)
        case decision:
            raise InputError(
                "algorithm.kind puts noise on a policy's outputs but this policy's decision is "
                f"{type(decision).__name__}, which has none; use policy mlp, or algorithm hdpo"
            )


def same_log_std(
    policy: Policy, variables: PyTree, observation: PyTree, std: float
) -> Float[Array, "*outputs"]:
    """One log standard deviation for each of a policy's outputs, all alike.

    Raises what `noisy` raises.
    """
    noisy(policy, variables, jnp.zeros(()), observation)
    return jnp.full_like(policy.apply(variables, observation).outputs, jnp.log(std))


def cost_to_go(cost: Periods, discount: float = 1.0) -> Periods:
    """Cost from each period on, as it happened, later ones discounted; no derivative passes."""
    return generalised_advantage(cost, jnp.zeros_like(cost), discount, 1.0)


def generalised_advantage(cost: Periods, value: Periods, discount: float, trace: float) -> Periods:
    """Cost to go less its expectation `value`, which the cost of later periods is replaced by the
    more, the smaller `trace` is (Schulman et al. 2016, eq. 16); no derivative passes.

    Nothing is to come after the last period. With a trace of one it is the cost to go less the
    value, whatever the value.
    """
    following = jnp.concatenate([value[:, 1:], jnp.zeros_like(value[:, :1])], axis=1)
    surprise = cost + discount * following - value

    def earlier(later: PerScenario, now: PerScenario) -> tuple[PerScenario, PerScenario]:
        total = now + discount * trace * later
        return total, total

    _, sums = jax.lax.scan(earlier, jnp.zeros_like(cost[:, 0]), surprise.T, reverse=True)
    return jax.lax.stop_gradient(sums.T)


def surrogate(sampled: Sampled, advantage: Periods) -> PerScenario:
    """The surrogate of each scenario, whose derivative estimates that of its expected cost.

    The advantage is the cost to go less a baseline, which leaves the estimate unbiased if it
    depends on nothing that was drawn in the scenario from that period on; it needs the same units
    and weights as the cost. The value of the surrogate means nothing, only its derivative does.
    """
    score = jax.lax.stop_gradient(advantage) * sampled.log_prob
    return jnp.sum(sampled.cost + score, axis=1)


def check_others(batch: int) -> None:
    """Raise InputError for a batch of one scenario, which has no others to be compared with."""
    if batch == 1:
        raise InputError(
            "training.batch is 1 but this algorithm compares the scenarios of a batch with one "
            "another; raise it to 2 or more"
        )


def moments_of_others(values: Periods) -> tuple[Periods, Periods]:
    """Mean and standard deviation of each period over all scenarios but the one in question.

    A scenario's own value would make a baseline biased; the others' are independent of it.

    Raises InputError for a single scenario, which has no others.
    """
    others = len(values) - 1
    check_others(len(values))
    mean = jnp.mean(values, axis=0)
    deviation = values - mean
    shift = -deviation / others
    squares = jnp.sum(deviation**2, axis=0) - deviation**2
    return mean + shift, jnp.sqrt(jnp.maximum(squares / others - shift**2, 0.0))


def gradients_by_scenario(
    problem: Problem,
    decide: Callable[[PyTree], Decide],
    variables: PyTree,
    scenarios: Scenarios,
    keys: PRNGKeyArray,
    baseline: Callable[[Sampled], Periods],
    burn_in: int,
) -> PyTree:
    """The derivative of each scenario's surrogate, whose mean over scenarios is the estimate and
    whose scatter its variance; leaves are those of `variables`, led by the scenario.

    `decide` makes decisions of variables (`mixed` or `score_function`), `keys` has one for each
    decision (`[scenarios, periods]`), and the baseline may compare scenarios.
    """
    sampled = sample(problem, decide(variables), scenarios, keys, burn_in)
    advantage = cost_to_go(sampled.cost) - baseline(sampled)

    def of_one(variables: PyTree, scenario: Scenarios, keys: PRNGKeyArray, own: Array) -> Array:
        alone, its_keys, its_own = jax.tree.map(lambda leaf: leaf[None], (scenario, keys, own))
        again = sample(problem, decide(variables), alone, its_keys, burn_in)
        return surrogate(again, its_own)[0]

    return jax.vmap(jax.grad(of_one), (None, 0, 0, 0))(variables, scenarios, keys, advantage)
