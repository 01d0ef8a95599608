import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ablate.errors import NothingToShow, StoreError
from ablate.store import parts
from ablate.store.parquet import ResultsFolder
from ablate.store.parts import part_name
from ablate.store.schema import CURVES, RUNS, SCHEMA_VERSION, TABLES
from tests.store.full_disk import files_of_at_most
from tests.store.stored_frames import METADATA, expected, rows, tables, versions


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    return ResultsFolder(tmp_path / "results" / "x")


def write(folder: ResultsFolder, *parts: str, status: str = "finished") -> None:
    """Writes parts, each named by its runs: `ab` is one part with the runs a and b."""
    with folder.writing("seeds = 1\n"):
        for run_ids in parts:
            folder.write_part(tables(run_ids, status), METADATA)


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def part(folder: ResultsFolder, table: str, run_ids: str) -> Path:
    return folder.path / table / part_name(run_ids)


def refused(call: str, folder: ResultsFolder, *arguments: str) -> str:
    method = write if call == "writing" else getattr(ResultsFolder, call)
    with pytest.raises(StoreError) as caught:
        method(folder, *arguments)
    return str(caught.value)


def test_what_is_written_is_read_sorted_whatever_the_order_and_the_parts(folder: ResultsFolder) -> None:
    write(folder, "db", "a", "ec")
    for table in TABLES:
        frame = folder.read(table)
        assert list(frame.columns) == TABLES[table].names
        assert rows(frame) == expected(table, "abcde")
        assert list(frame.index) == list(range(len(frame)))
    assert folder.statuses() == dict.fromkeys("abcde", "finished")
    assert (folder.path / "experiment.toml").read_text() == "seeds = 1\n"


def test_pandas_alone_reads_the_same_tables(folder: ResultsFolder) -> None:
    write(folder, "ab", "c")
    for table in TABLES:
        plain = pd.read_parquet(folder.path / table).sort_values("run_id", kind="stable")
        assert rows(plain) == expected(table, "abc")


def test_runs_that_did_not_finish_keep_their_step_and_message(folder: ResultsFolder) -> None:
    write(folder, "a")
    write(folder, "b", status="diverged")
    frame = folder.read("runs")
    assert frame["failed_step"].tolist() == [pd.NA, 7]
    assert rows(frame) == expected("runs", "a") + expected("runs", "b", "diverged")
    assert folder.statuses() == {"a": "finished", "b": "diverged"}


def test_runs_without_curves_and_layers_are_stored_alone(folder: ResultsFolder) -> None:
    with folder.writing(""):
        folder.write_part({"runs": tables("ab", "failed")["runs"]}, METADATA)
        folder.write_part(
            {"runs": tables("c")["runs"], "curves": pd.DataFrame(columns=CURVES.names)}, METADATA
        )
    assert list(folder.statuses()) == ["a", "b", "c"]
    assert folder.read("curves").empty
    assert pd.read_parquet(folder.path / "layers").columns.tolist() == TABLES["layers"].names


def test_a_folder_without_runs_has_nothing_to_show_and_no_statuses(folder: ResultsFolder) -> None:
    for _ in range(2):
        assert folder.statuses() == {}
        assert folder.metadata() == {}
        folder.ensure_same_data('{"dataset": "digits"}')
        for table in TABLES:
            with pytest.raises(NothingToShow, match=r"results/x' holds no runs.*ablate run -o .*results/x"):
                folder.read(table)
        write(folder)


def test_reading_makes_nothing(folder: ResultsFolder, tmp_path: Path) -> None:
    folder.statuses()
    with pytest.raises(NothingToShow):
        folder.read("runs")
    assert list(tmp_path.iterdir()) == []


def test_the_same_calls_give_the_same_files(folder: ResultsFolder, tmp_path: Path) -> None:
    other = ResultsFolder(tmp_path / "other")
    write(folder, "ab", "c")
    write(other, "c", "ba")
    assert contents(folder.path) == contents(other.path)
    before = contents(folder.path)
    write(folder, "ba", "ba")
    assert contents(folder.path) == before


