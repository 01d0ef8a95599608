"""Writing and reading of tables as Parquet files, with checks of a file's origin, columns and checksums."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ablate.errors import StoreError
from ablate.store.atomic import reason
from ablate.store.schema import SCHEMA_VERSION

PREFIX = "ablate."
VERSION, KIND = "schema_version", "kind"
Names = Collection[str]


def read(
    path: Path, schema: pa.Schema, remedy: str, *, columns: Names = (), kind: str = "", needed: Names = ()
) -> pa.Table:
    """Returns all or some columns of a Parquet file, and verifies the checksum of each Parquet page.

    By default, the file must have exactly the columns of `schema`. If `needed` is given, only the `needed` columns are
    required, and the file may lack any other column. `kind` is the kind of file that the metadata must state: the name
    of the ablate command that writes such files, such as `baseline`, or an empty text for the files of `ablate run`.
    Error messages end with `remedy`, which tells the user what to do if the file is damaged or the wrong file.

    Raises:
        FileNotFoundError: The file does not exist.
        StoreError: The file cannot be read, is damaged, has another schema version or was not written by ablate.
    """
    damage: object = "its columns are not those of its schema version"
    # Without `pre_buffer`, only this thread reads the file. A thread of Arrow might release the bytes that it has read
    # only after the interpreter has begun to exit, and then the process would end with SIGABRT.
    options: dict[str, Any] = {"page_checksum_verification": True, "pre_buffer": False}
    try:
        with path.open("rb") as file, pq.ParquetFile(file, **options) as parquet:
            _check_origin(path, metadata_of(parquet.schema_arrow), remedy, kind)
            if _fits(parquet.schema_arrow, schema, needed):
                return parquet.read(list(columns) or None, use_threads=False)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        # For damaged pages, Arrow raises an OSError without an errno; for damaged column names, a UnicodeDecodeError.
        if isinstance(error, OSError) and error.errno is not None:
            raise StoreError(f"{str(path)!r} cannot be read ({reason(error)})") from error
        damage = error
    raise StoreError(f"{str(path)!r} is damaged or no Parquet file ({damage}); {remedy}")


def encode(arrow: pa.Table) -> pa.Buffer:
    """Returns a table as the bytes of a Parquet file, compressed by zstd, with a checksum for each page.

    The same table always gives the same bytes.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def with_metadata(arrow: pa.Table, metadata: Mapping[str, str]) -> pa.Table:
    """Returns the table with `metadata` and the schema version as schema metadata. All keys get the prefix `ablate.`.

    Raises:
        ValueError: `metadata` already contains a schema version.
    """
    if VERSION in metadata:
        raise ValueError(f"metadata: {VERSION!r} is set by the store")
    content = {**metadata, VERSION: str(SCHEMA_VERSION)}
    return arrow.replace_schema_metadata({PREFIX + key: content[key] for key in sorted(content)})


def metadata_of(schema: pa.Schema) -> dict[str, str]:
    """Returns the metadata that `with_metadata` has added to a schema, including the schema version."""
    metadata = schema.metadata or {}
    texts = {key.decode("utf-8", "replace"): metadata[key].decode("utf-8", "replace") for key in metadata}
    return {key.removeprefix(PREFIX): text for key, text in texts.items() if key.startswith(PREFIX)}


def _check_origin(path: Path, metadata: Mapping[str, str], remedy: str, kind: str) -> None:
    version = metadata.get(VERSION, "")
    if metadata.get(KIND, "") != kind or not version.isdecimal():
        writer = f"`ablate {kind}`" if kind else "ablate"
        raise StoreError(f"{str(path)!r} was not written by {writer}; {remedy}")
    if int(version) != SCHEMA_VERSION:
        is_newer = int(version) > SCHEMA_VERSION
        raise StoreError(
            f"{str(path)!r} was written by {'a newer' if is_newer else 'an older'} ablate (schema version {version}; "
            f"this one reads and writes {SCHEMA_VERSION}); {'upgrade ablate' if is_newer else remedy}"
        )


def _fits(stored: pa.Schema, schema: pa.Schema, needed: Names) -> bool:
    if not needed:
        return bool(stored.equals(schema))
    known = set(stored.names) & set(schema.names)
    return known >= set(needed) and all(stored.field(name) == schema.field(name) for name in known)
