"""One Parquet part: a data frame to bytes, and a file back to a table that is known to be ours and whole."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ablate.errors import StoreError
from ablate.store.schema import KEYS, NULLABLE, SCHEMA_VERSION, TABLES
from ablate.store.status import STATUSES

if TYPE_CHECKING:
    # Not at run time: what is stored is looked up by `ablate plan` too, which needs no frames.
    import pandas as pd

NAME_PATTERN = r"part-[0-9a-f]{32}\.parquet"

_PREFIX = "ablate."
_VERSION = "schema_version"


def part_name(held: Iterable[str]) -> str:
    """Returns the file name of the part that holds these runs, in whatever order they are given."""
    text = "\n".join(sorted(held))
    return f"part-{blake2b(text.encode(), digest_size=16).hexdigest()}.parquet"


def checked(tables: "Mapping[str, pd.DataFrame]") -> dict[str, pa.Table]:
    """Returns the three tables of a part as `to_arrow` makes them, those left out empty.

    Raises:
        ValueError: A table is unknown, there is no run, or a row is of a run that is not in `runs`; or as
            `to_arrow`.
    """
    if not set(tables) <= set(TABLES):
        raise ValueError(f"tables {sorted(tables)} given; legal are {sorted(TABLES)}")
    arrow = {
        table: to_arrow(table, tables[table]) if table in tables else schema.empty_table()
        for table, schema in TABLES.items()
    }
    held = run_ids(arrow["runs"])
    if not held:
        raise ValueError("runs: a part needs at least one run")
    for table, rows in arrow.items():
        strangers = set(run_ids(rows)) - set(held)
        if strangers:
            raise ValueError(f"{table}: rows of runs that are not in this part: {sorted(strangers)}")
    return arrow


def to_arrow(table: str, frame: "pd.DataFrame") -> pa.Table:
    """Returns a frame as an Arrow table of the table's schema, sorted by its key; NaN becomes null.

    Raises:
        ValueError: A column is missing, unknown, of another kind, or null where none may be; a key stands
            there twice, or a status is not legal.
    """
    schema = TABLES[table]
    missing, unknown = set(schema.names) - set(frame.columns), set(frame.columns) - set(schema.names)
    if missing or unknown:
        raise ValueError(f"{table}: columns missing {sorted(missing)}, unknown {sorted(unknown)}")
    columns = [_column(f"{table}.{field.name}", frame[field.name], field) for field in schema]
    arrow = pa.Table.from_arrays(columns, schema=schema).combine_chunks()
    keys = list(KEYS[table])
    if arrow.num_rows and arrow.group_by(keys).aggregate([]).num_rows < arrow.num_rows:
        raise ValueError(f"{table}: two rows with the same {', '.join(keys)}")
    if table == "runs" and not set(arrow["status"].to_pylist()) <= set(STATUSES):
        raise ValueError(f"runs.status: {arrow['status'].to_pylist()} are not all of {STATUSES}")
    return in_order(table, arrow)


def in_order(table: str, arrow: pa.Table) -> pa.Table:
    """Returns the rows sorted by the table's key."""
    return arrow.sort_by([(key, "ascending") for key in KEYS[table]])


def with_metadata(arrow: pa.Table, metadata: Mapping[str, str]) -> pa.Table:
    """Returns the table with the schema version and `metadata` under keys that start with `ablate.`.

    Raises:
        ValueError: The metadata sets the schema version itself.
    """
    if _VERSION in metadata:
        raise ValueError(f"metadata: {_VERSION!r} is set by the store")
    content = {**metadata, _VERSION: str(SCHEMA_VERSION)}
    return arrow.replace_schema_metadata({_PREFIX + key: content[key] for key in sorted(content)})


def metadata_of(arrow: pa.Table) -> dict[str, str]:
    """Returns what `with_metadata` put into a table, schema version included."""
    found = {
        key.decode(): value.decode("utf-8", "replace") for key, value in (arrow.schema.metadata or {}).items()
    }
    return {key.removeprefix(_PREFIX): value for key, value in found.items() if key.startswith(_PREFIX)}


