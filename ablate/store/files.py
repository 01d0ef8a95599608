"""One Parquet file: a table to bytes, and a file back to a table after checks of its origin, columns and checksums."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ablate.errors import StoreError
from ablate.store.atomic import reason
from ablate.store.schema import SCHEMA_VERSION

PREFIX = "ablate."
VERSION, KIND = "schema_version", "kind"


@dataclass(frozen=True)
class Wanted:
    """What a Parquet file must be. The last three attributes say what to do if it is not, and end error messages.

    Attributes:
        columns: Its schema.
        if_foreign: For a file that was not written by `writer`.
        if_old: For a file of an older schema version.
        if_damaged: For a file that is damaged.
        writer: What writes such files.
        kind: Value of the metadata key `kind`, None if it has none.
        needed: Columns that must be there; None means exactly those of the schema.
    """

    columns: pa.Schema
    if_foreign: str
    if_old: str
    if_damaged: str
    writer: str = "ablate"
    kind: str | None = None
    needed: Collection[str] | None = None


def read(path: Path, wanted: Wanted, columns: list[str] | None = None) -> pa.Table:
    """Returns the rows of a Parquet file, or some of its columns, with the checksum of each page verified.

    Raises:
        FileNotFoundError: There is no such file.
        StoreError: The file cannot be read, is damaged, or is not what is wanted.
    """
    try:
        with path.open("rb") as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            _check(path, parquet.schema_arrow, wanted)
            return parquet.read(columns, use_threads=False)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        # Arrow reports damaged pages as an OSError too, but without an errno.
        if isinstance(error, OSError) and error.errno is not None:
            raise StoreError(f"{str(path)!r} cannot be read ({reason(error)})") from error
        raise _damaged(path, error, wanted) from error


def encode(arrow: pa.Table) -> pa.Buffer:
    """Returns a table as a Parquet file, zstd with page checksums; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def with_metadata(arrow: pa.Table, metadata: Mapping[str, str]) -> pa.Table:
    """Returns the table with the schema version and `metadata` under keys that start with `ablate.`.

    Raises:
        ValueError: The metadata sets the schema version itself.
    """
    if VERSION in metadata:
        raise ValueError(f"metadata: {VERSION!r} is set by the store")
    content = {**metadata, VERSION: str(SCHEMA_VERSION)}
    return arrow.replace_schema_metadata({PREFIX + key: content[key] for key in sorted(content)})


def metadata_of(schema: pa.Schema) -> dict[str, str]:
    """Returns what `with_metadata` has put into a table with this schema, schema version included."""
    texts = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (schema.metadata or {}).items()
    }
    return {key.removeprefix(PREFIX): text for key, text in texts.items() if key.startswith(PREFIX)}


def _check(path: Path, schema: pa.Schema, wanted: Wanted) -> None:
    metadata = metadata_of(schema)
    version = metadata.get(VERSION, "")
    if metadata.get(KIND) != wanted.kind or not version.isdecimal():
        raise StoreError(f"{str(path)!r} was not written by {wanted.writer}; {wanted.if_foreign}")
    if int(version) != SCHEMA_VERSION:
        is_newer = int(version) > SCHEMA_VERSION
        raise StoreError(
            f"{str(path)!r} was written by {'a newer' if is_newer else 'an older'} ablate (schema version {version}; "
            f"this one reads and writes {SCHEMA_VERSION}); {'upgrade ablate' if is_newer else wanted.if_old}"
        )
    if wanted.needed is None:
        fits = schema.equals(wanted.columns)
    else:
        known = set(schema.names) & set(wanted.columns.names)
        fits = known >= set(wanted.needed) and all(
            schema.field(name) == wanted.columns.field(name) for name in known
        )
    if not fits:
        raise _damaged(path, "its columns are not those of its schema version", wanted)


def _damaged(path: Path, cause: object, wanted: Wanted) -> StoreError:
    return StoreError(f"{str(path)!r} is damaged or no Parquet file ({cause}); {wanted.if_damaged}")
