"""Exact optima of small inventory systems, to compare learned policies with."""

from neuroinv.optima.clark_scarf import (
    SerialOptimum,
    serial_cost_discrete,
    serial_cost_normal,
    serial_optimum_discrete,
    serial_optimum_normal,
)
from neuroinv.optima.lost_sales import (
    AverageCostOptimum,
    StockLevelPolicy,
    best_base_stock,
    best_capped_base_stock,
    lost_sales_optimum,
    policy_cost,
    table_order,
)
from neuroinv.optima.newsvendor import (
    BaseStockOptimum,
    backlogged_cost_discrete,
    backlogged_cost_normal,
    backlogged_optimum_discrete,
    backlogged_optimum_normal,
)
from neuroinv.optima.pmf import geometric_pmf, negative_binomial_pmf, poisson_pmf
from neuroinv.optima.transshipment import TransshipmentBound, transshipment_bound

__all__ = [
    "AverageCostOptimum",
    "BaseStockOptimum",
    "SerialOptimum",
    "StockLevelPolicy",
    "TransshipmentBound",
    "backlogged_cost_discrete",
    "backlogged_cost_normal",
    "backlogged_optimum_discrete",
    "backlogged_optimum_normal",
    "best_base_stock",
    "best_capped_base_stock",
    "geometric_pmf",
    "lost_sales_optimum",
    "negative_binomial_pmf",
    "poisson_pmf",
    "policy_cost",
    "serial_cost_discrete",
    "serial_cost_normal",
    "serial_optimum_discrete",
    "serial_optimum_normal",
    "table_order",
    "transshipment_bound",
]
