"""Lower bound on the cost of a cross-dock that serves stores, and the level that goes with it.

A centre orders from a supply without limit, may not hold stock, and ships everything it has to the
stores, where unmet demand is backlogged. All stores have the same holding cost, underage cost and
lead time; demand is normal, independent between periods, with the same correlation between any two
stores, and it may be negative.

Suppose that stock on its way to the stores and in them could be moved between them at will whenever
the centre ships. If the system's inventory position was S after an order, then what there is to
spread over the stores L_w periods later is S less the demand of L_w periods, and it has to last for
the demand of L_s + 1 periods. Since holding and underage cost are the same everywhere, a store's
expected cost at safety factor z is its standard deviation times a function of z, so it is cheapest
to give all stores the same z: together they cost what one store would whose standard deviation is
the sum of theirs. The period in which that stock is sold then costs what a newsvendor pays who
orders up to S against demand of variance

    L_w sum_kl cov_kl + (L_s + 1) (sum_k std_k)^2,

and nobody's choice of S beats the newsvendor's. Being free to move stock only lowers the cost, so
this bounds every policy. Were costs to differ between stores, the best safety factors would change
with the stock to be spread, and no single newsvendor would stand for the sum.

Sources: Federgruen and Zipkin (1984), Approximations of dynamic, multilocation production and
inventory problems, Management Science 30(1), for the relaxation; Eppen and Schrage (1981),
Centralized ordering policies in a multi-warehouse system with lead times and random demand, in
Schwarz (ed.), Multi-level production/inventory control systems, for the closed form.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from neuroinv.optima.checks import check_costs, check_lead_time, check_normal
from neuroinv.optima.newsvendor import backlogged_optimum_normal


class TransshipmentBound(NamedTuple):
    """What no policy beats, and the level at which the relaxed system attains it.

    Attributes:
        level: order-up-to level of the system's inventory position (units): all stock on hand and
            in transit at the centre and the stores, less demand owed.
        cost: lower bound on the long-run average cost per period of all stores together.
    """

    level: float
    cost: float


def transshipment_bound(
    means: Sequence[float] | Float64[np.ndarray, " stores"],
    stds: Sequence[float] | Float64[np.ndarray, " stores"],
    correlation: float,
    centre_lead_time: int,
    store_lead_time: int,
    holding_cost: float,
    underage_cost: float,
) -> TransshipmentBound:
    """Lower bound on the cost of a cross-dock with stores, in closed form.

    Args:
        means: of each store's demand per period (units).
        stds: of each store's demand per period (units).
        correlation: between the demands of any two stores in one period.
        centre_lead_time: periods from the centre's order to its shipping the goods on. Zero counts
            as one, because what arrives in the period of the order is shipped on in the next.
        store_lead_time: periods from shipping to sale, 0 or more.
        holding_cost: per unit left at a store after demand and period.
        underage_cost: per unit of demand owed after demand and period.

    Raises:
        ValueError: no stores, means and stds of different length, a std or cost that is not
            positive, a correlation that no such demands can have, or a lead time that is not a
            whole number of at least zero.
    """
    check_costs(holding_cost, underage_cost)
    check_lead_time(centre_lead_time)
    check_lead_time(store_lead_time)
    if len(means) == 0 or len(means) != len(stds):
        raise ValueError(
            f"means has {len(means)} entries and stds {len(stds)}; give both for every store"
        )
    for mean, std in zip(means, stds, strict=True):
        check_normal(mean, std)
    least = -1.0 / (len(means) - 1) if len(means) > 1 else -1.0
    if not least <= correlation <= 1.0:
        raise ValueError(
            f"correlation is {correlation}; give a number from {least:g} to 1, because "
            f"{len(means)} demands cannot all be more opposed to each other"
        )
    added_up = float(np.sum(stds))
    pooled_variance = correlation * added_up**2 + (1.0 - correlation) * float(np.dot(stds, stds))
    ordering, selling = max(centre_lead_time, 1), store_lead_time + 1
    variance = ordering * pooled_variance + selling * added_up**2
    expected = (ordering + selling) * float(np.sum(means))
    newsvendor = backlogged_optimum_normal(
        expected, math.sqrt(variance), 0, holding_cost, underage_cost, clipped=False
    )
    return TransshipmentBound(newsvendor.level, newsvendor.cost)
