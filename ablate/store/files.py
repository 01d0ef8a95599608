"""Writing and reading of tables as Parquet files, with checks of a file's origin, size, columns and checksums."""

import json
import re
from collections.abc import Collection, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ablate.errors import StoreError
from ablate.store.atomic import open_file, reason
from ablate.store.schema import SCHEMA_VERSION, TEXT

PREFIX = "ablate."
VERSION, KIND = "schema_version", "kind"
_DIGEST = "metadata_digest"
Names = Collection[str]

# Without `pre_buffer`, only this thread reads the file. A thread of Arrow might release the bytes that it has read only
# after the interpreter has begun to exit, and then the process would end with SIGABRT.
_OPTIONS: dict[str, Any] = {"page_checksum_verification": True, "pre_buffer": False}
# Limits of one file that is read. ablate's own files stay far below. A file of a few KB can claim to hold more than
# fits into memory.
_MAX_VALUES, _MAX_BYTES, _MAX_ROW_GROUPS = 1 << 27, 1 << 31, 1 << 12


def read(
    path: Path, schema: pa.Schema, remedy: str, *, columns: Names = (), kind: str = "", needed: Names = ()
) -> pa.Table:
    """Returns all or some columns of a Parquet file, and verifies the checksum of each Parquet page.

    By default, the file must have exactly the columns of `schema`. If `needed` is given, only the `needed` columns are
    required, and the file may lack any other column. The metadata must state that the file is of the given `kind`: the
    name of the ablate command that writes such files, such as `baseline`, or an empty text for `ablate run`.
    Error messages end with `remedy`, which tells the user what to do if the file is damaged or the wrong file.

    Raises:
        FileNotFoundError: The file does not exist.
        StoreError: The file cannot be read, is damaged, has another schema version or was not written by ablate.
    """
    damage = "its columns are not those of its schema version"
    try:
        with open_file(path) as file, pq.ParquetFile(file, **_OPTIONS) as parquet:
            _check_origin(path, parquet.schema_arrow, remedy, kind)
            if _fits(parquet.schema_arrow, schema, needed):
                names = list(columns) or parquet.schema_arrow.names
                _check_size(path, parquet.metadata, names, remedy)
                return _read(file, parquet, names, path, remedy)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        # For damaged pages, Arrow raises an OSError without an errno; for damaged column names, a UnicodeDecodeError.
        if isinstance(error, OSError) and error.errno is not None:
            raise StoreError(f"{str(path)!r} cannot be read ({reason(error)})") from error
        damage = " ".join(str(error).split())
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
    content[_DIGEST] = _digest(content, arrow.column_names)
    return arrow.replace_schema_metadata({PREFIX + key: content[key] for key in sorted(content)})


def metadata_of(schema: pa.Schema) -> dict[str, str]:
    """Returns the metadata that `with_metadata` has added to a schema, including the schema version."""
    metadata = schema.metadata or {}
    texts = {key.decode("utf-8", "replace"): metadata[key].decode("utf-8", "replace") for key in metadata}
    found = {key.removeprefix(PREFIX): text for key, text in texts.items() if key.startswith(PREFIX)}
    return {key: text for key, text in found.items() if key != _DIGEST}


def _digest(metadata: Mapping[str, str], columns: list[str]) -> str:
    """Returns a checksum of metadata and column names, which the checksums of Parquet pages do not cover."""
    return blake2b(json.dumps([metadata, columns], sort_keys=True).encode(), digest_size=8).hexdigest()


def _check_origin(path: Path, schema: pa.Schema, remedy: str, kind: str) -> None:
    metadata = metadata_of(schema)
    version = metadata.get(VERSION, "")
    if metadata.get(KIND, "") != kind or not re.fullmatch("[0-9]{1,9}", version):
        writer = f"`ablate {kind}`" if kind else "ablate"
        raise StoreError(f"{str(path)!r} was not written by {writer}; {remedy}")
    if int(version) != SCHEMA_VERSION:
        is_newer = int(version) > SCHEMA_VERSION
        raise StoreError(
            f"{str(path)!r} was written by {'a newer' if is_newer else 'an older'} ablate (schema version {version}; "
            f"this one reads and writes {SCHEMA_VERSION}); {'upgrade ablate' if is_newer else remedy}"
        )
    digest = (schema.metadata or {}).get(f"{PREFIX}{_DIGEST}".encode())
    if (
        digest is not None and digest != _digest(metadata, schema.names).encode()
    ):  # files of earlier versions have none
        raise StoreError(f"{str(path)!r} is damaged (its metadata or columns have changed); {remedy}")


def _check_size(path: Path, metadata: pq.FileMetaData, names: Names, remedy: str) -> None:
    """Raises StoreError if the values of some columns would take too much memory."""
    # The metadata of a single column are not read here: if they are damaged, pyarrow aborts the process.
    groups = range(min(metadata.num_row_groups, _MAX_ROW_GROUPS))
    size = sum(metadata.row_group(index).total_byte_size for index in groups)
    values = metadata.num_rows * len(names)
    if metadata.num_row_groups > _MAX_ROW_GROUPS or values > _MAX_VALUES or size > _MAX_BYTES:
        raise _too_large(path, f"{metadata.num_rows:,} rows", remedy)


def _too_large(path: Path, content: str, remedy: str) -> StoreError:
    return StoreError(f"{str(path)!r} claims to hold {content}, too much for the memory; {remedy}")


def _read(file: BinaryIO, parquet: pq.ParquetFile, names: list[str], path: Path, remedy: str) -> pa.Table:
    """Returns some columns of a Parquet file.

    Texts are first read in Arrow's dictionary encoding, because a long text that is stored once can be the value of
    millions of rows.
    """
    schema = parquet.schema_arrow
    texts = [name for name in names if schema.field(name).type == TEXT]
    options = _OPTIONS | {"metadata": parquet.metadata, "read_dictionary": texts}
    table = pq.ParquetFile(file, **options).read(names, use_threads=False)
    for chunk in (chunk for name in texts for chunk in table[name].chunks):
        if chunk.dictionary.nbytes * len(chunk) > _MAX_BYTES:
            lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
            if (pc.sum(lengths.take(chunk.indices)).as_py() or 0) > _MAX_BYTES:
                raise _too_large(path, "texts of many GB", remedy)
    # A Parquet file holds its metadata twice; the copy in `schema` is the one that was checked.
    return table.cast(pa.schema([schema.field(name) for name in table.column_names], schema.metadata))


def _fits(stored: pa.Schema, schema: pa.Schema, needed: Names) -> bool:
    if not needed:
        return bool(stored.equals(schema))
    known = set(stored.names) & set(schema.names)
    return known >= set(needed) and all(stored.field(name) == schema.field(name) for name in known)
