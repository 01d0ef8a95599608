"""Files that are damaged, foreign or of another version, as parts of a results folder."""

import io
import threading
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ablate.errors import StoreError
from ablate.store import files, parts
from ablate.store.schema import SCHEMA_VERSION, TABLES
from tests.store.stored_frames import METADATA, tables


def stored(path: Path, table: str, frame: pd.DataFrame) -> bytes:
    path.write_bytes(files.encode(files.with_metadata(parts.to_arrow(table, frame), METADATA)))
    return path.read_bytes()


def test_metadata_stands_under_our_prefix_with_the_schema_version(tmp_path: Path) -> None:
    stored(tmp_path / "part", "runs", tables(["a"])["runs"])
    found = pq.read_schema(tmp_path / "part").metadata
    assert {key: value for key, value in found.items() if key.startswith(b"ablate.")} == {
        b"ablate.device": b"cpu",
        b"ablate.torch": b"2.11.0",
        b"ablate.schema_version": str(SCHEMA_VERSION).encode(),
        b"ablate.metadata_digest": found[b"ablate.metadata_digest"],
    }
    arrow = parts.to_arrow("runs", tables(["a"])["runs"])
    assert files.metadata_of(files.with_metadata(arrow, {"cpu": "Intel® π"}).schema)["cpu"] == "Intel® π"
    assert files.encode(files.with_metadata(arrow, {"a": "1", "b": "2"})) == files.encode(
        files.with_metadata(arrow, {"b": "2", "a": "1"})
    )
    with pytest.raises(ValueError, match="schema_version"):
        files.with_metadata(arrow, {"schema_version": "7"})


def test_files_are_compressed_with_zstd(tmp_path: Path) -> None:
    stored(tmp_path / "part", "runs", tables(["a"])["runs"])
    group = pq.ParquetFile(tmp_path / "part").metadata.row_group(0)
    assert {group.column(place).compression for place in range(group.num_columns)} == {"ZSTD"}


def refused(path: Path, table: str = "runs") -> str:
    with pytest.raises(StoreError) as caught:
        parts.load(path, table)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_foreign_file_is_named_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "part"
    pd.DataFrame({"run_id": ["a"]}).to_parquet(path)
    assert "was not written by ablate" in refused(path)
    path.write_text("run_id,status\na,finished\n")
    assert "is damaged or no Parquet file" in refused(path)
    path.write_bytes(b"")
    assert "is damaged or no Parquet file" in refused(path)
    stored(path, "curves", tables(["a"])["curves"])
    assert "columns" in refused(path)


@pytest.mark.parametrize(
    ("version", "words"),
    [(SCHEMA_VERSION + 1, "a newer"), (10, "a newer"), (0, "an older"), ("1b", "not written")],
)
def test_a_file_of_another_schema_version_is_refused(tmp_path: Path, version: object, words: str) -> None:
    path = tmp_path / "part"
    arrow = parts.to_arrow("runs", tables(["a"])["runs"])
    pq.write_table(arrow.replace_schema_metadata({"ablate.schema_version": str(version)}), path)
    message = refused(path)
    assert words in message
    if isinstance(version, int):
        assert f"schema version {version}" in message
        assert f"reads and writes {SCHEMA_VERSION}" in message


def test_a_folder_in_place_of_a_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    assert "cannot be read (Is a directory)" in refused(tmp_path / "part")


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "part"
    content = stored(path, "curves", tables(["a", "b"])["curves"])
    for length in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        assert "is damaged or no Parquet file" in refused(path, "curves")


def test_a_name_of_a_column_that_is_no_text_any_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "part"
    content = stored(path, "curves", tables(["a"])["curves"])
    path.write_bytes(content.replace(b"val_loss", b"val_\xe3oss"))
    assert "is damaged or no Parquet file" in refused(path, "curves")


def test_a_damaged_file_is_refused_or_still_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "part"
    content = stored(path, "curves", tables(["a", "b", "c"])["curves"])
    written = parts.load(path, "curves")
    draw = Random(0)
    read, messages = [], []
    for _ in range(400):
        damaged = bytearray(content)
        damaged[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            read.append(parts.load(path, "curves"))
        except StoreError as error:
            messages.append(str(error))
    assert all(table.equals(written) for table in read)
    assert len(messages) > 200
    legal = ("is damaged", "was not written by ablate", "schema version")
    assert all(any(words in message for words in legal) for message in messages)


def test_only_the_calling_thread_reads_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of Arrow that still holds Python bytes when the interpreter exits ends the process with SIGABRT."""
    stored(tmp_path / "part", "runs", tables(["a", "b"])["runs"])
    readers = []

    class Watched(io.BufferedReader):
        def read(self, *size: int) -> bytes:
            readers.append(threading.current_thread())
            return super().read(*size)

    monkeypatch.setattr(files, "open_file", lambda path: Watched(io.FileIO(path)))
    files.read(tmp_path / "part", TABLES["runs"], "")
    assert len(readers) > 1
    assert set(readers) == {threading.main_thread()}
