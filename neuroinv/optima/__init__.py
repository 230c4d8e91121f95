"""Exact optima of small inventory systems and switched regulators, to compare policies with."""

from neuroinv.optima.clark_scarf import (
    SerialOptimum,
    serial_cost_discrete,
    serial_cost_normal,
    serial_optimum_discrete,
    serial_optimum_normal,
)
from neuroinv.optima.constant_order import ConstantOrder, best_constant_order
from neuroinv.optima.dual_sourcing import DualSourcingOptimum, dual_sourcing_optimum
from neuroinv.optima.dual_sourcing_evaluation import dual_sourcing_cost
from neuroinv.optima.dual_sourcing_heuristics import (
    DualSourcingPolicy,
    best_capped_dual_index,
    best_dual_index,
    best_single_index,
    best_tailored_base_surge,
    dual_index_order,
    single_index_order,
)
from neuroinv.optima.dual_sourcing_store import DualSourcing
from neuroinv.optima.fixed_cost import (
    ReorderPolicy,
    fixed_cost_optimum,
    reorder_policy_cost,
)
from neuroinv.optima.fixed_cost_lost_sales import (
    CappedReorderPolicy,
    best_capped_reorder_levels,
    best_reorder_levels,
    fixed_cost_lost_sales_optimum,
    reorder_order,
)
from neuroinv.optima.level_demand import LevelDemand, clipped_normal_levels
from neuroinv.optima.lost_sales import (
    AverageCostOptimum,
    StockLevelPolicy,
    best_base_stock,
    best_capped_base_stock,
    lost_sales_optimum,
    policy_cost,
    table_order,
)
from neuroinv.optima.lost_sales_heuristics import (
    dual_balancing_policy,
    myopic_policy,
    standard_vector_base_stock_policy,
    vector_base_stock_order,
)
from neuroinv.optima.newsvendor import (
    BaseStockOptimum,
    backlogged_cost_discrete,
    backlogged_cost_normal,
    backlogged_optimum_discrete,
    backlogged_optimum_normal,
)
from neuroinv.optima.one_warehouse import WarehouseBound, warehouse_bound
from neuroinv.optima.order_sizes import OrderSizeOptimum, order_size_optimum
from neuroinv.optima.order_sizes_lost_sales import order_size_lost_sales_optimum
from neuroinv.optima.periodic_review import (
    PeriodicReviewPolicy,
    periodic_review_cost,
    periodic_review_optimum,
    periodic_review_policy,
)
from neuroinv.optima.pmf import geometric_pmf, negative_binomial_pmf, poisson_pmf
from neuroinv.optima.riccati import (
    ModeSchedule,
    best_cyclic_schedule,
    best_fixed_mode,
    best_schedule_gains,
    cyclic_schedules,
    fixed_mode,
    schedule_cost,
    stationary_gain,
)
from neuroinv.optima.serial_fixed_cost import SerialReorderOptimum, serial_fixed_cost_optimum
from neuroinv.optima.switched_lqr import (
    cube_second_moment,
    switched_lqr_matrices,
    two_state_matrices,
)
from neuroinv.optima.switched_system import SwitchedSystem
from neuroinv.optima.switching import (
    StageForms,
    SwitchingGains,
    best_schedule,
    expected_least_cost,
    least_cost,
    switching_gains,
    value_forms,
)
from neuroinv.optima.switching_bound import bounding_forms, switching_lower_bound
from neuroinv.optima.transshipment import TransshipmentBound, transshipment_bound
from neuroinv.optima.two_items import TwoItemOptimum, two_item_optimum

__all__ = [
    "AverageCostOptimum",
    "BaseStockOptimum",
    "CappedReorderPolicy",
    "ConstantOrder",
    "DualSourcing",
    "DualSourcingOptimum",
    "DualSourcingPolicy",
    "LevelDemand",
    "ModeSchedule",
    "OrderSizeOptimum",
    "PeriodicReviewPolicy",
    "ReorderPolicy",
    "SerialOptimum",
    "SerialReorderOptimum",
    "StageForms",
    "StockLevelPolicy",
    "SwitchedSystem",
    "SwitchingGains",
    "TransshipmentBound",
    "TwoItemOptimum",
    "WarehouseBound",
    "backlogged_cost_discrete",
    "backlogged_cost_normal",
    "backlogged_optimum_discrete",
    "backlogged_optimum_normal",
    "best_base_stock",
    "best_capped_base_stock",
    "best_capped_dual_index",
    "best_capped_reorder_levels",
    "best_constant_order",
    "best_cyclic_schedule",
    "best_dual_index",
    "best_fixed_mode",
    "best_reorder_levels",
    "best_schedule",
    "best_schedule_gains",
    "best_single_index",
    "best_tailored_base_surge",
    "bounding_forms",
    "clipped_normal_levels",
    "cube_second_moment",
    "cyclic_schedules",
    "dual_balancing_policy",
    "dual_index_order",
    "dual_sourcing_cost",
    "dual_sourcing_optimum",
    "expected_least_cost",
    "fixed_cost_lost_sales_optimum",
    "fixed_cost_optimum",
    "fixed_mode",
    "geometric_pmf",
    "least_cost",
    "lost_sales_optimum",
    "myopic_policy",
    "negative_binomial_pmf",
    "order_size_lost_sales_optimum",
    "order_size_optimum",
    "periodic_review_cost",
    "periodic_review_optimum",
    "periodic_review_policy",
    "poisson_pmf",
    "policy_cost",
    "reorder_order",
    "reorder_policy_cost",
    "schedule_cost",
    "serial_cost_discrete",
    "serial_cost_normal",
    "serial_fixed_cost_optimum",
    "serial_optimum_discrete",
    "serial_optimum_normal",
    "single_index_order",
    "standard_vector_base_stock_policy",
    "stationary_gain",
    "switched_lqr_matrices",
    "switching_gains",
    "switching_lower_bound",
    "table_order",
    "transshipment_bound",
    "two_item_optimum",
    "two_state_matrices",
    "value_forms",
    "vector_base_stock_order",
    "warehouse_bound",
]
