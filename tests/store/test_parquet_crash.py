"""A writer killed at any instant costs at most the part it was writing, and nothing is ever there twice."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ablate.errors import NothingToShow
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import TABLES
from tests.store.killed_writer import RANDOM_PARTS
from tests.store.stored_frames import METADATA, expected, rows, tables

# What may be stored after the last line of a killed writer's log: what the line says, or what the next one
# will say; b, d and e are discarded part by part.
BETWEEN = {
    "": {""},
    "ready": {"", "abc"},
    "abc": {"abc", "abcde"},
    "abcde": {"abcde", "acde", "abc", "ac"},
    "ac": {"ac", "abcf"},
    "abcf": {"abcf"},
}


def driven(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.store.killed_writer", *arguments]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def whole_runs(folder: ResultsFolder) -> str:
    """Returns the ids of the stored runs after checking that each is there once, with just its own rows."""
    run_ids = sorted(folder.statuses())
    for table in TABLES:
        if run_ids:
            assert rows(folder.read(table)) == expected(table, run_ids)
        else:
            with pytest.raises(NothingToShow):
                folder.read(table)
    return "".join(run_ids)


def plainly_stored(path: Path, table: str) -> set[str]:
    """Returns the runs of which a reader that knows nothing of us finds rows, each row once."""
    frame = pd.read_parquet(path / table) if (path / table).is_dir() else pd.DataFrame()
    if frame.empty:
        return set()
    assert not frame.duplicated(["run_id", *{"step", "layer", "quantity"} & set(frame.columns)]).any()
    return set(frame["run_id"])


def strange_files(path: Path) -> list[str]:
    known = {".lock", "experiment.toml"}
    return [
        file.name
        for file in path.rglob("*")
        if file.is_file() and file.name not in known and file.name[0] == "."
    ]


def test_a_kill_before_any_operation_on_the_disk_leaves_each_run_whole_or_absent(tmp_path: Path) -> None:
    driven("stepwise", str(tmp_path))
    logs = sorted(tmp_path.glob("*.log"), key=lambda log: int(log.stem))
    assert len(logs) > 50
    reached = []
    for log in logs:
        path = log.with_suffix("")
        folder = ResultsFolder(path)
        last = log.read_text().splitlines()[-1:]
        reached.append(last[0] if last else "")
        stored = whole_runs(folder)
        assert stored in BETWEEN[reached[-1]]
        assert plainly_stored(path, "runs") == set(stored)
        with folder.writing("seeds = 3"):
            assert "".join(folder.statuses()) == stored
            assert strange_files(path) == []
            for table in ("curves", "layers"):
                assert plainly_stored(path, table) == set(stored)
            missing = sorted(set("abcf") - set(stored))
            folder.discard("de")
            if missing:
                folder.write_part(tables(missing), METADATA)
        assert rows(folder.read("curves")) == expected("curves", "abcf")
    assert set(reached) == set(BETWEEN), "the kills did not fall into every chapter of the story"


@pytest.mark.parametrize("seed", [0, 1])
def test_a_writer_killed_at_random_and_started_again_ends_with_every_run_once(
    tmp_path: Path, seed: int
) -> None:
    kills = int(driven("randomly", str(tmp_path), str(seed)))
    assert kills >= 1
    path = tmp_path / "results"
    run_ids = [run_id for part in RANDOM_PARTS for run_id in part]
    assert whole_runs(ResultsFolder(path)) == "".join(run_ids)
    for table in TABLES:
        assert plainly_stored(path, table) == set(run_ids)
        assert len(list((path / table).iterdir())) == len(RANDOM_PARTS)
    acknowledged = (tmp_path / "results.log").read_text().splitlines()
    assert len(acknowledged) == len(set(acknowledged)), "a part that was stored was written again"
