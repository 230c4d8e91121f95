"""A run is a directory that proves itself.

    config.yaml     the resolved config, which `parse` accepts as it is
    run.json        status, digest, git commit, versions, device, seeds, seconds, seeds that
                    diverged or were left without a gradient, the process's peak memory
    diff.patch      changes of tracked files beyond the commit
    metrics.jsonl   one line per segment: update, seconds, and each metric as a list over seeds
    checkpoints/    the last full state
    table.json      the final table, written once all else is done
    curves.svg/png  learning curves

Metrics are appended line by line; what a run is taken up from or read by is written under another
name and renamed. A kill at any moment loses no more than the work since the last checkpoint.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import yaml

import neuroinv
from neuroinv.config import Config, digest, to_mapping
from neuroinv.types import InputError

OF_AN_END = ("status", "ended", "error")  # facts that a new launch takes back
LOST = {  # facts that list seeds which learn nothing any more, and why
    "without_gradient": "no gradient was left",
    "diverged": "variables or dev cost were no longer finite",
}
RECORDED_PACKAGES = ("jax", "jaxlib", "flax", "optax", "chex", "orbax-checkpoint", "numpy", "scipy")


def run_path(config: Config) -> Path:
    """Where the run of a config lives: its names, and its digest."""
    names = (config.problem.name, config.policy.kind, config.algorithm.kind)
    return Path(config.results) / "-".join((*names, digest(config)))


class RunDirectory:
    """The directory of one run, held by one process at a time (use `open_run`)."""

    def __init__(self, path: Path) -> None:
        """The directory at `path`, which exists."""
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.facts: dict[str, Any] = {}

    def write_facts(self, **facts: Any) -> None:
        """Add to `run.json`."""
        self.facts |= facts
        write_atomically(self.path / "run.json", json.dumps(self.facts, indent=2) + "\n")

    def append_metrics(self, record: dict[str, Any]) -> None:
        """Add one line to `metrics.jsonl`."""
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")

    def forget_metrics_after(self, step: int) -> None:
        """Drop metrics of updates that a run continued from `step` will do again."""
        kept = [record for record in read_metrics(self.path) if record["step"] <= step]
        text = "".join(json.dumps(record) + "\n" for record in kept)
        write_atomically(self.path / "metrics.jsonl", text)


@contextlib.contextmanager
def open_run(config: Config) -> Iterator[RunDirectory]:
    """The directory of a config's run, created or taken up again, for this process alone.

    Its status is `running` inside, and `failed` if an exception leaves it. Raises InputError where
    another process holds it.
    """
    run = RunDirectory(run_path(config))
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        lock = (run.path / "lock").open("w")
    except OSError as error:
        raise InputError(
            f"results is {config.results}, where no run can be kept ({error.strerror}); "
            "name a folder that can be written"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"results: another process is training in {run.path}; wait for it or stop it"
            ) from None
        previous = read_facts(run.path) or {}
        # In its own order: that of nodes and edges is the order of a net's inputs and outputs.
        kept = yaml.safe_dump(to_mapping(config), sort_keys=False)
        write_atomically(run.path / "config.yaml", kept)
        commit, diff = git_state()
        write_atomically(run.path / "diff.patch", diff)
        run.facts = {key: previous[key] for key in previous if key not in OF_AN_END}
        earlier = previous.get("earlier_commits", [])
        if previous and previous["git_commit"] not in (commit, *earlier):
            earlier = [*earlier, previous["git_commit"]]
        run.write_facts(
            status="running",
            digest=digest(config),
            seeds=list(range(config.seed, config.seed + config.training.seeds)),
            started=previous.get("started", _now()),
            launches=previous.get("launches", 0) + 1,
            train_seconds=previous.get("train_seconds", 0.0),
            git_commit=commit,
            earlier_commits=earlier,
            git_diff=bool(diff),
            versions={"neuroinv": neuroinv.__version__, "python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in RECORDED_PACKAGES},
            device=jax.devices()[0].device_kind,
            platform=platform.platform(),
            cores=os.cpu_count(),
        )
        try:
            yield run
        except BaseException as error:
            run.write_facts(status="failed", ended=_now(), error=f"{type(error).__name__}: {error}")
            raise
        run.write_facts(status="complete", ended=_now(), peak_memory_mib=peak_memory_mib())


def read_facts(path: Path) -> dict[str, Any] | None:
    """What `run.json` in a run directory says; None where there is none. Raises InputError where it
    cannot be read."""
    file = path / "run.json"
    try:
        return json.loads(file.read_text()) if file.exists() else None
    except ValueError as error:
        raise InputError(
            f"{file} cannot be read ({error}); remove it, and the run goes on from its checkpoint"
        ) from None


def lost_seeds(facts: dict[str, Any]) -> list[str]:
    """A sentence for each reason for which some seeds of a run stopped early."""
    return [
        f"{len(facts[reason])} of {len(facts['seeds'])} seeds stopped because {why}"
        for reason, why in LOST.items()
        if facts.get(reason)
    ]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of `metrics.jsonl`; lines that a kill or a full disk cut short are left out."""
    file = path / "metrics.jsonl"
    records = []
    for line in file.read_text().splitlines() if file.exists() else ():
        with contextlib.suppress(ValueError):
            records.append(json.loads(line))
    return records


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, whole, even where the
    machine goes down in between."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def peak_memory_mib() -> float:
    """The most memory this process has held so far: on the accelerator if there is one.

    A job of a sweep shares its process with the jobs before it, and so has at least their peak.
    """
    stats = jax.devices()[0].memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return stats["peak_bytes_in_use"] / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def git_state() -> tuple[str | None, str]:
    """Commit and uncommitted changes of the source that is running, if it is in a git tree."""
    source = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(source), *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode(
            errors="replace"
        )

    try:
        if not git("ls-files", "records.py").strip():
            return None, ""  # an installed package inside somebody else's repository
        return git("rev-parse", "HEAD").strip(), git("diff", "HEAD", "--", ":/")
    except (OSError, subprocess.CalledProcessError):
        return None, ""
