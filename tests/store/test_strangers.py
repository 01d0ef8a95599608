"""Files that a stranger has put into a results folder, or a stranger's baseline: a sentence, no traceback, no hang."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablate.analysis.scores import scored
from ablate.errors import StoreError
from ablate.store import files
from ablate.store.baseline import read_results, write_baseline
from ablate.store.parquet import ResultsFolder
from ablate.store.parts import part_name
from tests.campaigns.parquet_damage import EQUAL, REFUSED, damage
from tests.store.stored_frames import METADATA, tables

ONE = part_name("ab")


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    made = ResultsFolder(tmp_path / "results")
    with made.writing(""):
        made.write_part(tables("ab"), METADATA)
    return made


def refused(folder: ResultsFolder, table: str = "runs") -> str:
    with pytest.raises(StoreError) as caught:
        folder.read(table)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table], **options: Any) -> None:
    pq.write_table(change(pq.read_table(path)), path, **options)


def with_column(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    """Returns the table with other values in a column that has kept its declared type."""
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def test_few_of_many_damaged_files_are_refused_or_read_as_they_were() -> None:
    assert {code for _, code in damage(15)} <= {EQUAL, REFUSED}


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
@pytest.mark.parametrize("name", [f"runs/{ONE}", f"curves/{ONE}", ".replacement", ".lock"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    folder: ResultsFolder, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.path / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        monkeypatch.chdir(path.parent)  # an absolute path can be too long for a socket
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    with pytest.raises(StoreError, match="results'" if name == ".lock" else path.name), folder.writing(""):
        folder.read("curves")


@pytest.mark.parametrize(
    ("table", "column", "values", "says"),
    [
        ("runs", "run_id", ["a", "a"], "two rows have the same run_id"),
        ("curves", "step", [0] * 8, "two rows have the same run_id, step"),
        ("runs", "steps", [1, -1], "steps is negative"),
        ("runs", "status", ["finished", "fine"], "a status is none of finished"),
        ("curves", "epoch", [float("inf")] * 8, "epoch is not finite"),
        ("runs", "learning_rate", [0.1, float("nan")], "learning_rate is not finite"),
    ],
)
def test_values_that_cannot_be_are_refused(
    folder: ResultsFolder, table: str, column: str, values: list[object], says: str
) -> None:
    path = folder.path / table / ONE
    rewrite(path, lambda stored: with_column(stored, column, values))
    message = refused(folder, table)
    assert says in message
    assert str(path) in message


@pytest.mark.parametrize(
    "column",
    [
        pa.array([None, "a"]),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([["a"], ["b"]]),
        pa.array([b"a", b"b"]),
        pa.array([{"x": 1}, {"x": 2}]),
        pa.array([1, 2]),
    ],
    ids=["null", "dictionary", "list", "bytes", "struct", "number"],
)
def test_columns_of_other_types_are_refused(folder: ResultsFolder, column: pa.Array) -> None:
    rewrite(folder.path / "runs" / ONE, lambda stored: stored.set_column(0, "run_id", column))
    assert "columns" in refused(folder)


def test_rows_of_runs_that_are_not_stored_do_not_count(folder: ResultsFolder) -> None:
    rewrite(folder.path / "curves" / ONE, lambda stored: with_column(stored, "run_id", ["a"] * 4 + ["x"] * 4))
    assert set(folder.read("curves")["run_id"]) == {"a"}


def test_a_long_text_that_is_stored_once_for_thousands_of_rows_does_not_fill_the_memory(
    folder: ResultsFolder,
) -> None:
    path = folder.path / "runs" / ONE
    stored = pq.read_table(path).take([0] * 3000)
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * 1_000_000]))
    bomb = stored.set_column(stored.schema.get_field_index("message"), "message", text)
    with pq.ParquetWriter(path, bomb.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(bomb)
        writer.add_key_value_metadata(stored.schema.metadata)
    assert path.stat().st_size < 100_000
    assert "texts of many GB, too much for the memory" in refused(folder)


def test_more_rows_than_fit_into_the_memory_are_refused_before_they_are_read(
    folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MAX_VALUES", 63)
    assert "8 rows, too much for the memory" in refused(folder, "curves")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[" * 100_000, "was not written by ablate"),
        (b'{"old": ["../../x"], "new": []}', "was not written by ablate"),
        (b"\xff", "was not written by ablate"),
        (b"[]", "was not written by ablate"),
    ],
)
def test_a_strange_record_of_a_replacement_deletes_nothing(
    folder: ResultsFolder, content: bytes, says: str
) -> None:
    (folder.path / ".replacement").write_bytes(content)
    assert says in refused(folder)
    with pytest.raises(StoreError, match=says), folder.writing(""):
        pass


@pytest.mark.parametrize("data", ["[" * 100_000, "[1]", "{", '{"seeds": ' + "9" * 5000 + "}"])
def test_metadata_that_are_not_those_of_runs_are_refused(folder: ResultsFolder, data: str) -> None:
    with folder.writing(""):
        folder.write_part(tables("c"), METADATA | {"data": data})
    with pytest.raises(StoreError, match="do not state their data"):
        folder.ensure_same_data("{}")


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"target": b"0.5", "metadata_digest": b"0"}, "its metadata or columns have changed"),
        ({"schema_version": b"9" * 5000}, "was not written by"),
        ({"target": b"nan"}, "no target accuracy"),
        ({"target": b"\xff"}, "no target accuracy"),
        ({"target": b"1e999"}, "no target accuracy"),
        ({"experiment": b"x = " + b"[" * 20_000}, "is not TOML"),
        ({"experiment": b"x = " + b"9" * 5000}, "is not TOML"),
    ],
)
def test_strange_metadata_of_a_baseline_are_a_sentence(
    folder: ResultsFolder, tmp_path: Path, metadata: dict[str, bytes], says: str
) -> None:
    stored = read_results(folder.path)
    assert stored.curves is not None
    path = tmp_path / "base.parquet"
    write_baseline(path, scored(stored.runs, stored.curves, 0.5), 0.5, stored)
    table = pq.read_table(path)
    old = {key: text for key, text in table.schema.metadata.items() if key != b"ablate.metadata_digest"}
    new = {f"ablate.{key}".encode(): text for key, text in metadata.items()}
    pq.write_table(table.replace_schema_metadata(old | new), path)
    with pytest.raises(StoreError, match=says):
        _ = read_results(path).settings
