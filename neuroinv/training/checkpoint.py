"""Full-state checkpoints: written under another name and renamed, strict on what they restore."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint.experimental.v1 as orbax
from jaxtyping import PyTree

from neuroinv.types import InputError


def save(folder: Path, step: int, state: PyTree) -> None:
    """Write `state` as the checkpoint of `step`, then remove older ones.

    A kill at any moment leaves either the older checkpoint or the newer one, whole.
    """
    path = folder.resolve() / f"step_{step}"
    folder.mkdir(parents=True, exist_ok=True)
    if not orbax.is_orbax_checkpoint(path):
        shutil.rmtree(path, ignore_errors=True)
        orbax.save(path, state)
    for other in folder.iterdir():
        if other.name != path.name and other.is_dir():
            shutil.rmtree(other)


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint in `folder`, if there is one."""
    whole = [
        path
        for path in folder.glob("step_*")
        if path.name.removeprefix("step_").isdigit() and orbax.is_orbax_checkpoint(path.resolve())
    ]
    return max(whole, key=lambda path: int(path.name.removeprefix("step_")), default=None)


def restore(path: Path, like: PyTree) -> PyTree:
    """The checkpoint at `path`, which must have the structure, shapes and types of `like`.

    Raises InputError naming the first leaf that differs, or where the files cannot be read.
    """
    return _restore(path.resolve(), like, _stored(path.resolve()))


def restore_field(path: Path, field: str, like: PyTree) -> PyTree:
    """One field of the state in the checkpoint at `path`, as strictly; the rest is not looked at,
    so that variables serve where an optimiser's state would not fit."""
    path = path.resolve()
    stored = _stored(path)
    of_field = {name: leaf for name, leaf in stored.items() if name.split("/")[0] == field}
    context = orbax.Context()
    context.pytree.loading.partial_load = True
    with context:
        return _restore(path, {field: like}, of_field)[field]


def _restore(path: Path, like: PyTree, stored: dict[str, str]) -> PyTree:
    wanted = _described(like)
    for leaf in sorted(stored.keys() | wanted.keys()):
        if stored.get(leaf) != wanted.get(leaf):
            raise InputError(
                f"checkpoint {path}: {leaf} is {stored.get(leaf, 'absent')} there but "
                f"{wanted.get(leaf, 'absent')} here; it belongs to another policy, problem or "
                "number of seeds, so train anew or name the run it came from"
            )
    # Onto this machine's device, whatever the one was that the checkpoint was written from.
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), like
    )
    try:
        return orbax.load(path, abstract)
    except (OSError, ValueError) as error:
        raise _unreadable(path, " ".join(str(error).split())[:200]) from None


def _stored(path: Path) -> dict[str, str]:
    described = _described(orbax.metadata(path).metadata)
    if not described:  # Orbax only logs why
        raise _unreadable(path, "its files are not whole")
    return described


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"checkpoint {path} cannot be read ({reason}); remove it, and the run is trained anew"
    )


def _described(tree: PyTree) -> dict[str, str]:
    def describe(leaf: Any) -> str:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.eval_shape(jax.random.key_data, leaf)  # keys are stored as their bits
        return f"{leaf.dtype}{list(leaf.shape)}"

    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    names = ["/".join(str(getattr(k, "name", getattr(k, "key", k))) for k in p) for p, _ in flat]
    return {name: describe(leaf) for name, (_, leaf) in zip(names, flat, strict=True)}
