"""`ablate run` as a user meets it; training is made up except in one test."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ablate.execution.executor import Died
from ablate.execution.fake import FakeExecutor
from ablate.store.parquet import ResultsFolder
from ablate.training.result import Divergence
from tests.arguments import given
from tests.campaigns.pairs import pairs
from tests.cli.grids import FAKE, start_run


def test_a_grid_is_trained_stored_and_shown(ablate, tmp_path):
    code, out, err = ablate("run", *FAKE, "-o", "results/x")
    assert code == 0
    assert "16 runs" in out
    assert "[16/16]" in err
    runs = pd.read_parquet(tmp_path / "results/x/runs")
    assert len(runs) == 16
    assert set(runs["status"]) == {"finished"}
    assert len(pd.read_parquet(tmp_path / "results/x/curves")) == 16 * 3
    assert ablate("report", "results/x") == (0, out, "")


def test_a_second_call_trains_nothing_and_says_so(ablate):
    first = ablate("run", *FAKE)
    code, out, err = ablate("run", *FAKE)
    assert (code, out) == first[:2]
    assert err.splitlines() == [
        "SIMULATED: --executor fake makes up all results, nothing is trained",
        "Nothing to train: results/digits holds all of this grid, 16 runs.",
    ]


def test_one_more_activation_trains_only_that(ablate):
    ablate("run", *FAKE)
    _, _, err = ablate("run", *given(FAKE, "--activation", "relu,tanh,gelu"))
    assert "8 runs in" in err
    assert len(ResultsFolder(Path("results/digits")).statuses()) == 24


def test_force_trains_everything_again(ablate):
    ablate("run", *FAKE)
    _, _, err = ablate("run", *FAKE, "--force")
    assert "16 runs in" in err


def test_experiment_toml_repeats_the_experiment(ablate):
    ablate("run", *FAKE)
    code, _, err = ablate("run", "results/digits/experiment.toml", "--executor", "fake")
    assert code == 0
    assert "Nothing to train" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--activation", "rleu"], "--activation: 'rleu' is not one of"),
        (["--dataset", "mnits"], "did you mean 'mnist'"),
        (["--dropout", "1"], "--dropout: '1' is not"),
        (["--epochs", "0"], "--epochs: '0' is not|--epochs: 0 is not"),
        (["--batch-size", "100000"], "more than the 1150 training samples"),
        (["--activation", ""], "an empty level"),
        (["--activation", "relu,relu"], "stands there twice"),
        (["--jobs", "none"], "--jobs: 'none' is not"),
        (["--device", "tpu"], "--device: 'tpu' is not one of auto, cpu"),
        (["--executor", "slurm"], "--executor: 'slurm' is not one of"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "--data-dir"),
        (["--dataset", "npz:nowhere.npz"], "--dataset: there is no file 'nowhere.npz'"),
        (
            ["--activation", "relu", "--activation", "elu"],
            "--activation: given 2 times.* as --activation A,B",
        ),
        (["-o", "a", "--output", "b"], "--output: given 2 times, .* give it once"),
        (["nowhere.toml"], "EXPERIMENT: 'nowhere.toml' cannot be read"),
        (["--activation", "no.such:thing"], "--activation: 'no.such:thing' cannot be imported"),
    ],
)
def test_a_mistake_is_one_sentence_exits_2_and_writes_nothing(ablate, tmp_path, arguments, says):
    code, out, err = ablate("run", *arguments)
    assert (code, out) == (2, "")
    assert re.search(says, err), err
    assert err.startswith("ablate: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_forced_runs_stay_stored_until_their_successors_are_there(ablate, tmp_path, monkeypatch):
    ablate("run", *FAKE, "-o", "results/x")
    folder = ResultsFolder(tmp_path / "results/x")
    stored = []
    original = ResultsFolder.write_part

    def counting(self, tables, metadata):
        stored.append(len(folder.statuses()))
        original(self, tables, metadata)

    monkeypatch.setattr(ResultsFolder, "write_part", counting)
    ablate("run", *FAKE, "--force", "-o", "results/x")
    assert len(folder.statuses()) == 16
    assert stored == [16, 16]


def test_of_two_commands_started_together_on_one_folder_one_wins_and_the_other_says_so():
    assert sum(pairs(2).values()) == 2


def test_two_processes_write_identical_files_and_a_diverged_run_exits_3(tmp_path):
    """Real training, in two processes with other numbers of workers; the learning rate makes some runs diverge."""
    grid = [
        "--activation",
        "relu,softplus",
        "--dropout",
        "0,0.2",
        "--seeds",
        "2",
        "--epochs",
        "2",
        "--lr",
        "0.1,1e8",
    ]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, jobs in zip(folders, ("1", "2"), strict=True):
        process = start_run(folder, *grid, "--jobs", jobs)
        out, err = process.communicate()
        assert process.returncode == 3, err
        assert "diverged" in out
    first, second = (ResultsFolder(folder) for folder in folders)
    assert set(first.statuses().values()) == {"finished", "diverged"}
    for table in ("runs", "curves"):
        frames = [folder.read(table).drop(columns="seconds", errors="ignore") for folder in (first, second)]
        pd.testing.assert_frame_equal(*frames)


def test_layers_are_stored_if_asked_for_and_runs_without_them_are_named(ablate, tmp_path):
    ablate("run", *FAKE)
    assert pd.read_parquet(tmp_path / "results/digits/layers").empty
    code, _, err = ablate("run", *given(FAKE, "--seeds", "3"), "--diagnostics")
    assert code == 0
    assert (
        "--diagnostics: 16 of these 24 runs were stored before without it and have no layers; with --force"
        in err
    )
    layers = pd.read_parquet(tmp_path / "results/digits/layers")
    assert layers["run_id"].nunique() == 8
    assert "--diagnostics:" not in ablate("run", *given(FAKE, "--seeds", "3"), "--diagnostics", "--force")[2]
    assert pd.read_parquet(tmp_path / "results/digits/layers")["run_id"].nunique() == 24


@pytest.fixture
def odd_seed_0(monkeypatch):
    """Makes the runs of seed 0 fail or diverge, as the returned list says."""
    status, curves = ["failed"], FakeExecutor._curves

    def run(self, pending, on_run_steps):
        while stack := pending.take(0):
            is_odd = any(run.seed == 0 for run in stack.runs)
            result = curves(self, stack)
            if is_odd and status[0] == "diverged":
                odd = (Divergence(1, "no loss") if run.seed == 0 else None for run in stack.runs)
                result = replace(result, divergences=tuple(odd))
            yield stack, Died("killed", by_signal=False) if is_odd and status[0] == "failed" else result

    monkeypatch.setattr(FakeExecutor, "run", run)
    return status


def test_failed_runs_are_trained_again_unless_told_otherwise(ablate, odd_seed_0):
    assert ablate("run", *FAKE)[0] == 3
    plan = ablate("plan", *FAKE)[1]
    assert "8 done, 0 diverged, 8 failed, 0 missing\nto train: 8 runs (8 of them again)" in plan
    assert "nothing to train" in ablate("plan", *FAKE, "--no-retry-failed")[1]
    code, _, err = ablate("run", *FAKE, "--no-retry-failed")
    assert (code, "holds all of this grid, 16 runs, 8 of them failed" in err) == (3, True)
    odd_seed_0[0] = "finished"
    assert ablate("run", *FAKE)[0] == 0


def test_diverged_runs_are_trained_again_only_if_asked(ablate, odd_seed_0):
    odd_seed_0[0] = "diverged"
    assert ablate("run", *FAKE)[0] == 3
    assert "0 failed, 0 missing\nnothing to train" in ablate("plan", *FAKE)[1]
    assert "to train: 8 runs (8 of them again)" in ablate("plan", *FAKE, "--retry-diverged")[1]


@pytest.mark.parametrize(
    ("option", "failures"), [(["-x"], 1), (["--fail-fast"], 1), (["--max-failures", "3"], 3)]
)
def test_training_stops_when_as_many_runs_have_failed_as_given(ablate, odd_seed_0, option, failures):
    code, _, err = ablate("run", *FAKE, *option)
    assert code == 3
    statuses = list(ResultsFolder(Path("results/digits")).statuses().values())
    assert statuses.count("failed") == failures
    assert f"Stopped, because {failures} run" in err
    assert f"{16 - len(statuses)} runs not trained" in err


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_a_number_of_failures_is_a_whole_number_of_at_least_1(ablate, tmp_path, number):
    code, _, err = ablate("run", *FAKE, f"--max-failures={number}")
    assert code == 2
    assert re.search(rf"--max-failures: '?{number}'? is not a whole number of at least 1", err)
    assert list(tmp_path.iterdir()) == []


def test_a_shard_says_that_it_is_one_and_all_shards_together_do_not(ablate, tmp_path):
    code, out, _ = ablate("run", *FAKE, "--shard", "1/2", "-o", "half")
    assert code == 0
    missing = re.search(
        r"! shard 1 of 2: incomplete, (\d+) of the 16 runs of the experiment are missing", out
    )
    assert 0 < int(missing[1]) < 16
    assert 'shard = "1/2"' in (tmp_path / "half/experiment.toml").read_text()
    for arguments in (["report", "half", "--csv"], ["baseline", "half", "-o", "base.parquet"]):
        assert "shard 1 of 2: incomplete" in ablate(*arguments)[2]
    for arguments in (
        ["report", "half", "--json"],
        ["report", "half", "--markdown"],
        ["gate", "base.parquet", "half"],
    ):
        assert "shard 1 of 2: incomplete" in ablate(*arguments)[1]
    assert "incomplete" not in ablate("run", *FAKE, "--shard", "2/2", "-o", "half")[1]
    assert "16 done" in ablate("plan", *FAKE, "-o", "half")[1]


def test_an_empty_shard_is_no_error(ablate, tmp_path):
    one = given(FAKE, "--activation", "relu", "--dropout", "0", "--seeds", "1")
    empty = [*one, "--norm", "off", "--shard", "3/5", "-o", "none"]
    if "is empty" not in ablate("plan", *empty)[1]:
        empty[-3] = "2/5"
    assert ablate("plan", *empty)[:2] == (
        0,
        f"shard {empty[-3]} of this grid is empty, as the grid has only 1 run: nothing to train\n",
    )
    code, out, err = ablate("run", *empty)
    assert (code, out) == (0, "")
    assert "is empty, as the grid has only 1 run." in err
    assert f'shard = "{empty[-3]}"' in (tmp_path / "none/experiment.toml").read_text()


def test_a_damaged_checkpoint_is_named_and_not_used(ablate, tmp_path):
    folder = tmp_path / "results" / "x" / ".checkpoints"
    folder.mkdir(parents=True)
    (folder / "some.safetensors").write_bytes(b"no checkpoint")
    code, _, err = ablate("run", *FAKE, "-o", "results/x")
    assert code == 0
    assert err.count("some.safetensors' is damaged and not used: its runs are trained from their start") == 1
    assert not folder.exists()
