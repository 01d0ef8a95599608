"""Comparison of stored results bit by bit, in all columns except times and the name of the device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ablate.store import parts
from ablate.store.parts import Part
from ablate.store.schema import KEYS, REAL, WHOLE

NOT_COMPARED = ("seconds", "device")


@dataclass(frozen=True)
class Conflict:
    """The first difference between two stored results of one run."""

    run: str  # the run in words
    column: str
    one: Any
    other: Any

    def __str__(self) -> str:
        return f"{self.run} has {self.column} {self.one}"


def conflicts_of(one: Part, other: Part) -> Iterator[Conflict]:
    """Yields a conflict for each run whose results differ between two parts, which have the same runs.

    The table `layers` is compared only for runs that have rows of it in both parts, because measuring layers changes
    no other result.
    """
    layered = sorted(set(parts.run_ids(one["layers"])) & set(parts.run_ids(other["layers"])))
    sides = [{**side, "layers": parts.keep_runs(side["layers"], layered)} for side in (one, other)]
    if all(_are_equal(table, sides[0][table], sides[1][table]) for table in KEYS):
        return
    names = {row["run_id"]: row for row in one["runs"].select(["run_id", "variant", "seed"]).to_pylist()}
    for run_id, row in names.items():
        ours, theirs = (
            {table: parts.keep_runs(rows, [run_id]) for table, rows in side.items()} for side in sides
        )
        name = f"run {run_id} ({row['variant']}, seed {row['seed']})"
        for table in KEYS:
            if not _are_equal(table, ours[table], theirs[table]):
                yield Conflict(name, *_first_difference(table, ours[table], theirs[table]))
                break


def _are_equal(table: str, one: pa.Table, other: pa.Table) -> bool:
    return bool(_bits(table, one).equals(_bits(table, other)))


def _bits(table: str, rows: pa.Table) -> pa.Table:
    """Returns the columns to compare, with real numbers as integers of the same bits, so that -0.0 differs from 0.0."""
    compared = parts.in_order(table, rows).drop_columns(
        [name for name in NOT_COMPARED if name in rows.column_names]
    )
    for index, field in enumerate(compared.schema):
        if field.type == REAL:
            bits = [chunk.view(WHOLE) for chunk in compared.column(index).chunks]
            compared = compared.set_column(index, field.name, pa.chunked_array(bits, WHOLE))
    return compared.combine_chunks()


def _first_difference(table: str, one: pa.Table, other: pa.Table) -> tuple[str, Any, Any]:
    """Returns where two tables first differ, as a column with its table and step, and both values there."""
    if one.num_rows != other.num_rows:
        return f"{table} rows", one.num_rows, other.num_rows
    for ours, theirs in zip(*(parts.in_order(table, rows).to_pylist() for rows in (one, other)), strict=True):
        for name in ours:
            # The `repr` of a number has all of its digits and its sign.
            if name not in NOT_COMPARED and repr(ours[name]) != repr(theirs[name]):
                step = "" if table == "runs" else f" of {table} at step {ours['step']}"
                return name + step, ours[name], theirs[name]
    raise AssertionError("the rows are equal")
