"""Results on a remote store, as `s3://bucket/grid`: a local copy whose changes are repeated there in order.

A command reads and writes the copy with the same code as any results folder. Each change of the copy is repeated on the
remote store before the next change, and one object is put or deleted at a time. A command that is killed therefore
leaves there what it could have left in a local folder, and its lock. Checkpoints stay in the copy.
"""

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

from ablate.errors import StoreError
from ablate.store.objects import objects_at

LOCK = ".lock"
# What a command writes into a results folder. Nothing else in a bucket is copied.
_RESULTS = re.compile(
    r"(tuning/)?((runs|curves|layers)/(?!\.\.?$)[^/\\]+|experiment\.toml|step_costs\.parquet|\.replacement|\.[0-9a-f]+\.tmp)"
)
_ATTEMPTS, _CONNECTIONS = 100, 8
# Seconds after which the writer of a folder renews the time in its lock, when it writes.
_SIGN_OF_LIFE = 30
Tell = Callable[[str], None]


class Remote:
    """Results at a remote address: a folder or a single file."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._objects = objects_at(self.address)
        self._seen: dict[str, str] = {}  # the versions that the local copy has
        self._signed: float | None = None  # when the lock was written, if this process holds it

    def download(self, path: Path) -> None:
        """Copies the results to a local path, as they are at one moment. If there are none, the path is not made.

        Raises:
            StoreError: The remote store cannot be reached, or the results change all the time.
            OSError: The copy cannot be written.
        """
        for _ in range(_ATTEMPTS):
            listed = self._listed()
            # Beside a writer, what was read is of one moment only if nothing has changed since.
            if listed == self._seen:
                if not listed:
                    self._fetch(path, "")
                return
            for name in self._seen.keys() - listed.keys():
                (path / name).unlink()
            stale = [name for name in listed if self._seen.get(name) != listed[name]]
            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                vanished = [
                    name
                    for name, found in zip(stale, pool.map(partial(self._fetch, path), stale), strict=True)
                    if not found
                ]
            self._seen = {name: version for name, version in listed.items() if name not in vanished}
        raise StoreError(
            f"{self.address!r} changes faster than it can be read; try again when it is complete"
        )

    def put(self, name: str, content: Any) -> None:
        """Writes one object, completely or not at all."""
        if self._signed is not None and time.time() - self._signed > _SIGN_OF_LIFE:
            self._signed = time.time()
            self._objects.put(LOCK, _signature(""))
        self._objects.put(name, bytes(memoryview(content)))

    def delete(self, name: str) -> None:
        """Deletes one object if it exists."""
        self._objects.delete(name)

    @contextmanager
    def only_writer(self, tell: Tell) -> Iterator[None]:
        """Makes this process the only writer until the `with` block ends; if the store cannot, `tell` is told.

        Raises:
            StoreError: Another command is writing the results, or has written them since they were copied.
        """
        if not self._lock():
            tell(f"{self.address} cannot be locked: make sure that no other command writes it")
        try:
            if self._listed() != self._seen:
                raise StoreError(
                    f"-o/--output: another command has written {self.address!r} since this one started; give the same "
                    "command again to train what is still missing"
                )
            yield
            self._seen = self._listed()
        finally:
            self._unlock(tell)

    def _lock(self) -> bool:
        """Writes the lock; returns False if the store has no conditional request. Raises StoreError if it is locked."""
        token = token_hex(8)
        is_new = self._objects.put_new(LOCK, _signature(token))
        if is_new is None:
            return False
        # A store that ignores the condition would write the lock again.
        if is_new and self._objects.put_new(LOCK, _signature(token)):
            self._objects.delete(LOCK)
            return False
        try:
            held = json.loads(self._objects.read(LOCK))
            is_own = held["token"] == token
            holder = f"{held['holder']}, which last gave a sign of life {time.time() - held['time']:.0f} seconds ago"
        except (FileNotFoundError, ValueError, TypeError, LookupError):
            is_own, holder = False, "unknown"
        if not is_own:
            raise StoreError(
                f"-o/--output: another command ({holder}) is writing {self.address!r}; wait for it, or delete "
                f"'{self.address}/{LOCK}' if it has been killed"
            )
        self._signed = time.time()
        return True

    def _unlock(self, tell: Tell) -> None:
        if self._signed is None:
            return
        self._signed = None
        try:
            self._objects.delete(LOCK)
        except StoreError as error:
            tell(f"{error}; its lock stays there: delete '{self.address}/{LOCK}'")

    def _listed(self) -> dict[str, str]:
        versions = self._objects.versions()
        return {name: version for name, version in versions.items() if _RESULTS.fullmatch(name)}

    def _fetch(self, path: Path, name: str) -> bool:
        """Copies one object to a path, and returns whether it exists."""
        try:
            content = self._objects.read(name)
        except FileNotFoundError:
            return False
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
        return True


@dataclass(frozen=True)
class _Copy:
    path: Path
    remote: Remote
    tell: Tell | None  # None if changes of the copy are not repeated


_COPIES: list[_Copy] = []


def local_copy(remote: Remote, parent: Path, tell: Tell | None) -> Path:
    """Returns a new local copy, inside an empty folder, of remote results, under the last name of their address.

    Changes of the copy are repeated remotely if a function `tell` is given, which warns the user.

    Raises:
        StoreError: The remote store cannot be reached.
        OSError: The copy cannot be written.
    """
    path = parent / remote.address.rpartition("/")[2]
    remote.download(path)
    _COPIES.append(_Copy(path, remote, tell))
    return path


@contextmanager
def only_remote_writer(folder: Path) -> Iterator[None]:
    """Makes this process the only writer of the original if `folder` is in a copy whose changes are repeated."""
    copy = next((copy for copy in _COPIES if copy.tell and folder.is_relative_to(copy.path)), None)
    with copy.remote.only_writer(copy.tell) if copy and copy.tell else nullcontext():
        yield


def repeat_put(path: Path, content: Any) -> None:
    """Repeats remotely, if `path` is in a copy of remote results, that a file was written."""
    for remote, name in _original(path):
        remote.put(name, content)


def repeat_delete(path: Path) -> None:
    """Repeats remotely, if `path` is in a copy of remote results, that a file was deleted."""
    for remote, name in _original(path):
        remote.delete(name)


def repeat_rename(path: Path, final: Path) -> None:
    """Repeats remotely, if `path` is in a copy of remote results, that a file got another name.

    For a moment there are both names, with the same content.
    """
    for remote, name in _original(final):
        remote.put(name, final.read_bytes())
    repeat_delete(path)


def with_addresses(text: str) -> str:
    """Returns a message in which local copies are named by the addresses of their originals."""
    for copy in _COPIES:
        text = text.replace(str(copy.path), copy.remote.address)
    return text


def _original(path: Path) -> Iterator[tuple[Remote, str]]:
    """Yields the remote results that hold the original of a local path, and its name there, if there are any."""
    for copy in _COPIES:
        if copy.tell and path.is_relative_to(copy.path):
            name = "" if path == copy.path else path.relative_to(copy.path).as_posix()
            if not name or _RESULTS.fullmatch(name):
                yield copy.remote, name


def _signature(token: str) -> bytes:
    held = {"holder": f"{socket.gethostname()}:{os.getpid()}", "time": time.time(), "token": token}
    return json.dumps(held).encode()
