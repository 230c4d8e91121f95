"""Schema of the algorithms that train a policy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from neuroinv.config.values import SCHEMA, Count, Fraction


@dataclass(frozen=True, config=SCHEMA)
class HDPOConfig:
    """Hindsight differentiable policy optimisation: pathwise gradients and Adam."""

    kind: Literal["hdpo"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """Adam's first learning rate."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    weighting: Literal["equal", "inverse_scale"] = "equal"
    """equal counts every unit of cost alike; inverse_scale divides a scenario's cost by its typical
    demand, so that scenarios count alike."""


Baseline = Literal["none", "batch_mean", "learned_value"]
NoiseKind = Literal["fixed", "by_output", "by_state"]
LEARNED_TRACE = 0.95  # of HPO with a learned value
Discount = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=SCHEMA)
class ReinforceConfig:
    """The score function with normal noise on a policy's outputs, and Adam."""

    kind: Literal["reinforce"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's first learning rate."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    baseline: Baseline = "batch_mean"
    """What the cost to go is compared with: nothing; its mean over the other scenarios of the
    batch; or that mean corrected by a network that reads the observation."""
    std: Annotated[float, Field(gt=0)] = 0.5
    """First standard deviation of the noise, in units of the outputs (not yet orders)."""
    noise: NoiseKind = "by_output"
    """What its standard deviation becomes: fixed keeps it, by_output trains one for every output,
    by_state trains a network, as wide as the learned value's, that reads what is observed."""
    value_hidden: tuple[Count, ...] = (32, 32)
    """Width of each hidden layer of the learned value."""
    value_learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's learning rate for the learned value."""


@dataclass(frozen=True, config=SCHEMA)
class CrossEntropyConfig:
    """The cross-entropy method: a search without derivatives, for policies of few variables."""

    kind: Literal["cross_entropy"]
    """Which algorithm."""
    candidates: Count = 32
    """Variables tried per update, each on the whole batch."""
    kept: Count = 8
    """The best of them, to whose mean the variables move."""
    initial_std: Annotated[float, Field(gt=0)] = 0.5
    """First standard deviation of the candidates, in units of the variables."""
    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.5
    """How far an update moves the standard deviation to that of the best."""

    def __post_init__(self) -> None:
        if self.kept >= self.candidates:
            raise ValueError(
                f"kept={self.kept} are not fewer than candidates={self.candidates}; lower it"
            )


@dataclass(frozen=True, config=SCHEMA)
class HPOConfig:
    """Hybrid policy optimisation: pathwise for what is continuous, the score for regimes."""

    kind: Literal["hpo"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's first learning rate."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    cross_term: bool = True
    """Whether a regime's score is followed into the state it was drawn in; false is of lower
    variance, and biased away from a discrete best response."""
    baseline: Baseline = "learned_value"
    """What the cost to go is compared with: nothing; its mean over the other scenarios of the
    batch; or that mean corrected by a network that reads the observation."""
    discount: Discount = 1.0
    """Of later costs in the cost to go; below 1 for less variance and some bias, which puts
    orders with a fixed cost off for too long."""
    trace: Fraction = LEARNED_TRACE
    """Generalised advantages with a learned value: 1 trusts what happened, 0 the next value. Below
    1 they vary less, and are off by as much as the value is, which tells where lead times add up:
    chains of locations want 1."""
    scales: Literal["consistent", "reference"] = "consistent"
    """consistent keeps cost and score in the same units, as the estimator asks; reference divides
    costs by their spread and advantages by theirs, and weighs costs five times, as the paper's
    public code does."""
    entropy: Annotated[float, Field(ge=0)] = 0.02
    """First weight of the entropy of the regimes, in spreads of a period's cost; it falls linearly
    to nothing. Where few sizes of an order are good, such as those with a discount, ten times as
    much finds them."""
    epochs: Count = 1
    """How often a batch is used: once for everything, then for the score of the regimes alone, with
    a clipped ratio (PPO). Where nets share weights (`policy.nets=shared`, `policy=gnn`), these
    further steps move sizes of orders as well, by no cost of theirs."""
    minibatches: Count = 4
    """Parts that a batch is divided into in each further epoch."""
    clip_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """How far the ratio of new to old probability may leave one in further epochs."""
    most_divergence: Annotated[float, Field(gt=0)] = 0.015
    """Further epochs end where the new policy is this far from the old (Kullback-Leibler, nats)."""
    value_hidden: tuple[Count, ...] = (64, 64)
    """Width of each hidden layer of the learned value."""
    value_learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's learning rate for the learned value."""
    value_updates: Count = 4
    """Updates of the learned value for each of the policy, each on its share of the batch."""
    first_decisions: Annotated[int, Field(ge=0)] = 0
    """Decisions of so many first periods are lived with but not trained: in a burn-in, only the end
    of what they bring about is counted, where an order's stock runs out."""
    last_decisions: Annotated[int, Field(ge=0)] = 0
    """Likewise those of so many last periods: what they bring about lies beyond the horizon."""

    def __post_init__(self) -> None:
        if self.baseline != "learned_value" and self.trace not in (LEARNED_TRACE, 1):
            raise ValueError(
                f"trace is {self.trace:g}, which trusts a learned value, but baseline is "
                f"{self.baseline}; leave it out, or choose baseline=learned_value"
            )


@dataclass(frozen=True, config=SCHEMA)
class PPOConfig:
    """Proximal policy optimisation: the score of regimes and of noisy outputs, ratios clipped."""

    kind: Literal["ppo"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.0003
    """Adam's first learning rate."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    discount: Discount = 0.95
    """Of later costs in the cost to go."""
    trace: Fraction = 0.95
    """Generalised advantages: 1 trusts what happened, 0 the next value."""
    entropy: Annotated[float, Field(ge=0)] = 0.02
    """First weight of the entropy of the regimes; it falls linearly to nothing."""
    epochs: Count = 5
    """How often a batch is used."""
    further_epochs: Literal["all", "regimes"] = "all"
    """What those after the first train: all that is drawn, or the score of the regimes alone, whose
    ratios and divergence are then their own, as in hpo."""
    minibatches: Count = 4
    """Parts that a batch is divided into in each epoch."""
    clip_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """How far the ratio of new to old density may leave one."""
    most_divergence: Annotated[float, Field(gt=0)] = 0.015
    """Epochs end where the new policy is this far from the old (Kullback-Leibler, nats)."""
    std: Annotated[float, Field(gt=0)] = 1.0
    """First standard deviation of the noise on the outputs, before they become an action."""
    noise: NoiseKind = "by_output"
    """What its standard deviation becomes: fixed keeps it, by_output trains one for every output,
    by_state trains a network, as wide as the learned value's, that reads what is observed."""
    value_hidden: tuple[Count, ...] = (64, 64)
    """Width of each hidden layer of the learned value."""
    value_learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's learning rate for the learned value."""
    value_updates: Count = 4
    """Updates of the learned value for each batch, each on its share of the scenarios."""
    first_decisions: Annotated[int, Field(ge=0)] = 0
    """Decisions of so many first periods are lived with but not trained, as in hpo."""
    last_decisions: Annotated[int, Field(ge=0)] = 0
    """Likewise those of so many last periods."""

    def __post_init__(self) -> None:
        if self.further_epochs == "regimes" and self.epochs == 1:
            raise ValueError("further_epochs is regimes but epochs is 1; raise it, or leave it out")


@dataclass(frozen=True, config=SCHEMA)
class RelaxedConfig:
    """Pathwise gradients through relaxed regimes (Gumbel-softmax), or smoothed sizes of orders."""

    kind: Literal["relaxed"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Adam's first learning rate."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """First temperature; a lower one makes weights of regimes nearer to a choice."""
    final_temperature: Annotated[float, Field(gt=0)] = 0.1
    """Temperature at the last step, reached geometrically."""
    straight_through: bool = False
    """Whether the simulator meets the chosen regime, and only the derivative is relaxed."""
    noise: bool = True
    """Whether regimes are drawn (Gumbel noise on the logits) or merely weighed by a softmax."""

    def __post_init__(self) -> None:
        if self.final_temperature > self.temperature:
            raise ValueError(
                f"final_temperature={self.final_temperature:g} is above "
                f"temperature={self.temperature:g}; lower it"
            )


@dataclass(frozen=True, config=SCHEMA)
class LearnedCriticConfig:
    """Gradients through a learned cost of actions instead of the simulator."""

    kind: Literal["learned_critic"]
    """Which algorithm."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    """Adam's first learning rate for the policy."""
    final_learning_rate: Fraction = 0.01
    """Share of the learning rate that is left at the last step, reached along a cosine."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient an update takes; longer ones are shortened to it."""
    discount: Discount = 0.95
    """Of later costs."""
    entropy: Annotated[float, Field(ge=0)] = 0.02
    """Weight of the entropy of the regimes, in spreads of a period's cost."""
    exploration: Annotated[float, Field(gt=0)] = 0.3
    """Standard deviation of the noise on the policy's outputs, from which the critic learns."""
    critic_hidden: tuple[Count, ...] = (64, 64)
    """Width of each hidden layer of the critic."""
    critic_learning_rate: Annotated[float, Field(gt=0)] = 0.001
    """Adam's learning rate for the critic."""
    critic_updates: Count = 8
    """Updates of the critic for each of the policy."""
    target_share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """How far the target follows the critic in each update."""
    warm_up: Annotated[int, Field(ge=0)] = 50
    """First updates, in which the policy waits for the critic."""


AlgorithmConfig = Annotated[
    HDPOConfig
    | ReinforceConfig
    | CrossEntropyConfig
    | HPOConfig
    | PPOConfig
    | RelaxedConfig
    | LearnedCriticConfig,
    Field(discriminator="kind"),
]
