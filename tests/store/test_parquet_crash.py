"""A writer killed at any instant costs at most the part it was writing, and nothing is ever there twice."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ablate.store.parquet import ResultsFolder
from ablate.store.schema import TABLES
from tests.store.killed_writer import FORCED_PARTS, states
from tests.store.stored_frames import METADATA, plain, tables, versions


def driven(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.store.killed_writer", *arguments]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


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


def test_a_kill_before_any_change_on_the_disk_leaves_each_run_whole_old_or_new(tmp_path: Path) -> None:
    driven("stepwise", str(tmp_path))
    logs = sorted(tmp_path.glob("[0-9]*.log"), key=lambda log: int(log.stem))
    assert len(logs) > 50
    after = states()
    reached = set()
    for number, log in enumerate(logs):
        path = log.with_suffix("")
        folder = ResultsFolder(path)
        done = max(0, len(log.read_text().splitlines()) - 1)
        reached.add(done)
        stored = versions(folder)
        assert " ".join(stored) in after[done : done + 2]
        # A reader that knows nothing of us may see a run missing while it is replaced, but never twice.
        assert plainly_stored(path, "runs") <= {plain(run_id) for run_id in stored}
        if number % 3:
            continue
        with folder.writing("seeds = 3"):
            assert strange_files(path) == []
            for table in TABLES:
                assert plainly_stored(path, table) == {plain(run_id) for run_id in stored}
            folder.write_part(tables("abcf"), METADATA)
        left = [run_id for run_id in stored if run_id[0] not in "abcf"]
        assert versions(folder) == sorted([*"abcf", *left])
    assert reached >= set(range(len(after) - 1)), "the kills did not fall into every chapter of the story"


@pytest.mark.parametrize("seed", [0, 1])
def test_a_writer_killed_at_random_and_started_again_ends_with_every_run_once(
    tmp_path: Path, seed: int
) -> None:
    assert all(int(kills) >= 1 for kills in driven("randomly", str(tmp_path), str(seed)).split())
    path = tmp_path / "results"
    last = {plain(run_id): run_id for part in FORCED_PARTS for run_id in part}
    assert versions(ResultsFolder(path)) == [last[run_id] for run_id in sorted(last)]
    for table in TABLES:
        assert plainly_stored(path, table) == set(last)
    acknowledged = (tmp_path / "results.log").read_text().splitlines()
    assert len(acknowledged) == len(set(acknowledged)), "a part that was stored was written again"
