"""Reading of all parts (files of some runs) as they are at one moment, even while another command writes parts."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ablate.errors import StoreError
from ablate.store import files, parts
from ablate.store.atomic import reason
from ablate.store.replacement import Replacement, unfinished

# A writer changes a folder about once a second, and each attempt reads only what has changed since the last one.
_ATTEMPTS = 100
Version = tuple[int, ...]


def snapshot(folder: Path, columns: Mapping[str, files.Names]) -> dict[str, parts.Part]:
    """Returns the parts by name, with the tables and columns that `columns` names.

    A table for which no columns are named has all of its columns. If columns of `runs` are named, `run_id` is one of
    them. Rows of other tables whose run is not in `runs` are left out.

    Raises:
        StoreError: A file is missing, unreadable, damaged, not from ablate or of another schema, or a run is stored
            twice.
    """
    loaded: dict[str, tuple[Version, parts.Part]] = {}
    missing: dict[str, Version] = {}
    for _ in range(_ATTEMPTS):
        replacement = unfinished(folder)
        versions = _versions(folder, replacement)
        loaded = {
            name: loaded[name] for name in versions if name in loaded and loaded[name][0] == versions[name]
        }
        if len(loaded) == len(versions):
            found = {name: part for name, (_, part) in sorted(loaded.items())}
            _reject_repeated_runs(folder, found)
            return found
        for name in sorted(versions.keys() - loaded.keys()):
            try:
                loaded[name] = versions[name], _load(folder, name, columns, replacement)
            except FileNotFoundError as error:
                # A writer may have deleted the file since it was listed; then the next attempt finds another version.
                if missing.get(name) == versions[name]:
                    raise _is_missing(folder / "runs" / name, Path(error.filename)) from None
                missing[name] = versions[name]
    raise StoreError(f"{str(folder)!r} changes faster than it can be read; try again when it is complete")


def names_in(folder: Path, table: str) -> list[str]:
    """Returns the sorted names of the Parquet files of a table.

    Raises:
        StoreError: The folder cannot be read, or a file was not written by ablate.
    """
    path = folder / table
    try:
        names = sorted(
            name for name in os.listdir(path) if re.fullmatch(r"[^._].*\.parquet", name, re.DOTALL)
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{str(folder)!r} is not a readable results folder ({reason(error)})") from error
    for name in names:
        if not re.fullmatch(parts.NAME_PATTERN, name):
            raise StoreError(f"{str(path / name)!r} was not written by ablate; move it elsewhere")
    return names


def _versions(folder: Path, replacement: Replacement) -> dict[str, Version]:
    """Returns, for each part that counts, the version: numbers that change with the content of its file in `runs`."""
    versions: dict[str, Version] = {}
    for name in replacement.names(names_in(folder, "runs")):
        with suppress(FileNotFoundError):
            status = replacement.path(folder, "runs", name).lstat()
            versions[name] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return versions


def _load(
    folder: Path, name: str, columns: Mapping[str, files.Names], replacement: Replacement
) -> parts.Part:
    part = {
        table: parts.load(replacement.path(folder, table, name), table, some)
        for table, some in columns.items()
    }
    run_ids = parts.run_ids(part["runs"])
    return {
        table: rows if table == "runs" else parts.keep_runs(rows, run_ids) for table, rows in part.items()
    }


def _is_missing(runs_file: Path, path: Path) -> StoreError:
    also = f"; delete {str(runs_file)!r} too and its runs are trained again" if path != runs_file else ""
    return StoreError(f"{str(path)!r} is missing{also}")


def _reject_repeated_runs(folder: Path, loaded: Mapping[str, parts.Part]) -> None:
    owner: dict[str, str] = {}
    for name, part in loaded.items():
        for run_id in parts.run_ids(part["runs"]):
            if owner.setdefault(run_id, name) != name:
                raise StoreError(
                    f"{str(folder / 'runs')!r} holds run {run_id!r} twice, in {owner[run_id]} and in {name}; delete "
                    "one of these files"
                )
