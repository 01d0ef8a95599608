"""Checkpoints on the disk: what is read is what was written, and damage is an error."""

from contextlib import suppress

import numpy as np
import pytest

from ablate.errors import StoreError
from ablate.store.checkpoints import RUNS, Checkpoint, checkpoints_in, remove_useless_checkpoints

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([np.nan], dtype=np.float32), "c": np.array(7)}


def test_what_is_read_is_what_was_written_and_readers_of_parquet_do_not_see_it(tmp_path):
    checkpoint = Checkpoint.of(tmp_path, ["y", "x"])
    assert checkpoint.read() is None
    checkpoint.write(ARRAYS, {RUNS: ["x", "y"]})
    assert checkpoint.path.parent.name[0] == "."
    assert list(checkpoints_in(tmp_path)) == [checkpoint] == [Checkpoint.of(tmp_path, ["x", "y"])]
    arrays, facts = checkpoint.read()
    assert facts == {RUNS: ["x", "y"]}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(arrays[name], array)


def test_any_damage_is_found(tmp_path):
    checkpoint = Checkpoint.of(tmp_path, ["x"])
    checkpoint.write(ARRAYS, {RUNS: ["x"]})
    content = checkpoint.path.read_bytes()
    damaged = [content[:size] for size in range(0, len(content), 7)]
    for position in range(0, len(content), 3):
        damaged.append(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
    damaged += [b"\xff" * 64, b"PAR1" + content]
    for wrong in damaged:
        checkpoint.path.write_bytes(wrong)
        found = _read(checkpoint)
        if found is not None:  # a changed byte without meaning, such as another space
            assert found[1] == {RUNS: ["x"]}
            np.testing.assert_equal(found[0], ARRAYS)


def _read(checkpoint):
    with suppress(StoreError):
        return checkpoint.read()
    return None


def test_checkpoints_that_no_command_goes_on_from_are_deleted(tmp_path):
    waiting, stored, damaged = (Checkpoint.of(tmp_path, [name]) for name in "abc")
    for checkpoint, name in ((waiting, "a"), (stored, "b")):
        checkpoint.write(ARRAYS, {RUNS: [name, "d"]})
    damaged.path.write_bytes(b"no checkpoint")
    remove_useless_checkpoints(tmp_path, lambda: {"b"})
    assert list(checkpoints_in(tmp_path)) == [waiting]
    remove_useless_checkpoints(tmp_path, lambda: {"d"})
    assert list(tmp_path.iterdir()) == []
    remove_useless_checkpoints(tmp_path, lambda: pytest.fail("there is no checkpoint"))
