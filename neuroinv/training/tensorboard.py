"""TensorBoard events, for those who ask for them; the package is imported only then."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from neuroinv.types import InputError


class Write(Protocol):
    """Writes the metrics (arrays over seeds) of a segment."""

    def __call__(self, step: int, metrics: dict[str, np.ndarray], /) -> None:
        """Write the metrics measured after `step` updates."""


def check_tensorboard(wanted: bool) -> None:
    """Raise InputError where events are wanted and tensorboardX is not installed."""
    if wanted and importlib.util.find_spec("tensorboardX") is None:
        raise InputError(
            "logger.tensorboard is true but the package tensorboardX is not installed; "
            "install neuroinv[tensorboard], or choose logger=console"
        )


@contextmanager
def tensorboard(path: Path, wanted: bool, from_step: int) -> Iterator[Write]:
    """A writer of events into `path`, after a step (later ones are superseded), or of nothing."""
    if not wanted:
        yield lambda step, metrics: None
        return
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(path), purge_step=from_step + 1) as writer:

        def write(step: int, metrics: dict[str, np.ndarray]) -> None:
            for name, values in metrics.items():
                for seed, value in enumerate(values):
                    writer.add_scalar(f"{name}/seed_{seed}", float(value), step)

        yield write
