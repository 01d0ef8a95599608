"""Merging parts changes no row; `test_parquet_crash` kills a writer while it merges."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ablate.store import compaction
from ablate.store.parquet import ResultsFolder
from ablate.store.parts import part_name
from ablate.store.schema import TABLES
from tests.store.full_disk import files_of_at_most
from tests.store.stored_frames import METADATA, expected, rows, tables, versions


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    made = ResultsFolder(tmp_path)
    with made.writing(""):
        for part in ("ab", "c", "d"):
            made.write_part(tables(part), METADATA)
        made.write_part(tables("e"), METADATA | {"torch": "another"})
    return made


def names(folder: ResultsFolder, table: str = "runs") -> set[str]:
    return {path.name for path in (folder.path / table).iterdir()}


def test_parts_with_equal_metadata_become_one_and_no_row_changes(folder: ResultsFolder) -> None:
    before = folder.metadata()
    with folder.writing(""):
        folder.compact()
        for table in TABLES:
            assert names(folder, table) == {part_name("abcd"), part_name("e")}
            assert rows(folder.read(table)) == expected(table, "abcde")
        assert folder.metadata() == before
        folder.write_part(tables(["b'"]), METADATA)  # the folder still knows which part has which run
    assert versions(folder) == ["a", "b'", "c", "d", "e"]


def test_the_merged_part_does_not_depend_on_the_parts(folder: ResultsFolder, tmp_path: Path) -> None:
    other = ResultsFolder(tmp_path / "other")
    with other.writing(""):
        for part in ("cd", "a", "b"):
            other.write_part(tables(part), METADATA)
        other.compact()
    with folder.writing(""):
        folder.compact()
    for table in TABLES:
        paths = [made.path / table / part_name("abcd") for made in (folder, other)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_part_stays_below_its_size(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "_MAX_RUNS", 2)
    with folder.writing(""):
        folder.compact()
    assert names(folder) == {part_name("cd"), part_name("ab"), part_name("e")}
    monkeypatch.setattr(compaction, "_MAX_BYTES", 0)
    with folder.writing(""):
        folder.compact()
    assert len(names(folder)) == 3


def test_a_full_disk_leaves_the_parts_as_they_are(folder: ResultsFolder) -> None:
    before = names(folder)
    with folder.writing(""), files_of_at_most(0):
        folder.compact()
    assert names(folder) == before
    assert pq.read_table(folder.path / "runs").num_rows == 5
    assert rows(folder.read("curves")) == expected("curves", "abcde")
