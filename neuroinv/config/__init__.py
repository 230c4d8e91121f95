"""The schema of a run: frozen dataclasses, checked as they are built, and their digest.

Hydra composes a plain mapping from `conf/`; `parse` turns it into a `Config` or raises one
InputError that names the field, its value and the remedy. Nothing here imports JAX.
"""

from neuroinv.config.algorithm import (
    AlgorithmConfig,
    CrossEntropyConfig,
    HDPOConfig,
    ReinforceConfig,
)
from neuroinv.config.demand import (
    DemandConfig,
    GeometricDemand,
    NegativeBinomialDemand,
    NormalDemand,
    PoissonDemand,
    SeriesDemand,
    TableColumns,
)
from neuroinv.config.policy import (
    Activation,
    BaseStockConfig,
    CappedBaseStockConfig,
    EchelonStockConfig,
    Feature,
    FixedQuantileConfig,
    ForecasterConfig,
    GNNConfig,
    JustInTimeConfig,
    MLPConfig,
    Orders,
    PolicyConfig,
    QuantileNewsvendorConfig,
    ReturnsNewsvendorConfig,
    SymmetryAwareConfig,
    TransformedNewsvendorConfig,
    WaterFillingConfig,
)
from neuroinv.config.problem import (
    EdgeConfig,
    NodeConfig,
    ProblemConfig,
)
from neuroinv.config.schema import (
    Config,
    digest,
    nearest,
    parse,
    schemas,
    to_mapping,
)
from neuroinv.config.training import (
    LoggerConfig,
    SplitConfig,
    TrainingConfig,
)
from neuroinv.config.values import (
    Range,
    Value,
    numbers,
)

__all__ = [
    "Activation",
    "AlgorithmConfig",
    "BaseStockConfig",
    "CappedBaseStockConfig",
    "Config",
    "CrossEntropyConfig",
    "DemandConfig",
    "EchelonStockConfig",
    "EdgeConfig",
    "Feature",
    "FixedQuantileConfig",
    "ForecasterConfig",
    "GNNConfig",
    "GeometricDemand",
    "HDPOConfig",
    "JustInTimeConfig",
    "LoggerConfig",
    "MLPConfig",
    "NegativeBinomialDemand",
    "NodeConfig",
    "NormalDemand",
    "Orders",
    "PoissonDemand",
    "PolicyConfig",
    "ProblemConfig",
    "QuantileNewsvendorConfig",
    "Range",
    "ReinforceConfig",
    "ReturnsNewsvendorConfig",
    "SeriesDemand",
    "SplitConfig",
    "SymmetryAwareConfig",
    "TableColumns",
    "TrainingConfig",
    "TransformedNewsvendorConfig",
    "Value",
    "WaterFillingConfig",
    "digest",
    "nearest",
    "numbers",
    "parse",
    "schemas",
    "to_mapping",
]
