"""The parts of a results folder: conversion between data frames and Arrow tables, and checks against the schemas."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ablate.errors import StoreError
from ablate.store import files
from ablate.store.schema import KEYS, TABLES, TEXT, TRUTH, WHOLE
from ablate.store.status import STATUSES
from ablate.store.values import has_repeated_keys, wrong_value

if TYPE_CHECKING:
    # pandas is not imported at run time, so `ablate plan` can look up stored runs without importing pandas.
    import pandas as pd

Part = dict[str, pa.Table]
NAME_PATTERN = r"part-[0-9a-f]{32}\.parquet"


def part_name(run_ids: Iterable[str]) -> str:
    """Returns the file name of the part that stores the given runs.

    The file name does not depend on the order of the runs.
    """
    text = "\n".join(sorted(run_ids))
    return f"part-{blake2b(text.encode(), digest_size=16).hexdigest()}.parquet"


def name_of(part: Part) -> str:
    """Returns the file name of a part."""
    return part_name(run_ids(part["runs"]))


def load(path: Path, table: str, columns: files.Names = ()) -> pa.Table:
    """Returns all or some columns of one Parquet file of a results folder.

    The function raises the errors of `files.read`, and a StoreError if a value is wrong.
    """
    runs_file = str(path.parent.parent / "runs" / path.name)
    remedy = f"move {runs_file!r} elsewhere and its runs are trained again, or choose another folder"
    arrow = files.read(path, TABLES[table], remedy, columns=columns)
    if wrong := wrong_value(arrow, KEYS[table]):
        raise StoreError(f"{str(path)!r} cannot be used ({wrong}); {remedy}")
    return arrow


def checked(tables: "Mapping[str, pd.DataFrame]") -> dict[str, pa.Table]:
    """Returns the tables `runs`, `curves` and `layers` as Arrow tables.

    A table that is missing in `tables` becomes an empty table.

    Raises:
        ValueError: A table is unknown, `runs` is empty, the run of a row is not in `runs`, or `to_arrow` raised a
            ValueError.
    """
    if not set(tables) <= set(TABLES):
        raise ValueError(f"tables {sorted(tables)} given; legal are {sorted(TABLES)}")
    arrow = {table: schema.empty_table() for table, schema in TABLES.items()}
    arrow |= {table: to_arrow(table, frame) for table, frame in tables.items()}
    held = run_ids(arrow["runs"])
    if not held:
        raise ValueError("runs: a part needs at least one run")
    for table, rows in arrow.items():
        if unknown := set(run_ids(rows)) - set(held):
            raise ValueError(f"{table}: rows of runs that are not in this part: {sorted(unknown)}")
    return arrow


def to_arrow(table: str, frame: "pd.DataFrame") -> pa.Table:
    """Converts a data frame to an Arrow table with the schema of the table named `table`.

    Rows are sorted by the key columns of the table, and NaN becomes null.

    Raises:
        ValueError: A column is missing, is unknown, has another type or contains a null that is not allowed; two rows
            have the same key; or a run has an illegal status.
    """
    schema = TABLES[table]
    missing, unknown = set(schema.names) - set(frame.columns), set(frame.columns) - set(schema.names)
    if missing or unknown:
        raise ValueError(f"{table}: columns missing {sorted(missing)}, unknown {sorted(unknown)}")
    columns = [_column(f"{table}.{field.name}", frame[field.name], field) for field in schema]
    arrow = pa.Table.from_arrays(columns, schema=schema).combine_chunks()
    keys = list(KEYS[table])
    if has_repeated_keys(arrow, keys):
        raise ValueError(f"{table}: two rows with the same {', '.join(keys)}")
    if table == "runs" and not set(arrow["status"].to_pylist()) <= set(STATUSES):
        raise ValueError(f"runs.status: {arrow['status'].to_pylist()} are not all of {STATUSES}")
    return in_order(table, arrow)


def in_order(table: str, arrow: pa.Table) -> pa.Table:
    """Returns an Arrow table with its rows sorted by the key columns of the table named `table`."""
    return arrow.sort_by([(key, "ascending") for key in KEYS[table]])


def run_ids(arrow: pa.Table) -> list[str]:
    """Returns the ids of all runs that have rows in an Arrow table, without duplicates."""
    return list(arrow["run_id"].unique().to_pylist())


def keep_runs(arrow: pa.Table, run_ids: Sequence[str]) -> pa.Table:
    """Returns only those rows of an Arrow table that belong to the given runs."""
    return arrow.filter(pc.is_in(arrow["run_id"], pa.array(run_ids, TEXT)))


def to_pandas(arrow: pa.Table) -> "pd.DataFrame":
    """Converts an Arrow table to a data frame with the column types that `ResultsFolder.read` documents."""
    import pandas as pd

    frame: pd.DataFrame = arrow.to_pandas(types_mapper={WHOLE: pd.Int64Dtype()}.get)
    filled = [field.name for field in arrow.schema if field.type == WHOLE and not field.nullable]
    return frame.astype(dict.fromkeys(filled, "int64"))


def _column(name: str, values: "pd.Series[Any]", field: pa.Field) -> pa.Array:
    try:
        column = pa.array(values, from_pandas=True)
        # If all values of a column are null, its type in pandas is arbitrary.
        if column.null_count == len(column):
            column = pa.nulls(len(column))
        elif not _may_be_cast(column.type, field.type):
            raise ValueError(f"{name}: {column.type} given, {field.type} needed")
        column = column.cast(field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from error
    if column.null_count and not field.nullable:
        raise ValueError(f"{name}: {column.null_count} values are null, none may be")
    return column


def _may_be_cast(given: pa.DataType, needed: pa.DataType) -> bool:
    """Returns whether a column of one type may be cast to another type.

    Arrow itself would also cast text, booleans and dates to numbers.
    """
    if pa.types.is_dictionary(given):
        return _may_be_cast(given.value_type, needed)
    number = (pa.types.is_integer, pa.types.is_floating)
    legal = {TEXT: (pa.types.is_string, pa.types.is_large_string), TRUTH: (pa.types.is_boolean,)}
    return any(fits(given) for fits in legal.get(needed, number))