def test_metadata_is_in_each_file_and_shows_where_parts_differ(folder: ResultsFolder) -> None:
    write(folder, "ab")
    assert folder.metadata() == {"device": "cpu", "schema_version": str(SCHEMA_VERSION), "torch": "2.11.0"}
    for table in TABLES:
        assert pq.read_schema(part(folder, table, "ab")).metadata[b"ablate.torch"] == b"2.11.0"
    with folder.writing(""):
        folder.write_part(tables("c"), METADATA | {"torch": "2.15.0", "git_commit": "0abc"})
    assert folder.metadata() == {
        "device": "cpu",
        "git_commit": "0abc",
        "schema_version": str(SCHEMA_VERSION),
        "torch": "2.11.0 | 2.15.0",
    }


def test_runs_written_again_replace_the_stored_ones_in_all_tables(folder: ResultsFolder) -> None:
    write(folder, "abc", "de")
    with folder.writing("seeds = 1\n"):
        folder.write_part(tables(["b'", "d'", "f"]), METADATA)
    assert versions(folder) == ["a", "b'", "c", "d'", "e", "f"]
    for table in TABLES:
        assert {path.name for path in (folder.path / table).iterdir()} == set(
            map(part_name, ["ac", "e", "bdf"])
        )
    assert not (folder.path / ".replacement").exists()


def test_a_part_of_which_a_file_is_missing_or_torn_can_be_written_again(folder: ResultsFolder) -> None:
    write(folder, "ab", "c")
    with folder.writing(""):
        part(folder, "curves", "ab").unlink()
        part(folder, "layers", "c").write_bytes(b"torn")
        with pytest.raises(StoreError, match="are safe"):
            folder.write_part(tables("a"), METADATA)
        folder.write_part(tables("abc"), METADATA)
    assert rows(folder.read("layers")) == expected("layers", "abc")


def test_tables_that_do_not_fit_write_nothing(folder: ResultsFolder) -> None:
    write(folder)
    before = contents(folder.path)
    bad = tables("ab")
    bad["runs"] = bad["runs"].drop(columns="seed")
    with folder.writing("seeds = 1\n"), pytest.raises(ValueError, match="seed"):
        folder.write_part(bad, METADATA)
    assert contents(folder.path) == before


def test_writing_needs_the_lock(folder: ResultsFolder) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="writing"):
            folder.write_part(tables("a"), METADATA)
        write(folder)


class FolderOfRuns(RuleBasedStateMachine):
    """Any sequence of writing, writing again and opening anew leaves exactly the runs that a plain set says."""

    @initialize()
    def start(self) -> None:
        path = Path(os.environ["PYTEST_STATEFUL_FOLDER"])
        shutil.rmtree(path, ignore_errors=True)
        self.folder = ResultsFolder(path)
        self.stored: dict[str, str] = {}
        self.open()

    def open(self) -> None:
        self.writing = self.folder.writing("")
        self.writing.__enter__()

    def teardown(self) -> None:
        self.writing.__exit__(None, None, None)

    @rule(
        run_ids=st.sets(st.sampled_from("abcde"), min_size=1), status=st.sampled_from(["finished", "failed"])
    )
    def write_some(self, run_ids: set[str], status: str) -> None:
        self.folder.write_part(tables(run_ids, status), METADATA)
        self.stored |= dict.fromkeys(run_ids, status)

    @rule()
    def open_anew(self) -> None:
        self.teardown()
        self.open()

    @invariant()
    def the_runs_are_those_of_the_set(self) -> None:
        assert self.folder.statuses() == self.stored
        plain = pd.read_parquet(self.folder.path / "curves") if self.stored else pd.DataFrame({"run_id": []})
        assert sorted(plain["run_id"]) == sorted(run_id for run_id in self.stored for _ in range(4))


