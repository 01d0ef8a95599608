import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.errors import StoreError
from ablate.store import files, parts
from ablate.store.schema import CURVES, KEYS, RUNS, TABLES
from tests.store.stored_frames import METADATA, run_row, tables

WORDS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["", "\u00e9", "e\u0301", "\x00", "\U0001f4a5", "\ufeff", "ﬁ", "Ⅳ", "\u202e", "NaN", "None", "null"]
)
REALS = st.floats() | st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan])
WHOLES = st.integers(0, 2**63 - 1)
CELLS = {pa.string(): WORDS, pa.int64(): WHOLES, pa.float64(): REALS, pa.bool_(): st.booleans()}
# A number that is required is finite.
REQUIRED = CELLS | {pa.float64(): st.floats(allow_nan=False, allow_infinity=False)}


@st.composite
def rows_of(draw: st.DrawFn, table: str) -> list[dict[str, object]]:
    """Draws rows of a table with different keys, null wherever null is legal."""
    legal = {
        field.name: st.sampled_from(["finished", "diverged", "failed"])
        if field.name == "status"
        else CELLS[field.type] | st.none()
        if field.nullable
        else REQUIRED[field.type]
        for field in TABLES[table]
    }
    return draw(
        st.lists(
            st.fixed_dictionaries(legal),
            min_size=1,
            max_size=4,
            unique_by=lambda row: tuple(row[key] for key in KEYS[table]),
        )
    )


