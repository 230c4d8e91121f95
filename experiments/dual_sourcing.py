"""One store with a slow and a fast source: the optimum and the classical policies, at exact cost.

    python experiments/dual_sourcing.py

Demand is uniform on 0 to 4, owed until met; holding cost 5, underage cost 495, 100 per unit from
the regular source; an expedited order arrives at once. Published: Gijsbrechts, Boute, Van Mieghem
and Zhang (2022), Can deep reinforcement learning improve inventory management?, figure 9, percent
over the optimum; among them a network trained by A3C. Of the first cell they are measured from the
capped dual-index policy.
"""

import numpy as np
from cells import origin, write_table
from figures import Figure

from neuroinv import optima

FAMILIES = {
    "capped_dual_index": optima.best_capped_dual_index,
    "dual_index": optima.best_dual_index,
    "single_index": optima.best_single_index,
    "tailored_base_surge": optima.best_tailored_base_surge,
}
# Percent over the optimum, in the order of the families, then A3C.
PUBLISHED = {
    (2, 105.0): (0.00, 0.11, 0.56, 0.06, 0.52),
    (2, 110.0): (0.03, 0.18, 1.03, 0.99, 0.80),
    (3, 105.0): (0.00, 0.27, 0.98, 0.01, 0.82),
    (3, 110.0): (0.06, 0.36, 2.11, 0.71, 0.51),
    (4, 105.0): (0.00, 0.36, 1.43, 0.00, 1.85),
    (4, 110.0): (0.11, 0.49, 2.44, 0.58, 1.33),
}


def row(cell: tuple[int, float]) -> dict:
    """One cell of the table."""
    regular_lead_time, expedited_cost = cell
    store = optima.DualSourcing(
        np.full(5, 0.2), regular_lead_time, 5.0, 495.0, 100.0, expedited_cost
    )
    optimum = optima.dual_sourcing_optimum(store).cost
    gaps: dict[str, float] = {}
    for (family, best), published in zip(FAMILIES.items(), PUBLISHED[cell], strict=False):
        gaps[f"{family}_gap_percent"] = 100 * (best(store).cost / optimum - 1)
        gaps[f"{family}_published"] = published
    return {
        "regular_lead_time": regular_lead_time,
        "expedited_cost": expedited_cost,
        "optimum": optimum,
        **gaps,
        "a3c_published": PUBLISHED[cell][-1],
        **origin(),
    }


if __name__ == "__main__":
    figure = Figure(
        "regular_lead_time",
        tuple(f"{family}_gap_percent" for family in FAMILIES),
        "gap to the optimum (%)",
        panel="expedited_cost",
    )
    write_table("dual_sourcing", ["regular_lead_time", "expedited_cost"], PUBLISHED, row, figure)
