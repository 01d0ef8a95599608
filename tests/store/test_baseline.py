from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablate.analysis.scores import scored
from ablate.errors import NothingToShow, StoreError
from ablate.store import files
from ablate.store.baseline import BASELINE, Stored, read_results, write_baseline
from ablate.store.parquet import ResultsFolder
from tests.store.stored_frames import METADATA, tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    results = ResultsFolder(tmp_path / "results")
    with results.writing("seeds = 1\n"):
        results.write_part(tables("abc"), METADATA)
    return results.path


def written(folder: Path, name: str = "base.parquet") -> tuple[Path, Stored, pd.DataFrame]:
    stored = read_results(folder)
    assert stored.curves is not None
    frame = scored(stored.runs, stored.curves, 0.5)
    path = folder.parent / "made" / name
    write_baseline(path, frame, 0.5, stored)
    return path, stored, frame


def test_what_is_written_is_read_with_its_target_its_spec_and_its_environment(folder: Path) -> None:
    path, stored, frame = written(folder)
    back = read_results(path)
    assert (back.target, back.curves, back.settings) == (0.5, None, {"seeds": 1})
    assert back.environment == stored.environment == METADATA
    pd.testing.assert_frame_equal(back.runs[BASELINE.names], frame[BASELINE.names], check_dtype=False)
    assert back.runs["finished"].all()


def test_the_same_results_give_the_same_bytes_and_pandas_reads_them(folder: Path) -> None:
    first, second = written(folder)[0], written(folder, "again.parquet")[0]
    assert first.read_bytes() == second.read_bytes()
    assert pd.read_parquet(first)["run_id"].tolist() == ["a", "b", "c"]


def test_a_run_whose_worker_died_is_no_baseline(folder: Path) -> None:
    stored = read_results(folder)
    assert stored.curves is not None
    died = scored(stored.runs.assign(status="failed"), stored.curves, 0.5)
    with pytest.raises(StoreError, match="3 of 3 runs failed when their worker died; train them again"):
        write_baseline(folder.parent / "x.parquet", died, 0.5, stored)
    assert not (folder.parent / "x.parquet").exists()


def test_a_baseline_that_is_not_there_is_told_from_one_that_is_torn(folder: Path, tmp_path: Path) -> None:
    path = written(folder)[0]
    with pytest.raises(NothingToShow, match="nothing at"):
        read_results(tmp_path / "no.parquet")
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(StoreError, match="is damaged or no Parquet file"):
            read_results(path)


def test_a_damaged_page_is_noticed(folder: Path) -> None:
    path = written(folder)[0]
    group = pq.ParquetFile(path).metadata.row_group(0)
    chunks = [group.column(index) for index in range(group.num_columns)]
    widest = max(chunks, key=lambda chunk: chunk.total_compressed_size)
    content = bytearray(path.read_bytes())
    content[
        (widest.dictionary_page_offset or widest.data_page_offset) + widest.total_compressed_size - 1
    ] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged or no Parquet file"):
        read_results(path)


def test_foreign_files_are_refused(folder: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"x": [1]}), foreign)
    part = next((folder / "runs").glob("*.parquet"))
    for path in (foreign, part):
        with pytest.raises(StoreError, match="was not written by `ablate baseline`"):
            read_results(path)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("schema_version", "99", "schema version 99"), ("kind", "other", "was not written by")],
)
def test_files_of_another_version_or_kind_are_refused(folder: Path, key: str, value: str, told: str) -> None:
    path = written(folder)[0]
    table = pq.read_table(path)
    metadata = table.schema.metadata | {f"ablate.{key}".encode(): value.encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.raises(StoreError, match=told):
        read_results(path)


def _without(table: pa.Table, column: str) -> pa.Table:
    """Returns a table as an ablate without this column would have written it."""
    metadata = {key: text for key, text in files.metadata_of(table.schema).items() if key != files.VERSION}
    return files.with_metadata(table.drop_columns([column]), metadata)


def test_a_missing_metric_is_left_to_the_gate_and_a_missing_seed_is_not(folder: Path) -> None:
    path = written(folder)[0]
    table = pq.read_table(path)
    pq.write_table(_without(table, "aulc"), path)
    assert "aulc" not in read_results(path).runs
    pq.write_table(_without(table, "seed"), path)
    with pytest.raises(StoreError, match="its columns are not those of its schema version"):
        read_results(path)


def test_a_file_without_runs_holds_nothing(folder: Path) -> None:
    path = written(folder)[0]
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(NothingToShow, match="holds no runs"):
        read_results(path)


def test_a_place_that_cannot_be_written_is_explained(folder: Path, tmp_path: Path) -> None:
    stored = read_results(folder)
    assert stored.curves is not None
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_baseline(tmp_path / "file" / "x.parquet", scored(stored.runs, stored.curves, 0.5), 0.5, stored)