def test_any_sequence_of_writing_keeps_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_STATEFUL_FOLDER", str(tmp_path / "x"))
    run_state_machine_as_test(
        FolderOfRuns, settings=settings(max_examples=20, stateful_step_count=15, deadline=None)
    )


def test_a_second_writer_is_refused_until_the_first_ends(folder: ResultsFolder) -> None:
    write(folder, "a")
    with folder.writing("first"):
        message = refused("writing", ResultsFolder(folder.path))
        assert "-o/--output" in message
        assert str(folder.path) in message
        assert (folder.path / "experiment.toml").read_text() == "first"
        folder.write_part(tables("b"), METADATA)
    write(ResultsFolder(folder.path), "c")
    assert list(folder.statuses()) == ["a", "b", "c"]


def test_of_many_processes_that_start_at_once_each_writes_alone_or_not_at_all(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.store.stored_frames import *; from pathlib import Path\n"
        "from ablate.errors import StoreError; from ablate.store.parquet import ResultsFolder\n"
        "folder, mine = ResultsFolder(Path(sys.argv[2])), tables([sys.argv[3]])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try:\n"
        "    with folder.writing(sys.argv[3]): folder.write_part(mine, METADATA)\n"
        "    print('stored')\n"
        "except StoreError as error: print('refused' if 'another command' in str(error) else error)\n"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parents[2]), str(tmp_path / "new" / "x")]
    writers = {
        name: subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "abcd"
    }
    for writer in writers.values():
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    answers = {}
    for writer in writers.values():
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for name, writer in writers.items():
        answers[name] = writer.communicate()[0].strip()
    assert set(answers.values()) <= {"stored", "refused"}
    stored = sorted(name for name, answer in answers.items() if answer == "stored")
    assert stored
    assert list(ResultsFolder(tmp_path / "new" / "x").statuses()) == stored


def test_a_reader_beside_a_writer_sees_whole_parts(folder: ResultsFolder) -> None:
    write(folder, "ab")
    reader = ResultsFolder(folder.path)
    with folder.writing(""):
        folder.write_part(tables("c"), METADATA)
        assert rows(reader.read("curves")) == expected("curves", "abc")
        folder.write_part(tables(["a'"]), METADATA)
        assert rows(reader.read("layers")) == expected("layers", ["a'", "b", "c"])


