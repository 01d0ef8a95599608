"""Checkpoints: the states of stacks in training, from which the next command goes on after an interruption.

The checkpoint of a stack is one safetensors file in the folder `.checkpoints` of a results folder. It holds arrays
and, as JSON, facts about the training. Reading it executes no code, and a checksum detects damage.
"""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablate.errors import StoreError
from ablate.store import atomic

if TYPE_CHECKING:
    import numpy as np

FOLDER, SUFFIX = ".checkpoints", ".safetensors"
# Names of two facts: the ids of the runs of the stack, and the library for matrix products.
RUNS, LIBRARY = "runs", "library"

Facts = dict[str, Any]
Arrays = dict[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of a stack. Its file need not exist."""

    path: Path

    @classmethod
    def of(cls, results: Path, run_ids: Collection[str]) -> "Checkpoint":
        """Returns the checkpoint of the stack with these runs in a results folder."""
        name = blake2b("\n".join(sorted(run_ids)).encode(), digest_size=16).hexdigest()
        return cls(results / FOLDER / (name + SUFFIX))

    def write(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        """Writes the file. If this fails, an OSError is raised and an old file stays."""
        from safetensors.numpy import save

        metadata = {"facts": json.dumps(facts), "checksum": _checksum(arrays, json.dumps(facts))}
        self.path.parent.mkdir(exist_ok=True)
        atomic.replace_files({self.path: save(arrays, metadata)})

    def read(self) -> tuple[Arrays, Facts] | None:
        """Returns the arrays and the facts, or None if there is no file.

        Raises:
            StoreError: The file is damaged or was not written by ablate.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, "numpy") as file:
                metadata: dict[str, str] = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            facts = json.loads(metadata["facts"])
            if metadata["checksum"] == _checksum(arrays, metadata["facts"]) and isinstance(facts[RUNS], list):
                return arrays, facts
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, KeyError, ValueError, TypeError):
            pass
        raise StoreError(f"{str(self.path)!r} is damaged and not used: its runs are trained from their start")

    def remove(self) -> None:
        """Deletes the file if it exists."""
        with suppress(OSError):
            self.path.unlink()


def checkpoints_in(results: Path) -> Iterator[Checkpoint]:
    """Yields the checkpoints of a results folder in the order of their names."""
    # For a path that is too long, `isdir` is False, whereas `glob` raises an error.
    if os.path.isdir(results / FOLDER):
        yield from map(Checkpoint, sorted((results / FOLDER).glob(f"[!.]*{SUFFIX}")))


def remove_useless_checkpoints(results: Path, stored: Callable[[], Collection[str]]) -> None:
    """Deletes each checkpoint that is damaged or belongs to a stored run, so that no command goes on from it.

    `stored` returns the ids of the stored runs; it is not called if there is no checkpoint.
    """
    folder = results / FOLDER
    if not os.path.isdir(folder):
        return
    run_ids = set(stored())
    for checkpoint in checkpoints_in(results):
        try:
            _, facts = checkpoint.read() or ({}, {RUNS: []})
        except StoreError:
            checkpoint.remove()
            continue
        if run_ids & set(facts[RUNS]):
            checkpoint.remove()
    atomic.remove_leftovers(folder)
    with suppress(OSError):
        folder.rmdir()


def _checksum(arrays: Arrays, facts: str) -> str:
    checksum = blake2b(facts.encode(), digest_size=16)
    for name, array in sorted(arrays.items()):
        checksum.update(f"{name} {array.dtype} {array.shape}".encode())
        checksum.update(array.tobytes())
    return checksum.hexdigest()
