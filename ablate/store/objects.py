"""Objects on remote stores: the few operations that results need, with boto3 for S3 and with pyarrow for others."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from ablate.errors import StoreError

_ADDRESS = re.compile(r"(\w[\w+.-]+)://(.*)", re.DOTALL)
_SCHEMES = ("s3", "gs")
_LEGAL = "give a local path, s3://BUCKET/NAME or gs://BUCKET/NAME"
# boto3 repeats a request that fails for a reason that can pass. The pauses between six attempts add up to 15 s.
_ATTEMPTS, _CONNECT_SECONDS, _READ_SECONDS = 6, 10, 30
_GOOGLE_OPTIONS = "?retry_limit_seconds=30"


class Objects(Protocol):
    """The objects below an address. A name is relative to the address; the empty name is the address itself."""

    def versions(self) -> dict[str, str]:
        """Returns a text for each object that changes with its content."""

    def read(self, name: str) -> bytes:
        """Returns the content of an object. Raises FileNotFoundError if it does not exist."""

    def put(self, name: str, content: bytes) -> None:
        """Writes an object, completely or not at all."""

    def put_new(self, name: str, content: bytes) -> bool | None:
        """Writes an object if it does not exist, and returns whether it did not; None if the store has no such request.

        A request that is repeated because its answer was lost can find the object that it has written.
        """

    def delete(self, name: str) -> None:
        """Deletes an object if it exists."""


def is_remote(text: str) -> bool:
    """Returns whether a text is the address of a remote store instead of a local path."""
    return _ADDRESS.fullmatch(text) is not None


def objects_at(address: str) -> Objects:
    """Returns the objects below an address. All their methods raise StoreError if the store cannot be used.

    Raises:
        StoreError: The address is not legal, or what its store needs is not installed.
    """
    found = _ADDRESS.fullmatch(address)
    scheme, path = found.groups() if found else ("", "")
    is_legal = all(part.strip(".") for part in path.split("/")) and path.isprintable() and "\\" not in path
    if scheme not in _SCHEMES or not is_legal:
        raise StoreError(f"{address!r} is not an address that results can have; {_LEGAL}")
    bucket, _, root = path.partition("/")
    return S3(address, bucket, root) if scheme == "s3" else Arrow(address)


class S3:
    """Objects on S3, or on a store with its interface, whose address boto3 takes from `AWS_ENDPOINT_URL`."""

    def __init__(self, address: str, bucket: str, root: str) -> None:
        self._address, self._bucket, self._root = address, bucket, root
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise StoreError(f"{address!r} needs boto3: pip install 'ablate-grid[s3]'") from None
        retries = {"total_max_attempts": _ATTEMPTS, "mode": "standard"}
        with self._reached():
            self._client: Any = boto3.client(
                "s3",
                config=Config(retries=retries, connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS),
            )

    def versions(self) -> dict[str, str]:
        """Returns the ETag of each object."""
        prefix = f"{self._root}/" if self._root else ""
        with self._reached():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            entries = [entry for page in pages for entry in page.get("Contents", ())]
        return {entry["Key"].removeprefix(prefix): entry["ETag"] for entry in entries}

    def read(self, name: str) -> bytes:
        """Returns the content of an object. Raises FileNotFoundError if it does not exist."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        with self._reached():
            for _ in range(_ATTEMPTS - 1):
                # boto3 does not repeat a request whose answer ends early.
                with suppress(HTTPClientError, IncompleteReadError):
                    return self._read(name)
            return self._read(name)

    def put(self, name: str, content: bytes) -> None:
        """Writes an object, completely or not at all."""
        with self._reached():
            self._client.put_object(**self._of(name), Body=content)

    def put_new(self, name: str, content: bytes) -> bool | None:
        """Writes an object if it does not exist, and returns whether it did not."""
        from botocore.exceptions import ClientError

        with self._reached():
            try:
                self._client.put_object(**self._of(name), Body=content, IfNoneMatch="*")
            except ClientError as error:
                answers = {409: False, 412: False, 501: None}
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status not in answers:
                    raise
                return answers[status]
        return True

    def delete(self, name: str) -> None:
        """Deletes an object if it exists."""
        with self._reached():
            self._client.delete_object(**self._of(name))

    def _read(self, name: str) -> bytes:
        try:
            content: bytes = self._client.get_object(**self._of(name))["Body"].read()
        except self._client.exceptions.NoSuchKey:
            raise FileNotFoundError(name) from None
        return content

    def _of(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": "/".join(filter(None, (self._root, name)))}

    @contextmanager
    def _reached(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, ValueError) as error:
            raise _unreachable(self._address, error) from error


class Arrow:
    """The objects of a remote store, accessed through pyarrow.

    The store must write an object completely or not at all.
    """

    def __init__(self, address: str) -> None:
        from pyarrow.fs import FileSystem

        self._address = address
        with self._reached():
            self._fs, self._root = FileSystem.from_uri(address + _GOOGLE_OPTIONS)

    def versions(self) -> dict[str, str]:
        """Returns the size and the time of each object."""
        from pyarrow.fs import FileSelector, FileType

        with self._reached():
            found = self._fs.get_file_info(FileSelector(self._root, recursive=True, allow_not_found=True))
        files = [info for info in found if info.type == FileType.File]
        return {info.path.removeprefix(f"{self._root}/"): f"{info.size} {info.mtime_ns}" for info in files}

    def read(self, name: str) -> bytes:
        """Returns the content of an object. Raises FileNotFoundError if it does not exist."""
        with self._reached(), self._fs.open_input_stream(self._path(name)) as file:
            content: bytes = file.read()
            return content

    def put(self, name: str, content: bytes) -> None:
        """Writes an object, completely or not at all."""
        with self._reached(), self._fs.open_output_stream(self._path(name)) as file:
            file.write(content)

    def put_new(self, name: str, content: bytes) -> None:
        """Does nothing, because pyarrow has no such request."""

    def delete(self, name: str) -> None:
        """Deletes an object if it exists."""
        with self._reached(), suppress(FileNotFoundError):
            self._fs.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return "/".join(filter(None, (self._root, name)))

    @contextmanager
    def _reached(self) -> Iterator[None]:
        from pyarrow import ArrowException

        try:
            yield
        except FileNotFoundError:
            raise
        except (ArrowException, OSError) as error:
            raise _unreachable(self._address, error) from error


def _unreachable(address: str, error: Exception) -> StoreError:
    return StoreError(f"{address!r} cannot be reached or used ({' '.join(str(error).split())})")
