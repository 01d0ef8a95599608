"""The command line of `run`, `plan` and `list`, as a user meets it; training is made up except in one test."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from ablate.cli.shared.grid import runs_of
from ablate.experiment import grid
from ablate.experiment.grid import NUMERICS_VERSION, _code
from ablate.experiment.spec import build
from ablate.store.parquet import ResultsFolder
from tests.arguments import given

GRID = ["--activation", "relu,tanh", "--dropout", "0,0.5", "--seeds", "2", "--epochs", "2"]
FAKE = [*GRID, "--executor", "fake"]


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


def test_the_command_line_beats_the_environment_beats_the_file(ablate, tmp_path, monkeypatch):
    (tmp_path / "grid.toml").write_text('activation = ["relu"]\nepochs = 3\nseeds = 2\ndropout = 0\n')
    assert "3 activation" not in ablate("plan", "grid.toml")[1]
    assert "epochs=3" in ablate("plan", "grid.toml")[1]
    monkeypatch.setenv("ABLATE_EPOCHS", "4")
    assert "epochs=4" in ablate("plan", "grid.toml")[1]
    assert "epochs=5" in ablate("plan", "grid.toml", "--epochs", "5")[1]
    monkeypatch.setenv("ABLATE_EPOCH", "4")
    code, out, err = ablate("plan", "grid.toml")
    assert (code, out) == (2, "")
    assert "ABLATE_EPOCH; did you mean 'ABLATE_EPOCHS'" in err


def test_a_value_from_the_environment_is_refused_by_the_name_of_its_variable(ablate, monkeypatch):
    monkeypatch.setenv("ABLATE_EPOCHS", "many")
    assert ablate("plan")[2].startswith("ablate: ABLATE_EPOCHS (--epochs): 'many'")
    assert ablate("plan", "--epochs", "more")[2].startswith("ablate: --epochs: 'more'")


def test_a_plan_names_what_all_runs_share_where_it_is_not_the_default(ablate):
    single = given(GRID, "--activation", "relu", "--dropout", "0", "--norm", "off", "--seeds", "1")
    out = ablate("plan", *single, "--init", "kaiming", "--evals-per-epoch", "2", "--jobs", "1")[1]
    assert "1 seed = 1 run (" in out
    assert "schedule=constant, init=kaiming, evals_per_epoch=2)" in out
    assert "to train: 1 run in 1 stack of 1 run, 1 worker, 34 run-steps" in out


def test_a_plan_with_rates_to_tune_shows_the_runs_that_choose_them(ablate):
    arguments = [*FAKE, "--tune", "learning_rate=0.01,0.1", "-o", "results/x"]
    first, then = ablate("plan", *arguments)[1].split("Then, with the best for each, at most")
    assert "2 learning_rate x 3 seeds = 48 runs" in first
    assert "results/x/tuning: 0 done, 0 diverged, 0 failed, 48 missing" in first
    assert "results/x: 0 done, 0 diverged, 0 failed, 16 missing" in then
    assert "learning_rate" not in then
    ablate("run", *arguments)
    first, then = ablate("plan", *arguments)[1].split("Then, with the best for each:\n")
    assert "48 done, 0 diverged, 0 failed, 0 missing\nnothing to train" in first
    assert "Learning rates, chosen on seeds 1000000-1000002" in then
    assert "16 done, 0 diverged, 0 failed, 0 missing\nnothing to train" in then
    assert (
        "16 done, 0 diverged, 0 failed, 0 missing\nto train: 16 runs"
        in ablate("plan", *arguments, "--force")[1]
    )


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


def test_plan_shows_the_product_and_what_is_done_and_writes_nothing(ablate, tmp_path):
    code, out, _ = ablate("plan", *GRID)
    assert code == 0
    assert "2 activation x 2 norm x 2 dropout x 2 seeds = 16 runs" in out
    assert "0 done, 0 diverged, 0 failed, 16 missing" in out
    assert list(tmp_path.iterdir()) == []
    ablate("run", *FAKE)
    assert "16 done, 0 diverged, 0 failed, 0 missing\nnothing to train" in ablate("plan", *FAKE)[1]


def test_another_dataset_in_the_same_folder_is_refused(ablate):
    ablate("run", *FAKE, "-o", "results/x")
    code, _, err = ablate("plan", "--dataset", "mnist", "-o", "results/x")
    assert code == 2
    assert "-o/--output" in err


def test_made_up_runs_are_never_taken_for_trained_ones(ablate):
    ablate("run", *FAKE, "-o", "results/x")
    for command in ("plan", "run"):
        code, out, err = ablate(command, *GRID, "-o", "results/x")
        assert (code, out) == (2, "")
        assert "holds simulated results, which cannot be mixed with real ones" in err


def test_results_of_an_engine_with_other_arithmetic_are_not_added_to(ablate, monkeypatch):
    ablate("run", *FAKE, "-o", "results/x")
    monkeypatch.setattr(grid, "NUMERICS_VERSION", 99)
    code, out, err = ablate("run", *FAKE, "-o", "results/x")
    assert (code, out) == (2, "")
    assert (
        f"holds runs of numerics_version {NUMERICS_VERSION} and not 99 (it is of another version of ablate"
        in err
    )


def test_other_initial_weights_in_the_same_folder_are_refused(ablate):
    ablate("run", *FAKE, "-o", "results/x")
    code, _, err = ablate("run", *FAKE, "--init", "kaiming", "-o", "results/x")
    assert code == 2
    assert "init torch and not kaiming" in err


def test_a_function_of_the_user_with_another_source_is_another_run(ablate, tmp_path):
    grid = ["--activation", "my_functions:f", *GRID[2:]]
    (tmp_path / "my_functions.py").write_text("import torch\n\n\ndef f(z):\n    return torch.sin(z)\n")
    first = {run.run_id for run in runs_of(build({"activation": "my_functions:f"}))}
    (tmp_path / "my_functions.py").write_text("import torch\n\n\ndef f(z):\n    return torch.cos(z)\n")
    _code.cache_clear()
    assert not first & {run.run_id for run in runs_of(build({"activation": "my_functions:f"}))}
    code, _, err = ablate("plan", *given(grid, "--activation", "no_such_module:f"))
    assert code == 2
    assert "there is no module 'no_such_module'" in err


def test_forced_runs_stay_stored_until_their_successors_are_there(ablate, tmp_path):
    ablate("run", *FAKE, "-o", "results/x")
    folder = ResultsFolder(tmp_path / "results/x")
    seen = []
    original = ResultsFolder.write_part

    def looking(self, tables, metadata):
        seen.append(len(folder.statuses()))
        original(self, tables, metadata)

    ResultsFolder.write_part = looking
    try:
        ablate("run", *FAKE, "--force", "-o", "results/x")
    finally:
        ResultsFolder.write_part = original
    assert len(folder.statuses()) == 16
    assert seen
    assert seen[0] == 16 - 8  # of two stacks the first alone has made room


def test_report_of_nothing_exits_5(ablate):
    code, _, err = ablate("report", "results/none")
    assert code == 5
    assert "ablate run" in err


@pytest.mark.parametrize("kind", ["activations", "datasets", "models", "optimizers"])
def test_list_shows_the_legal_words(ablate, kind):
    code, out, _ = ablate("list", kind)
    assert code == 0
    assert {"activations": "leaky_relu", "datasets": "cifar100", "models": "mlp", "optimizers": "adamw"}[
        kind
    ] in out


def test_list_of_something_else_is_refused(ablate):
    code, _, err = ablate("list", "activation")
    assert code == 2
    assert "did you mean 'activations'" in err


def _start(folder, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "ablate", "run", *arguments, "-o", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


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
        process = _start(folder, *grid, "--jobs", jobs)
        out, err = process.communicate()
        assert process.returncode == 3, err
        assert "diverged" in out
    first, second = (ResultsFolder(folder) for folder in folders)
    assert set(first.statuses().values()) == {"finished", "diverged"}
    for table in ("runs", "curves"):
        frames = [folder.read(table).drop(columns="seconds", errors="ignore") for folder in (first, second)]
        pd.testing.assert_frame_equal(*frames)


def test_a_reader_that_has_seen_enough_is_no_error(ablate, tmp_path):
    ablate("run", *FAKE, "-o", "results/x")
    report = f"{sys.executable} -m ablate report {tmp_path}/results/x --json"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {report} | head -c 1"], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "{", "")


def test_an_interrupted_grid_keeps_its_finished_stacks_and_goes_on_later(tmp_path):
    grid = ["--activation", "relu", "--dropout", "0", "--norm", "off", "--seeds", "70", "--jobs", "1"]
    process = _start(tmp_path / "x", *grid, "--epochs", "150", start_new_session=True)
    runs = tmp_path / "x" / "runs"
    deadline = time.monotonic() + 120
    while not (runs.is_dir() and list(runs.glob("*.parquet"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "the same command goes on from there" in err
    stored = ResultsFolder(tmp_path / "x").statuses()
    assert 0 < len(stored) < 70
    del out


def test_a_preset_is_beaten_by_a_file_which_the_environment_and_options_beat(ablate, tmp_path, monkeypatch):
    assert "epochs=2" in ablate("plan", "--preset", "smoke")[1]
    (tmp_path / "grid.toml").write_text("epochs = 3\n")
    code, out, _ = ablate("plan", "grid.toml", "--preset", "smoke")
    assert code == 0
    assert "2 activation x 2 norm x 2 dropout x 2 seeds = 16 runs" in out
    assert "epochs=3" in out
    monkeypatch.setenv("ABLATE_EPOCHS", "4")
    assert "epochs=4" in ablate("plan", "grid.toml", "--preset", "smoke")[1]
    assert "epochs=5" in ablate("plan", "grid.toml", "--preset", "smoke", "--epochs", "5")[1]


def test_the_lectures_activations_on_its_own_dataset_are_a_legal_plan(ablate):
    code, out, _ = ablate("plan", "--preset", "activations", "--dataset", "cifar100")
    assert code == 0
    assert "cifar100, mlp: 40000 training" in out
    assert "45 missing" in out


def test_an_unknown_preset_is_refused(ablate):
    code, out, err = ablate("plan", "--preset", "dropuot")
    assert (code, out) == (2, "")
    assert "did you mean 'dropout'" in err


def test_rates_are_tuned_apart_shown_and_used(ablate, tmp_path):
    arguments = [*FAKE, "--tune", "learning_rate=0.01,0.1", "-o", "results/x"]
    code, out, _ = ablate("run", *arguments)
    assert code == 0
    assert "Learning rates, chosen on seeds 1000000-1000002" in out
    tuning = pd.read_parquet(tmp_path / "results/x/tuning/runs")
    assert len(tuning) == 8 * 2 * 3
    runs = pd.read_parquet(tmp_path / "results/x/runs")
    assert len(runs) == 16
    assert set(runs["seed"]) == {0, 1}
    factors = ["activation", "norm", "dropout"]
    means = tuning.groupby([*factors, "learning_rate"])["val_accuracy"].mean().unstack()
    expected = means.idxmax(axis=1)
    for key, rate in runs.groupby(factors)["learning_rate"].unique().items():
        assert rate.tolist() == [expected[key]]
    assert len(set(expected)) == 2
    assert ablate("run", *arguments)[2].count("Nothing to train") == 2
    assert (
        "Nothing to train"
        in ablate("run", "results/x/experiment.toml", "--executor", "fake", "-o", "results/x")[2]
    )


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


def test_initial_weights_are_part_of_the_run(ablate):
    ablate("run", *FAKE)
    code, out, err = ablate("plan", *FAKE, "--init", "auto-gain")
    assert (code, out) == (2, "")
    assert "holds runs of init torch and not auto-gain" in err
    assert "16 missing" in ablate("plan", *FAKE, "--init", "auto-gain", "-o", "results/fair")[1]
    code, _, err = ablate("plan", *GRID, "--init", "kaimign")
    assert code == 2
    assert "--init: 'kaimign' is not one of torch, kaiming, auto-gain; did you mean 'kaiming'" in err
