"""What a person sees while a run works: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from neuroinv.experiment import Event, Listener

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def listening(console: Console, steps: int, shown: bool) -> Iterator[Listener]:
    """A listener that shows stages and training progress on `console` while the context is open."""
    if not shown:
        yield lambda event: None
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[measured]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("starting", total=steps, measured="")

            def live(event: Event) -> None:
                progress.update(
                    task,
                    description=event.stage,
                    completed=event.step,
                    measured=_measured(event),
                )
                progress.refresh()  # the device may keep the host busy for long

            yield live
    else:
        began = time.perf_counter()
        last = float("-inf")
        first: tuple[float, int] | None = None  # time and step of this training's first event

        def lines(event: Event) -> None:
            nonlocal last, first
            now = time.perf_counter()
            training = event.stage == "training"
            first = (first or (now, event.step)) if training else None
            if training and event.step < steps and now - last < SECONDS_BETWEEN_LINES:
                return
            last = now if training else last
            step = f" {event.step}/{steps}  {_measured(event)}" if training else ""
            if first and first[1] < event.step < steps:
                left = (now - first[0]) / (event.step - first[1]) * (steps - event.step)
                step += f"  {datetime.timedelta(seconds=round(left))} left"
            console.print(f"{now - began:7.1f} s  {event.stage}{step}", highlight=False)

        yield lines


def _measured(event: Event) -> str:
    shown = []
    if "dev" in event.metrics:
        shown.append(f"dev {event.metrics['dev']:.4f}")
    if "gap" in event.metrics:
        shown.append(f"gap {event.metrics['gap']:+.2%}")
    if "share" in event.metrics:
        shown.append(f"share of bound {event.metrics['share']:.2%}")
    if "lost" in event.metrics:
        shown.append("no seed learns any more: lower algorithm.learning_rate")
    return "  ".join(shown)
