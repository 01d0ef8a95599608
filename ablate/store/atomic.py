"""Writing that survives a kill at any instant: a file is whole or not there, and a folder has one writer."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

# Readers of a folder of Parquet files (pyarrow, polars, duckdb) pass over names that begin with a dot.
PREFIX, SUFFIX = ".", ".tmp"

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from None

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def replace_files(contents: Mapping[Path, Any]) -> None:
    """Writes files, each whole or not at all, and gives them their names in the order of the mapping.

    All are complete under temporary names beside their own before the first gets its name, so that a full
    disk is met while nothing has changed. What has its name is on the disk (fsync) before the next gets its.

    Args:
        contents: The bytes (any buffer) of each file; an existing file is replaced.

    Raises:
        OSError: A file cannot be written; no temporary file is left.
    """
    temporary = {path: path.with_name(f"{PREFIX}{path.name}{SUFFIX}") for path in contents}
    try:
        for path, content in contents.items():
            with temporary[path].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in contents:
            os.replace(temporary[path], path)
            _sync(path.parent)
    finally:
        for leftover in temporary.values():
            quietly(leftover.unlink)


def remove_file(path: Path) -> None:
    """Deletes a file, if it is there, and sees to it that it stays deleted after a power cut.

    Raises:
        OSError: The file cannot be deleted.
    """
    path.unlink(missing_ok=True)
    _sync(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Deletes the temporary files that a killed process left in a folder.

    Raises:
        OSError: One cannot be deleted.
    """
    for leftover in folder.glob(f"{PREFIX}*{SUFFIX}"):
        leftover.unlink()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds the lock file at `path`, made if need be; the lock ends with the process, however that ends.

    Raises:
        BlockingIOError: Another process, or another call in this one, holds it.
        OSError: The file cannot be made or locked.
    """
    with path.open("ab") as file:
        _lock(file)
        # Whoever held the lock before may have deleted the file: then nobody else can see this lock.
        if not _is_at(file, path):
            raise BlockingIOError
        yield


def make_folder(path: Path, undo: ExitStack) -> None:
    """Makes a folder and those above it, if need be; `undo` removes those it made, while they are empty.

    Raises:
        OSError: It cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        undo.callback(quietly, folder.rmdir)
    if not missing:
        path.mkdir(exist_ok=True)  # raises if it is a file


def quietly(remove: Callable[[], None]) -> None:
    """Calls a function that deletes something and lets it fail: what cannot be deleted stays."""
    with suppress(OSError):
        remove()


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    """Makes the names in a folder durable, where the platform can open a folder for that."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems cannot do this for folders; they are no worse off than without it.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)
