"""Dual-sourcing stores that the tests share: published ones, and random ones for properties."""

import numpy as np
from hypothesis import strategies as st

from neuroinv.optima.dual_sourcing_store import DualSourcing


def published_store(regular_lead_time: int, expedited_cost: float) -> DualSourcing:
    """An instance of Gijsbrechts et al. (2022), figure 9."""
    return DualSourcing(np.full(5, 0.2), regular_lead_time, 5.0, 495.0, 100.0, expedited_cost)


@st.composite
def stores(draw: st.DrawFn, longest: int = 3, largest_demand: int = 4) -> DualSourcing:
    """Any small demand, with prices at which both sources are worth using now and then."""
    weights = st.lists(st.integers(0, 5), min_size=2, max_size=largest_demand + 1)
    drawn = np.array(draw(weights.filter(lambda entries: any(entries[1:]))))
    lead_time = draw(st.integers(1, longest))
    underage = draw(st.sampled_from([0.5, 4.0, 39.0]))
    premium = draw(st.sampled_from([0.02, 0.3, 0.7, 0.98])) * underage * lead_time
    return DualSourcing(drawn / drawn.sum(), lead_time, 1.0, underage, 10.0, 10.0 + premium)
