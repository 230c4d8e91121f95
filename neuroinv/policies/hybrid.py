"""Towers: a net that chooses a regime, and one that says what to do in each (arXiv 2605.14297)."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from neuroinv.config import HybridConfig
from neuroinv.decisions import Categorical
from neuroinv.policies.mlp import MLP, flat_features
from neuroinv.policies.order_regimes import check_regimes, order_regimes
from neuroinv.policies.positions import present_locations, safety_cover
from neuroinv.problems.inventory.dynamics import Observation
from neuroinv.problems.inventory.network import Network
from neuroinv.types import Policy


class Towers(nn.Module):
    """Logits of regimes, and outputs in each regime, for some independent choices.

    `separate` nets share no variable, so the score function trains one and the pathwise gradient
    the other; `shared` nets have all hidden layers in common; the `factored` net for the outputs is
    one for all regimes and reads which one it is asked for.
    """

    config: HybridConfig
    choices: int
    regimes: int
    outputs: int

    @nn.compact
    def __call__(
        self, features: Float[Array, " features"]
    ) -> tuple[Float[Array, "choices regimes"], Float[Array, "choices regimes outputs"]]:
        """Both for one vector of features."""
        config = self.config
        of_logits, per_regime = self.choices * self.regimes, self.choices * self.outputs

        def net(outputs: int, name: str) -> MLP:
            return MLP(config.hidden, outputs, config.activation, name=name)

        if config.nets == "shared":
            joined = net(of_logits + self.regimes * per_regime, "both")(features)
            logits, outputs = jnp.split(joined, [of_logits])
            outputs = outputs.reshape(self.regimes, per_regime)
        else:
            logits = net(of_logits, "regime")(features)
            if config.nets == "separate":
                outputs = net(self.regimes * per_regime, "action")(features)
                outputs = outputs.reshape(self.regimes, per_regime)
            else:
                action = net(per_regime, "action")
                asked = jnp.eye(self.regimes)
                outputs = jnp.stack([action(jnp.concatenate([features, one])) for one in asked])
        shaped = outputs.reshape(self.regimes, self.choices, self.outputs).swapaxes(0, 1)
        return logits.reshape(self.choices, self.regimes), shaped


def hybrid(network: Network, config: HybridConfig) -> Policy:
    """The policy on an inventory network: which size of order, and how much.

    Raises what `check_regimes` raises.
    """
    check_regimes(network, config.choice)
    edges = len(network.edges)
    jointly = config.choice == "joint"
    choices, outputs = (1, edges) if jointly else (edges, 1)
    net = Towers(config, choices, network.order_cells, outputs)

    def features(observation: Observation) -> Float[Array, " features"]:
        seen = flat_features(network, observation, config.observes, scaled=True)
        if not config.overall_cover:
            return seen
        cover, there = safety_cover(network, observation), present_locations(network, observation)
        mean = jnp.sum(there * cover) / jnp.maximum(jnp.sum(there), 1.0)
        worst = jnp.min(jnp.where(there > 0, cover, jnp.max(cover)))
        return jnp.concatenate([seen, jnp.stack([mean, worst])])

    def init(key: PRNGKeyArray, example: Observation) -> PyTree:
        return net.init(key, features(example))

    def apply(variables: PyTree, observation: Observation) -> Categorical:
        logits, outputs = map(jnp.asarray, net.apply(variables, features(observation)))
        return order_regimes(network, observation, logits, outputs, config)

    return Policy(init, apply)
