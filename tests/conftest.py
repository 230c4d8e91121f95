"""Compiled programs are kept between tests, because many run the same one."""

import os
import tempfile

import pytest

folder = os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    os.path.join(tempfile.gettempdir(), f"neuroinv-tests-{os.getuid()}"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture
def quick_compilation():
    """For tests whose programs are compiled and run once or twice."""
    import jax  # which reads the environment as it is imported

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
