"""Crash-safe writing: at any time, a file is either complete or absent, and a folder has at most one writer."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, BinaryIO

from ablate.errors import StoreError
from ablate.store.remote import only_remote_writer, repeat_delete, repeat_put

# When pyarrow, polars or duckdb read a folder of Parquet files, they ignore files whose names begin with a dot.
PREFIX, SUFFIX = ".", ".tmp"
LOCK = ".lock"
# The maximum length of a chain of links on Linux.
_MAX_LINKS = 40
# With this flag, opening a pipe does not wait for a process that writes to it. Windows does not have this flag.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_NOT_REGULAR = "it is a pipe, socket or device"

if sys.platform == "win32":
    import msvcrt

    def lock_file(file: IO[bytes]) -> None:
        """Locks an open file until it is closed. Raises BlockingIOError if another process has locked it."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from None

else:
    import fcntl

    def lock_file(file: IO[bytes]) -> None:
        """Locks an open file until it is closed. Raises BlockingIOError if another process has locked it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def open_file(path: Path) -> BinaryIO:
    """Opens a regular file for reading. Raises OSError for anything else, such as a pipe, instead of waiting."""
    descriptor = os.open(path, os.O_RDONLY | _NONBLOCK | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, _NOT_REGULAR)


def write_file(path: Path, content: Any, *, append: bool = False) -> None:
    """Writes bytes or another buffer to a file that the user has named. Only a regular file is replaced by a new file.

    A regular file is replaced as in the function `replace_files`. If the path is a link, the link stays and the target
    of the link is written, even if the target does not exist yet. A pipe, a terminal or another device, such as
    `/dev/stdout`, receives the content and is not replaced. If `append` is true, the new content of a regular file is
    its old content followed by `content`.

    Raises:
        OSError: The file is a folder, is write-protected or cannot be written.
    """
    end = _end_of_links(path)
    descriptor = _open_descriptor(end)
    kind = stat.S_IFMT(end.stat().st_mode) if descriptor is None and end.exists() else stat.S_IFREG
    if descriptor is None and kind == stat.S_IFREG:
        if end.exists() and not os.access(end, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        old = end.read_bytes() if append and end.exists() else b""
        replace_files({end: b"".join((old, content)) if old else content})
        return
    with end.open("wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)


def replace_files(contents: Mapping[Path, Any]) -> None:
    """Writes bytes or other buffers to files, each completely or not at all. Regular files and links are replaced.

    All files are first written under temporary names in the same folder, so an error such as a full disk occurs before
    any existing file changes. Then the files are renamed in the order of `contents`, and each rename is synced to disk
    (fsync) before the next file is renamed. The new file has the permissions and, if possible, the owner of the file
    that it replaces. Other hard links to the replaced file keep the old content.

    Raises:
        OSError: A file cannot be written or is not a regular file; all temporary files are deleted.
    """
    temporary = {path: path.with_name(f"{PREFIX}{token_hex(8)}{SUFFIX}") for path in contents}
    try:
        for path, content in contents.items():
            with temporary[path].open("xb") as file:
                _take_over_permissions(path, temporary[path])
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in contents:
            os.replace(temporary[path], path)
            sync(path.parent)
            repeat_put(path, contents[path])
    finally:
        for leftover in temporary.values():
            quietly(leftover.unlink)


def remove_file(path: Path) -> None:
    """Deletes a file if it exists, and syncs the deletion to disk.

    A deleted file therefore stays deleted after a power failure.
    """
    path.unlink(missing_ok=True)
    sync(path.parent)
    repeat_delete(path)


def remove_leftovers(folder: Path) -> None:
    """Deletes the temporary files that a killed process left in a folder."""
    for leftover in folder.glob(f"{PREFIX}*{SUFFIX}"):
        remove_file(leftover)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Locks the lock file of a results folder until the `with` block ends. The lock file is created if needed.

    The lock is also released when the process ends in any way.

    Raises:
        StoreError: Another process, or another call in this process, has locked the folder.
    """
    path = folder / LOCK
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags | _NONBLOCK, 0o666)) as file:
        try:
            lock_file(file)
            # The previous holder of the lock may have deleted the lock file. In this case other processes would not see
            # this lock.
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):
            raise StoreError(
                f"-o/--output: another command is writing {str(folder)!r}; wait for it or choose another folder"
            ) from None
        with only_remote_writer(folder):
            yield


@contextmanager
def explained(path: Path, advice: str = "") -> Iterator[None]:
    """Converts an `OSError` in the `with` block to a `StoreError`, which says that `path` cannot be written.

    The message ends with `advice`.
    """
    try:
        yield
    except OSError as error:
        ending = f"; {advice}" if advice else ""
        raise StoreError(f"-o/--output: {str(path)!r} cannot be written ({reason(error)}){ending}") from error


def reason(error: OSError) -> str:
    """Returns a short text with the cause of an error."""
    is_occupied = isinstance(error, FileExistsError | NotADirectoryError)
    return "a file is in its place" if is_occupied else error.strerror or str(error)


def make_folder(path: Path, undo: ExitStack) -> None:
    """Makes a folder and its parents if they do not exist.

    When the stack `undo` is closed, those of the new folders that are still empty are removed.
    """
    for folder in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        folder.mkdir(exist_ok=True)
        undo.callback(quietly, folder.rmdir)
    path.mkdir(exist_ok=True)  # raises an error if the path is a file


def quietly(remove: Callable[[], None]) -> None:
    """Calls `remove`, a function that deletes a file or folder, and ignores an `OSError`."""
    with suppress(OSError):
        remove()


def _end_of_links(path: Path) -> Path:
    """Returns the path that a chain of links leads to. The links under `/dev/fd` are not followed."""
    for _ in range(_MAX_LINKS):
        if _open_descriptor(path) is not None or not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _open_descriptor(path: Path) -> int | None:
    """Returns the open file descriptor that a path stands for: 63 for `/dev/fd/63`, None for other paths."""
    # `/dev/fd` is a link to `/proc/<process>/fd` on Linux.
    is_descriptor = path.name.isdecimal() and os.path.realpath(path.parent) == os.path.realpath("/dev/fd")
    return int(path.name) if is_descriptor else None


def _take_over_permissions(old: Path, new: Path) -> None:
    """Gives a new file the permissions and the owner of the regular file that it will replace, if there is one."""
    try:
        status = old.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, _NOT_REGULAR)
    if sys.platform != "win32":
        quietly(lambda: os.chown(new, status.st_uid, status.st_gid))
    new.chmod(stat.S_IMODE(status.st_mode))


def sync(folder: Path) -> None:
    """Syncs the directory entries of a folder to disk.

    The function does nothing on Windows, which cannot open folders as files.
    """
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
