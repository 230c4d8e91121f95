"""Programs are compiled with few optimisations, as most run once or twice, and kept between tests,
because many run the same one. With `JAX_DISABLE_MOST_OPTIMIZATIONS=0` they are tested as users
compile them."""

import os
import tempfile

folder = os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    os.path.join(tempfile.gettempdir(), f"neuroinv-tests-{os.getuid()}"),
)
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("MPLBACKEND", "Agg")
