"""Checkpoints: whole, newest, and strict about what they restore."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neuroinv.training import checkpoint
from neuroinv.types import InputError, TrainState


def state_of(width: int = 3) -> dict:
    key = jax.vmap(jax.random.key)(jnp.arange(2))
    train = TrainState({"kernel": jnp.ones((2, width))}, (), key, jnp.int32(4))
    return {"train": train, "stopped": jnp.array([True, False])}


def test_what_is_saved_is_restored_to_the_bit(tmp_path):
    state = state_of()
    checkpoint.save(tmp_path, 4, state)
    restored = checkpoint.restore(checkpoint.latest(tmp_path), state_of())
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(restored), strict=True):
        assert a.dtype == b.dtype
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def test_only_the_newest_is_kept_and_half_written_ones_are_passed_over(tmp_path):
    checkpoint.save(tmp_path, 9, state_of())
    checkpoint.save(tmp_path, 10, state_of())
    (tmp_path / "step_12.orbax-checkpoint-tmp").mkdir()
    assert checkpoint.latest(tmp_path).name == "step_10"
    checkpoint.save(tmp_path, 11, state_of())
    assert [path.name for path in tmp_path.iterdir()] == ["step_11"]


def test_there_is_none_in_an_empty_folder(tmp_path):
    assert checkpoint.latest(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda s: s | {"train": state_of(5)["train"]}, "train/variables/kernel"),
        (lambda s: s | {"stopped": jnp.zeros(2)}, "stopped"),
        (lambda s: s | {"more": jnp.zeros(2)}, "more"),
        (lambda s: {"train": s["train"]}, "stopped"),
    ],
)
def test_another_structure_shape_or_type_is_one_sentence(tmp_path, change, named):
    checkpoint.save(tmp_path, 1, state_of())
    with pytest.raises(InputError, match=named):
        checkpoint.restore(checkpoint.latest(tmp_path), change(state_of()))


def test_one_field_is_restored_whatever_became_of_the_rest(tmp_path):
    checkpoint.save(tmp_path, 1, state_of() | {"best": {"kernel": jnp.arange(4.0)}})
    path = checkpoint.latest(tmp_path)
    best = checkpoint.restore_field(path, "best", {"kernel": jnp.zeros(4)})
    np.testing.assert_array_equal(best["kernel"], np.arange(4.0))
    with pytest.raises(InputError, match=r"best/kernel is float32\[4\] there"):
        checkpoint.restore_field(path, "best", {"kernel": jnp.zeros(5)})
    with pytest.raises(InputError, match="best/bias is absent there"):
        checkpoint.restore_field(path, "best", {"kernel": jnp.zeros(4), "bias": jnp.zeros(1)})
    with pytest.raises(InputError, match="best/kernel"):
        checkpoint.restore_field(path, "best", {})
