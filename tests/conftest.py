"""Programs are compiled with few optimisations, as most run once or twice, and kept between tests,
because many run the same one. XLA emits their fusions as LLVM's code at once, which takes half as
long as by way of MLIR. With `JAX_DISABLE_MOST_OPTIMIZATIONS=0` they are tested as users compile
them."""

import os
import tempfile

folder = os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    os.path.join(tempfile.gettempdir(), f"neuroinv-tests-{os.getuid()}"),
)
if os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1") == "1":
    # A version of XLA that does not know the option passes it over.
    direct = "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
    os.environ.setdefault("XLA_FLAGS", direct)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("MPLBACKEND", "Agg")
