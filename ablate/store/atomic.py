"""Writing that survives a kill at any moment: a file is complete or absent, and a folder has one writer."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ablate.errors import StoreError

# Readers of a folder of Parquet files (pyarrow, polars, duckdb) ignore names that begin with a dot.
PREFIX, SUFFIX = ".", ".tmp"
LOCK = ".lock"

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
    """Writes files from bytes (any buffer), each completely or not at all; existing files are replaced.

    All files are complete under temporary names in the same folder before the first is renamed, so a full disk is
    noticed while nothing has changed. Files are renamed in the order given, each on the disk (fsync) before the next.

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
    """Deletes a file if it exists; it stays deleted after a power failure."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Deletes the temporary files that a killed process left in a folder."""
    for leftover in folder.glob(f"{PREFIX}*{SUFFIX}"):
        leftover.unlink()


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds the lock file of a results folder, which is created if needed; it is released when the process ends.

    Raises:
        StoreError: Another process, or another call in this one, holds the lock.
    """
    path = folder / LOCK
    with path.open("ab") as file:
        try:
            _lock(file)
            # The last holder may have deleted the file; then no other process would see this lock.
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):
            raise StoreError(
                f"-o/--output: another command is writing {str(folder)!r}; wait for it or choose another folder"
            ) from None
        yield


@contextmanager
def explained(path: Path, advice: str = "") -> Iterator[None]:
    """Turns an `OSError` while `path` is written into a `StoreError` that ends with advice."""
    try:
        yield
    except OSError as error:
        ending = f"; {advice}" if advice else ""
        raise StoreError(f"-o/--output: {str(path)!r} cannot be written ({reason(error)}){ending}") from error


def reason(error: OSError) -> str:
    """Returns the cause of an error in a few words."""
    is_occupied = isinstance(error, FileExistsError | NotADirectoryError)
    return "a file is in its place" if is_occupied else error.strerror or str(error)


def make_folder(path: Path, undo: ExitStack) -> None:
    """Makes a folder and its parents if needed; `undo` removes those that were made, unless they have content."""
    for folder in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        folder.mkdir(exist_ok=True)
        undo.callback(quietly, folder.rmdir)
    path.mkdir(exist_ok=True)  # raises if it is a file


def quietly(remove: Callable[[], None]) -> None:
    """Calls a function that deletes something and ignores an `OSError`."""
    with suppress(OSError):
        remove()


def _sync(folder: Path) -> None:
    """Makes the names in a folder durable, if the platform can open a folder for that."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems cannot sync folders.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)