def frame_of(table: str, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Returns a frame of object columns, in which each cell is what it was drawn as."""
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=object) for name in TABLES[table].names}
    )


def bits(cell: object) -> object:
    """Returns something that is equal only for the same value to the bit; NaN and null are the same."""
    if cell is None or cell is pd.NA or cell != cell:
        return None
    return struct.pack("<d", cell) if isinstance(cell, float) else cell


def cells(frame: pd.DataFrame) -> list[list[object]]:
    return [[bits(cell) for cell in column] for column in frame.to_dict("list").values()]


def stored(path: Path, table: str, frame: pd.DataFrame) -> bytes:
    arrow = files.with_metadata(parts.to_arrow(table, frame), METADATA)
    path.write_bytes(files.encode(arrow))
    return path.read_bytes()


@settings(max_examples=40, deadline=None)
@given(data=st.data(), table=st.sampled_from(list(TABLES)))
def test_any_legal_row_comes_back_to_the_bit(data: st.DataObject, table: str) -> None:
    rows = data.draw(rows_of(table))
    with tempfile.TemporaryDirectory() as folder:
        stored(Path(folder, "part"), table, frame_of(table, rows))
        loaded = parts.to_pandas(parts.load(Path(folder, "part"), table))
    in_order = sorted(rows, key=lambda row: [row[key] for key in KEYS[table]])
    assert list(loaded.columns) == TABLES[table].names
    assert cells(loaded) == [[bits(row[name]) for row in in_order] for name in TABLES[table].names]


@settings(max_examples=30, deadline=None)
@given(data=st.data(), table=st.sampled_from(list(TABLES)), seed=st.integers(0, 2**32))
def test_the_same_content_gives_the_same_bytes_whatever_its_order_and_pandas_types(
    data: st.DataObject, table: str, seed: int
) -> None:
    rows = data.draw(rows_of(table))
    frame = frame_of(table, rows)
    draw = Random(seed)
    other = frame.sample(frac=1, random_state=seed % 2**32)[
        draw.sample(list(frame.columns), len(frame.columns))
    ]
    for name in other.columns:
        kind = TABLES[table].field(name).type
        if kind == pa.float64():
            other[name] = other[name].astype(draw.choice(["float64", "Float64", "float64[pyarrow]"]))
        elif kind == pa.int64():
            other[name] = other[name].astype(draw.choice(["Int64", "int64[pyarrow]", "object"]))
        elif kind == pa.string():
            other[name] = other[name].astype(draw.choice(["string", "object", "string[pyarrow]"]))
    with tempfile.TemporaryDirectory() as folder:
        assert stored(Path(folder, "a"), table, frame) == stored(Path(folder, "b"), table, other)


def test_categories_are_stored_as_text_but_only_where_text_is_needed() -> None:
    frame = tables(["a", "b"])["curves"]
    assert parts.to_arrow("curves", frame.astype({"run_id": "category"})) == parts.to_arrow("curves", frame)
    with pytest.raises(ValueError, match=r"curves\.step"):
        parts.to_arrow("curves", frame.astype({"step": "str"}).astype({"step": "category"}))


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.store.test_parts import *\n"
        "print(stored(Path(sys.argv[2]), 'curves', tables(['b', 'a'])['curves'].iloc[::-1]).hex())"
    )
    command = [sys.executable, "-c", program, Path(__file__).parents[2], tmp_path / "theirs"]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert stored(tmp_path / "ours", "curves", tables(["a", "b"])["curves"]).hex() == theirs


def test_rows_are_sorted_by_their_key() -> None:
    frame = tables(["b", "a", "c"])["layers"]
    arrow = parts.to_arrow("layers", frame.sample(frac=1, random_state=3))
    keys = list(zip(*(arrow[key].to_pylist() for key in KEYS["layers"]), strict=True))
    assert keys == sorted(keys)
    assert len(keys) == 24


def test_pandas_types_follow_from_the_schema_and_not_from_the_content(tmp_path: Path) -> None:
    text = pd.Series(["x"]).dtype
    for status in ("finished", "diverged"):
        stored(tmp_path / "part", "runs", tables(["a"], status)["runs"])
        loaded = parts.to_pandas(parts.load(tmp_path / "part", "runs"))
        types = {name: loaded[name].dtype for name in RUNS.names}
        assert types["failed_step"] == types["parameters"] == pd.Int64Dtype()
        assert types["seed"] == types["steps"] == types["epochs"] == np.dtype("int64")
        assert types["val_loss"] == types["aulc"] == np.dtype("float64")
        assert types["run_id"] == types["activation"] == text
    empty = parts.to_pandas(CURVES.empty_table())
    assert (str(empty["step"].dtype), str(empty["epoch"].dtype)) == ("int64", "float64")


def test_a_column_of_nothing_but_nulls_may_have_any_type() -> None:
    frame = tables(["a", "b"])["runs"].astype(
        {"message": "float64", "failed_step": "float64", "device": "object"}
    )
    frame["device"] = None
    arrow = parts.to_arrow("runs", frame)
    assert arrow.schema.equals(RUNS)
    assert [arrow[name].null_count for name in ("message", "failed_step", "device")] == [2, 2, 2]


def test_whole_numbers_that_pandas_made_real_for_the_sake_of_a_null_become_whole_again() -> None:
    rows = [run_row("a", "diverged"), run_row("b")]
    arrow = parts.to_arrow("runs", pd.DataFrame(rows))
    assert arrow["failed_step"].to_pylist() == [7, None]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("step", 1.5, "truncated"),
        ("step", "18", "needed"),
        ("step", True, "needed"),
        ("step", None, "null"),
        ("step", 2**63, "curves.step"),
        ("step", pd.Timestamp("2020-01-01"), "needed"),
        ("val_loss", "0.5", "needed"),
        ("val_loss", False, "needed"),
        ("run_id", 7, "needed"),
        ("run_id", b"a", "needed"),
        ("run_id", None, "null"),
        ("val_loss", [1.0], "needed"),
    ],
)
def test_a_value_of_another_kind_is_a_bug_that_names_its_column(
    column: str, value: object, message: str
) -> None:
    frame = tables(["a"])["curves"].iloc[[0]].astype({column: object})
    frame[column] = pd.Series([value], dtype=object, index=frame.index)
    with pytest.raises(ValueError, match=message) as caught:
        parts.to_arrow("curves", frame)
    assert f"curves.{column}" in str(caught.value)
    assert not isinstance(caught.value, StoreError)


def test_a_missing_or_unknown_column_is_a_bug() -> None:
    frame = tables(["a"])["runs"]
    with pytest.raises(ValueError, match=r"missing \['aulc'\], unknown \[\]"):
        parts.to_arrow("runs", frame.drop(columns="aulc"))
    with pytest.raises(ValueError, match=r"missing \[\], unknown \['stack'\]"):
        parts.to_arrow("runs", frame.assign(stack=1))


@pytest.mark.parametrize("table", list(TABLES))
def test_two_rows_with_one_key_are_a_bug(table: str) -> None:
    frame = tables(["a", "b"])[table]
    with pytest.raises(ValueError, match="two rows with the same"):
        parts.to_arrow(table, pd.concat([frame, frame.iloc[[0]]]))


def test_an_unknown_status_is_a_bug() -> None:
    with pytest.raises(ValueError, match="done"):
        parts.to_arrow("runs", tables(["a"])["runs"].assign(status="done"))


def test_a_part_is_made_of_known_tables_of_its_own_runs() -> None:
    given = tables(["a", "b"])
    with pytest.raises(ValueError, match="models"):
        parts.checked(given | {"models": given["curves"]})
    with pytest.raises(ValueError, match="at least one run"):
        parts.checked({"curves": given["curves"]})
    with pytest.raises(ValueError, match="at least one run"):
        parts.checked({"runs": given["runs"].iloc[:0]})
    for table in ("curves", "layers"):
        with pytest.raises(ValueError, match=rf"{table}: rows of runs .* \['c'\]"):
            parts.checked(given | {table: tables(["a", "c"])[table]})
    assert {table: rows.num_rows for table, rows in parts.checked({"runs": given["runs"]}).items()} == {
        "runs": 2,
        "curves": 0,
        "layers": 0,
    }


def test_a_name_depends_on_the_set_of_runs_alone() -> None:
    assert parts.part_name(["a", "b"]) == parts.part_name(iter(["b", "a"]))
    names = {parts.part_name(held) for held in (["a"], ["b"], ["a", "b"], ["ab"], ["a", "b", "c"])}
    assert len(names) == 5