@pytest.mark.parametrize("table", list(TABLES))
def test_runs_replaced_while_they_are_read_are_all_old_or_all_new(
    folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    write(folder, "ab", "cd")
    load, calls = parts.load, []

    def load_beside_a_writer(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            folder.write_part(tables(["b'", "c'"]), METADATA)
        if len(calls) == 20:
            folder.write_part(tables(["a''", "d''"]), METADATA)
        return load(*arguments)

    reader = ResultsFolder(folder.path)
    with folder.writing(""):
        monkeypatch.setattr(parts, "load", load_beside_a_writer)
        assert rows(reader.read(table)) == expected(table, ["a", "b'", "c'", "d"])
    assert len(calls) > 5


def test_runs_of_other_data_are_refused_with_what_differs(folder: ResultsFolder) -> None:
    data = {"dataset": "digits", "split_seed": 0}
    with folder.writing("epochs = 3\n"):
        folder.write_part(tables("ab"), METADATA | {"data": json.dumps(data)})
    folder.ensure_same_data(json.dumps(data))
    message = refused("ensure_same_data", folder, json.dumps(data | {"dataset": "mnist"}))
    assert all(word in message for word in ("dataset digits and not mnist", "-o/--output", str(folder.path)))
    assert "split_seed" not in message
    message = refused("ensure_same_data", folder, json.dumps(data | {"split_seed": 1}))
    assert "split_seed 0 and not 1" in message


@pytest.mark.parametrize(("held", "wanted"), [(True, False), (False, True)])
def test_simulated_and_real_results_are_not_mixed(folder: ResultsFolder, held: bool, wanted: bool) -> None:
    data = {"dataset": "digits", "simulated": held}
    with folder.writing(""):
        folder.write_part(tables("a"), METADATA | {"data": json.dumps(data)})
    folder.ensure_same_data(json.dumps(data))
    message = refused("ensure_same_data", folder, json.dumps(data | {"simulated": wanted}))
    kinds = ("simulated", "real") if held else ("real", "simulated")
    assert "holds {} results, which cannot be mixed with {} ones; choose another".format(*kinds) in message
    assert "simulated True" not in message


@pytest.mark.parametrize("below", ["", "below", "far/below"])
def test_a_file_in_place_of_the_folder_is_a_mistake_that_names_the_flag(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    folder = ResultsFolder(tmp_path / "file" / below)
    message = refused("writing", folder)
    assert "-o/--output" in message
    assert str(folder.path) in message
    assert "a file is in its place" in message
    assert contents(tmp_path) == {"file": b"mine"}
    assert str(folder.path) in refused("statuses", folder)


def test_a_path_that_cannot_exist_is_a_mistake_that_names_the_flag(tmp_path: Path) -> None:
    message = refused("writing", ResultsFolder(tmp_path / "new" / ("x" * 300)))
    assert "-o/--output" in message
    assert "File name too long" in message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_table_is_a_file_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "layers").write_text("mine")
    assert "-o/--output" in refused("writing", ResultsFolder(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["layers"]


def test_an_experiment_that_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "experiment.toml").write_text("# mine")
    message = refused("writing", ResultsFolder(tmp_path))
    assert "experiment.toml" in message
    assert "-o/--output" in message
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]
    assert (tmp_path / "experiment.toml").read_text() == "# mine"


def test_a_full_disk_at_the_start_leaves_nothing(tmp_path: Path) -> None:
    with files_of_at_most(5):
        message = refused("writing", ResultsFolder(tmp_path / "a" / "b"))
    assert "-o/--output" in message
    assert list(tmp_path.iterdir()) == []
    write(ResultsFolder(tmp_path / "a" / "b"), "a")


def test_a_full_disk_loses_no_stored_run_and_says_how_many_there_are(
    folder: ResultsFolder, tmp_path: Path
) -> None:
    other = ResultsFolder(tmp_path / "other")
    write(other, "de")
    sizes = sorted(part(other, table, "de").stat().st_size for table in TABLES)
    write(folder, "ab", "c")
    before = contents(folder.path)
    with folder.writing("seeds = 1\n"):
        for size in {0, 1, *sizes, *(size - 1 for size in sizes)} - {sizes[-1]}:
            with (
                files_of_at_most(size),
                pytest.raises(StoreError, match="the 3 runs stored there before are safe"),
            ):
                folder.write_part(tables("de"), METADATA)
            assert contents(folder.path) == before
        with files_of_at_most(sizes[-1]):
            folder.write_part(tables("de"), METADATA)
    assert rows(folder.read("curves")) == expected("curves", "abcde")


def test_a_disk_that_fills_up_while_runs_are_replaced_keeps_each_run_old_or_new(
    folder: ResultsFolder,
) -> None:
    write(folder, "ab", "c")
    largest = max(part(folder, table, "ab").stat().st_size for table in TABLES)
    found = set()
    for size in [*range(0, largest // 2, largest // 8), 2 * largest]:
        safe = pytest.raises(StoreError, match="the 3 runs stored there before are safe")
        with folder.writing("seeds = 1\n"), files_of_at_most(size), safe if size < largest else nullcontext():
            folder.write_part(tables(["b'", "c'"]), METADATA)
        found.add(" ".join(versions(folder)))
    assert found == {"a b c", "a b' c'"}


@pytest.mark.parametrize("table", list(TABLES))
def test_a_torn_part_is_named_and_its_runs_part_is_the_remedy(folder: ResultsFolder, table: str) -> None:
    write(folder, "ab", "c")
    torn = part(folder, table, "ab")
    torn.write_bytes(torn.read_bytes()[:-20])
    message = refused("read", folder, table)
    assert str(torn) in message
    assert "damaged" in message
    assert str(part(folder, "runs", "ab")) in message
    if table == "runs":
        assert str(torn) in refused("writing", folder)
    part(folder, "runs", "ab").unlink()
    write(folder, "ab")
    for each in TABLES:
        assert rows(folder.read(each)) == expected(each, "abc")


@pytest.mark.parametrize("table", ["curves", "layers"])
def test_a_missing_file_of_a_part_is_never_taken_for_runs_without_rows(
    folder: ResultsFolder, table: str
) -> None:
    write(folder, "ab", "c")
    missing = part(folder, table, "ab")
    missing.unlink()
    message = refused("read", folder, table)
    assert str(missing) in message
    assert str(part(folder, "runs", "ab")) in message


@pytest.mark.parametrize("name", ["mine.parquet", f"{part_name('a')[:-8]}-copy.parquet"])
@pytest.mark.parametrize("table", list(TABLES))
def test_a_foreign_parquet_file_is_named_and_never_deleted(
    folder: ResultsFolder, table: str, name: str
) -> None:
    write(folder, "a")
    foreign = folder.path / table / name
    pd.DataFrame({"x": [1]}).to_parquet(foreign)
    before = contents(folder.path)
    assert str(foreign) in refused("writing", folder)
    assert contents(folder.path) == before
    if table == "runs":
        assert str(foreign) in refused("statuses", folder)
        assert str(foreign) in refused("read", folder, "curves")


def test_hidden_files_and_files_of_other_kinds_are_passed_over(folder: ResultsFolder) -> None:
    write(folder, "a")
    for name in (".DS_Store", "_SUCCESS", "._copy.parquet", "_old.parquet", "notes.txt"):
        (folder.path / "runs" / name).write_text("not a part")
    write(folder, "b")
    assert list(folder.statuses()) == ["a", "b"]


def test_parts_of_two_folders_can_be_put_together_but_no_run_twice(
    folder: ResultsFolder, tmp_path: Path
) -> None:
    other = ResultsFolder(tmp_path / "other")
    write(folder, "ab")
    write(other, "c", "b")
    for table in TABLES:
        shutil.copy(part(other, table, "c"), folder.path / table)
    assert rows(folder.read("curves")) == expected("curves", "abc")
    for table in TABLES:
        shutil.copy(part(other, table, "b"), folder.path / table)
    for call in (["statuses"], ["read", "runs"], ["read", "curves"], ["writing"]):
        message = refused(call[0], folder, *call[1:])
        assert "run 'b' twice" in message
        assert part_name("ab") in message
        assert part_name("b") in message


def test_statuses_reads_no_other_column(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "ab")
    read = pq.ParquetFile.read
    asked = []
    monkeypatch.setattr(
        pq.ParquetFile,
        "read",
        lambda file, columns, **how: (asked.append(columns), read(file, columns, **how))[1],
    )
    assert folder.statuses() == {"a": "finished", "b": "finished"}
    assert asked == [["run_id", "status"]]


def test_names_outside_ascii_and_outside_utf8_are_fine(tmp_path: Path) -> None:
    for name in ("Größe ✓", os.fsdecode(b"caf\xe9")):
        folder = ResultsFolder(tmp_path / name)
        write(folder, "a")
        assert rows(folder.read("runs")) == expected("runs", "a")


def test_the_schema_of_a_stored_table_is_the_declared_one(folder: ResultsFolder) -> None:
    write(folder, "a", "b")
    assert pq.read_schema(part(folder, "runs", "a")).equals(RUNS)
