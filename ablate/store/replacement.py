"""Replacement of parts (files of some runs) in one step: at any time, either all old parts count or all new ones.

The files of the new parts are first written under temporary names. Then the file `.replacement` is written, which names
the old and the new parts: from now on the new parts count. Last, the old files are deleted and the new ones get their
names. If the process is killed during this last step, the next writer repeats the step.
"""

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ablate.errors import StoreError
from ablate.store import atomic
from ablate.store.parts import NAME_PATTERN
from ablate.store.remote import repeat_delete, repeat_rename
from ablate.store.schema import TABLES

_FILE = ".replacement"
_MAX_BYTES = 1 << 26
# In this order, a reader that ignores `.replacement` may miss a run for a moment, but never sees a run twice.
_ORDER = ("runs", *(table for table in TABLES if table != "runs"))


@dataclass(frozen=True)
class Replacement:
    """The names of parts that no longer count, and of the parts that count instead; a name can be in both."""

    old: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()

    def names(self, visible: Iterable[str]) -> set[str]:
        """Returns the names of the parts that count. `visible` holds the names of the files in the folder `runs`."""
        return set(visible) - self.old | self.new

    def path(self, folder: Path, table: str, name: str) -> Path:
        """Returns the path of the file of a part that counts. The file can still have its temporary name."""
        staged = _staged(folder, table, name)
        return staged if name in self.new and staged.exists() else folder / table / name


def unfinished(folder: Path) -> Replacement:
    """Returns the replacement whose last step is not finished, or a replacement without names if there is none.

    Raises:
        StoreError: The file `.replacement` was not written by ablate or cannot be read.
    """
    path = folder / _FILE
    try:
        with atomic.open_file(path) as file:
            content = json.loads(file.read(_MAX_BYTES))
        old, new = frozenset(content["old"]), frozenset(content["new"])
        if all(re.fullmatch(NAME_PATTERN, name) for name in old | new):
            return Replacement(old, new)
    except FileNotFoundError:
        return Replacement()
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        pass
    raise StoreError(f"{str(path)!r} was not written by ablate or cannot be read; move it elsewhere")


def replace_parts(folder: Path, old: Collection[str], new: Mapping[str, Mapping[str, Any]]) -> None:
    """Replaces the parts named in `old` by `new`, which holds the content of a file by name of the part and by table.

    Raises:
        OSError: A file cannot be written; the old parts stay, or the next writer finishes the replacement.
    """
    staged = {_staged(folder, table, name): part[table] for name, part in new.items() for table in TABLES}
    try:
        atomic.replace_files(staged)
        atomic.replace_files({folder / _FILE: json.dumps({"old": sorted(old), "new": sorted(new)}).encode()})
    except BaseException:
        for path in () if (folder / _FILE).exists() else staged:
            atomic.quietly(partial(atomic.remove_file, path))
        raise
    finish(folder)


def finish(folder: Path) -> None:
    """Finishes a replacement whose process was killed, if there is one."""
    replacement = unfinished(folder)
    if not replacement.old | replacement.new:
        return
    for table in _ORDER:
        waiting = {name for name in replacement.new if _staged(folder, table, name).exists()}
        # A new file without a temporary name has its final name already. An old file may have had this name before.
        for name in replacement.old - (replacement.new - waiting):
            (folder / table / name).unlink(missing_ok=True)
            repeat_delete(folder / table / name)
        for name in waiting:
            staged, final = _staged(folder, table, name), folder / table / name
            os.replace(staged, final)
            repeat_rename(staged, final)
        atomic.sync(folder / table)
    atomic.remove_file(folder / _FILE)


def _staged(folder: Path, table: str, name: str) -> Path:
    return folder / table / f"{atomic.PREFIX}{name}{atomic.SUFFIX}"
