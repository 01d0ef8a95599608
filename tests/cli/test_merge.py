"""`ablate merge`: the results of shards in one folder."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from ablate.cli import main as command_line
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import TABLES
from tests.arguments import given
from tests.cli.grids import FAKE

GRID = [*given(FAKE, "--dropout", "0"), "--diagnostics"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the results of three shards of a grid, and of the grid as `whole`."""
    folder = tmp_path_factory.mktemp("trained")
    for name, shard in (("r1", "1/3"), ("r2", "2/3"), ("r3", "3/3"), ("whole", "1/1")):
        arguments = ["run", *GRID, "--shard", shard, "-o", str(folder / name)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["ablate", *arguments])
            with pytest.raises(SystemExit) as end:
                command_line.main()
        assert not end.value.code
    return folder


@pytest.fixture
def shards(trained, tmp_path):
    """The folders of three shards of a grid; `whole` holds the grid."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return ["r1", "r2", "r3"]


def tables_of(folder):
    return {table: ResultsFolder(Path(folder)).read(table) for table in TABLES}


def test_merged_shards_are_what_the_whole_run_stores(ablate, shards):
    code, out, err = ablate("merge", *shards, "-o", "merged")
    assert (code, err) == (0, "")
    assert out == "SIMULATED merged: 8 runs of 3 folders\n"
    for table, rows in tables_of("merged").items():
        pd.testing.assert_frame_equal(rows, tables_of("whole")[table])
    assert Path("merged/experiment.toml").read_text() == Path("whole/experiment.toml").read_text()
    assert ablate("gate", "whole", "merged", "--exact")[0] == 0
    assert "nothing to train" in ablate("plan", *GRID, "-o", "merged")[1]


def test_a_missing_shard_is_reported_and_can_be_added_later(ablate, shards):
    code, _, err = ablate("merge", "r3", "r1", "-o", "merged")
    assert code == 3
    assert err.startswith("missing: shard 2 of 3\nshards 1, 3 of 3: incomplete, ")
    assert "shards 1, 3 of 3: incomplete" in ablate("report", "merged")[1]
    code, out, err = ablate("merge", "r2", "-o", "merged")
    assert (code, out, err) == (0, "SIMULATED merged: 8 runs of 2 folders\n", "")


def test_the_target_can_be_one_of_the_folders_and_overlaps_are_counted(ablate, shards):
    code, out, _ = ablate("merge", *shards, "r1", "whole", "-o", "r2")
    assert code == 0
    assert out == "SIMULATED r2: 8 runs of 4 folders, of which 8 were stored more than once and are equal\n"
    pd.testing.assert_frame_equal(tables_of("r2")["curves"], tables_of("whole")["curves"])


def test_a_folder_of_another_experiment_is_refused_by_name(ablate, shards, tmp_path):
    ablate("run", *given(GRID, "--epochs", "3"), "-o", "other")
    before = sorted(tmp_path.rglob("*"))
    for folders, says in (
        (["r1", "other"], "'r1' and 'other' hold different experiments (epochs 2 and 3)"),
        (["r1", "nowhere"], "there is nothing at 'nowhere'"),
        (["r1", "."], "no results folder of `ablate run` is at '.'"),
        (["r1", "r1/experiment.toml"], "no results folder of `ablate run` is at"),
    ):
        code, out, err = ablate("merge", *folders, "-o", "merged")
        assert (code, out) == (2, "")
        assert says in err
    assert sorted(tmp_path.rglob("*")) == before


def test_empty_shards_merge_too(ablate):
    one = given(FAKE, "--activation", "relu", "--dropout", "0", "--seeds", "1")
    for number in "12345":
        assert ablate("run", *one, "--shard", f"{number}/5", "-o", f"r{number}")[0] == 0
    assert ablate("merge", "r1", "r2", "r3", "r4", "r5", "-o", "merged")[:2] == (
        0,
        "SIMULATED merged: 2 runs of 5 folders\n",
    )


def test_a_search_for_learning_rates_is_merged_too(ablate):
    tuned = [*given(FAKE, "--dropout", "0", "--norm", "off"), "--tune", "learning_rate=0.01,0.1"]
    for number in "12":
        assert ablate("run", *tuned, "--shard", f"{number}/2", "-o", f"r{number}")[0] == 0
    assert ablate("merge", "r1", "r2", "-o", "merged")[0] == 0
    out = ablate("plan", *tuned, "-o", "merged")[1]
    assert out.count("nothing to train") == 2
    ablate("run", *tuned, "-o", "whole")
    for folder in ("", "tuning"):
        pd.testing.assert_frame_equal(
            tables_of(f"merged/{folder}")["runs"], tables_of(f"whole/{folder}")["runs"]
        )