def encode(arrow: pa.Table) -> pa.Buffer:
    """Returns a table as a Parquet file: zstd, a checksum a page; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def load(path: Path, table: str, columns: list[str] | None = None) -> pa.Table:
    """Returns the rows of a part, or only some of its columns, after checking that it is ours and undamaged.

    Raises:
        FileNotFoundError: There is no such file.
        StoreError: The file cannot be read, is torn, is not ours or of another schema version.
    """
    try:
        with (
            path.open("rb") as file,
            pq.ParquetFile(file, page_checksum_verification=True) as parquet,
        ):
            _check_origin(path, parquet.schema_arrow, TABLES[table])
            return parquet.read(columns, use_threads=False)
    except FileNotFoundError:
        raise
    except OSError as error:
        # Arrow reports damaged pages as an OSError too, but one that bears no errno.
        if error.errno is None:
            raise _damaged(path, error) from error
        raise StoreError(f"{str(path)!r} cannot be read ({error.strerror})") from error
    except pa.ArrowException as error:
        raise _damaged(path, error) from error


def run_ids(arrow: pa.Table) -> list[str]:
    """Returns the runs that have rows in a table, each once."""
    found: list[str] = arrow["run_id"].unique().to_pylist()
    return found


def keep_runs(arrow: pa.Table, staying: Iterable[str]) -> pa.Table:
    """Returns the rows of these runs."""
    return arrow.filter(pc.is_in(arrow["run_id"], pa.array(sorted(staying), pa.string())))


def to_pandas(arrow: pa.Table) -> "pd.DataFrame":
    """Returns a frame with the types that `ResultsFolder.read` promises."""
    import pandas as pd

    frame: pd.DataFrame = arrow.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    filled = [field.name for field in arrow.schema if field.type == pa.int64() and field.name not in NULLABLE]
    return frame.astype(dict.fromkeys(filled, "int64"))


def _column(name: str, values: "pd.Series[Any]", field: pa.Field) -> pa.Array:
    try:
        column = pa.array(values, from_pandas=True)
        # A column of nothing but nulls has whatever type pandas gave it.
        if column.null_count == len(column):
            column = pa.nulls(len(column))
        elif not _is_kin(column.type, field.type):
            raise ValueError(f"{name}: {column.type} given, {field.type} needed")
        column = column.cast(field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from error
    if column.null_count and field.name not in NULLABLE:
        raise ValueError(f"{name}: {column.null_count} values are null, none may be")
    return column


def _is_kin(given: pa.DataType, needed: pa.DataType) -> bool:
    """Whether a column may be cast: Arrow itself would also read numbers out of texts, booleans and dates."""
    if pa.types.is_dictionary(given):
        return _is_kin(given.value_type, needed)
    if needed == pa.string():
        return bool(pa.types.is_string(given) or pa.types.is_large_string(given))
    if needed == pa.bool_():
        return bool(pa.types.is_boolean(given))
    return bool(pa.types.is_integer(given) or pa.types.is_floating(given))


def _check_origin(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    version = (found.metadata or {}).get((_PREFIX + _VERSION).encode(), b"").decode("ascii", "replace")
    if not version.isdecimal():
        raise StoreError(f"{str(path)!r} was not written by ablate; move it out of the results folder")
    if int(version) != SCHEMA_VERSION:
        age, remedy = (
            ("a newer", "upgrade ablate") if int(version) > SCHEMA_VERSION else ("an older", "train again")
        )
        raise StoreError(
            f"{str(path)!r} was written by {age} ablate (schema version {version}; this one reads and writes "
            f"{SCHEMA_VERSION}); {remedy}, or choose another folder with -o/--output"
        )
    if not found.equals(wanted):
        raise _damaged(path, "its columns are not those of its schema version")


def _damaged(path: Path, reason: object) -> StoreError:
    runs_part = path.parent.parent / "runs" / path.name
    return StoreError(
        f"{str(path)!r} is torn or damaged ({reason}); delete {str(runs_part)!r} and its runs are trained "
        "again"
    )
