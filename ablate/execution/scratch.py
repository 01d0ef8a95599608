"""The temporary folder of this process; if the process is killed before it deletes the folder, the next command does.

A process locks a file in its folder. The system releases the lock at the end of the process, however the process ends.
A folder in which this file can be locked is therefore a leftover.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from ablate.errors import AblateError
from ablate.store.atomic import lock_file, reason

PREFIX = "ablate-tmp-"
_LOCK = "lock"


@cache
def scratch_folder() -> Path:
    """Returns the temporary folder of this process. The first call deletes leftovers and makes the folder.

    Raises:
        AblateError: No temporary folder can be made.
    """
    with _explained("make a folder"):
        sweep()
        while True:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            with suppress(BlockingIOError, FileNotFoundError):  # another command took it for a leftover
                atexit.register(_delete, folder, _locked(folder), os.getpid())
                return folder


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Returns a context manager that yields the path of a new folder in the temporary folder of this process."""
    return tempfile.TemporaryDirectory(dir=scratch_folder())


@contextmanager
def holding(content: str) -> Iterator[None]:
    """Turns an `OSError` of the `with` block, which writes a copy of `content`, into an error that names TMPDIR."""
    with _explained(f"hold a copy of {content}"):
        yield


def sweep() -> None:
    """Deletes the temporary folders that ended processes of this user have left."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [Path(entry.path) for entry in entries if _is_own_folder(entry)]
    for folder in found:
        # Another user's folder, or a folder that another command is deleting, stays as it is.
        with suppress(OSError):
            _sweep(folder)


def _is_own_folder(entry: "os.DirEntry[str]") -> bool:
    if not re.fullmatch(PREFIX + r"\w+", entry.name):
        return False
    try:
        owner = entry.stat(follow_symlinks=False).st_uid
        return entry.is_dir(follow_symlinks=False) and owner == getattr(os, "getuid", lambda: owner)()
    except OSError:
        return False


def _sweep(folder: Path) -> None:
    # A process that was killed before it could make its lock has left an empty folder, which this call deletes.
    with suppress(OSError):
        folder.rmdir()
        return
    with open(folder / _LOCK, "r+b", opener=_no_link) as file:
        lock_file(file)
        _empty(folder)
    shutil.rmtree(folder)


def _empty(folder: Path) -> None:
    """Deletes everything in a folder except its lock file, without which the folder would never count as a leftover."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def _locked(folder: Path) -> IO[bytes]:
    """Makes, locks and returns the lock file of a folder. The file stays locked while it is open."""
    path = folder / _LOCK
    file = path.open("xb")
    try:
        lock_file(file)
        path.stat()
    except BaseException:
        file.close()
        raise
    return file


def _delete(folder: Path, lock: IO[bytes], owner: int) -> None:
    if os.getpid() == owner:  # not in a process that the owner has forked
        with suppress(OSError):
            _empty(folder)
        lock.close()
        shutil.rmtree(folder, ignore_errors=True)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


@contextmanager
def _explained(purpose: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        folder = tempfile.tempdir or os.environ.get("TMPDIR", "unset")
        raise AblateError(
            f"TMPDIR: the folder for temporary files is {folder!r}; ablate cannot {purpose} there ({reason(error)}); "
            "set the environment variable TMPDIR to a folder that can be written and has the space"
        ) from error
