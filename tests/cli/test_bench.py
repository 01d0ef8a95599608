"""`ablate bench` as users run it, on grids that take seconds; the times themselves are not tested here."""

import json
import sys
from dataclasses import replace

import pandas as pd
import pytest

from ablate.bench import measure
from ablate.bench.contest import Contest, Contestant
from ablate.bench.rivals import RIVALS
from ablate.experiment.datasets import DATASETS
from ablate.store.parquet import ResultsFolder
from tests.arguments import given

GRID = [
    "--activation",
    "relu,tanh",
    "--norm",
    "off",
    "--dropout",
    "0,0.5",
    "--seeds",
    "2",
    "--epochs",
    "1",
]
ON_CPU = [name for name, rival in RIVALS.items() if not rival.needs_cuda]


def test_all_contestants_are_timed_in_one_run(ablate, tmp_path):
    code, out, err = ablate("bench", *GRID, "--rounds", "1", "--jobs", "1", "--json")
    assert code == 0
    document = json.loads(out)
    assert "2 activation x 2 dropout x 2 seeds = 8 runs" in document["workload"]
    assert {"cpu", "cores", "torch", "jobs"} <= set(document["machine"])
    assert (document["rounds"], document["jobs"]) == (1, 1)
    contestants = {contestant["name"]: contestant for contestant in document["contestants"]}
    assert list(contestants) == ["command", "engine", *ON_CPU]
    assert {name: contestant["runs"] for name, contestant in contestants.items()} == {
        "command": 8,
        "engine": 8,
        "loop": 2,
        "stock": 2,
        "dataloader": 2,
        "vmap": 8,
    }
    for contestant in contestants.values():
        assert len(contestant["seconds"]) == 1
        assert contestant["seconds"][0] > 0
        assert contestant["run_steps"] == contestant["runs"] * 17
        assert contestant["gemm_share"]["median"] > 0
    if sys.platform == "linux":
        assert contestants["engine"]["peak_bytes"] > 1e7
    assert all(rate > 0 for rate in document["gemm"]["flops_per_second"])
    for name in ("command", "engine", *ON_CPU, "gemm"):
        assert f"round 1 of 1: {name}\n" in err
    assert list(tmp_path.iterdir()) == []


def test_the_table_has_one_row_per_contestant(ablate, monkeypatch):
    given = []

    def made_up(experiment, arrays, rivals, jobs, rounds, device, data_dir, on_lap):
        given.append((experiment.epochs, jobs, rounds, list(rivals)))
        on_lap(0, "loop")
        names = ("command", "engine", *rivals)
        contestants = tuple(Contestant(name, name, "", 4, 40, 400) for name in names)
        seconds = dict.fromkeys(names, (1.0, 2.0))
        return Contest(contestants, seconds, (1e3, 1e3), "default", dict.fromkeys(seconds))

    monkeypatch.setattr(measure, "hold_contest", made_up)
    code, out, err = ablate("bench", *GRID[:-2], "--rounds", "2", "--jobs", "2", "--rivals", "loop")
    assert code == 0
    # Its grid is short unless told otherwise.
    assert given == [((10,), 2, 2, ["loop"])]
    rows = [line.split()[0] for line in out.splitlines() if line.startswith(("command ", "engine ", "loop "))]
    assert rows == ["command", "engine", "loop"]
    assert "2 rounds, everything once per round in turn" in out
    assert "Excluded: reading the data" in out
    assert "round 1 of 2: loop\n" in err


def test_random_data_replace_a_dataset_that_is_not_on_disk_and_the_output_says_so(
    ablate, tmp_path, monkeypatch
):
    (tmp_path / "data").mkdir()
    small = replace(DATASETS["cifar10"], shape=(3, 4, 4), samples=200, test_samples=50)
    monkeypatch.setitem(DATASETS, "cifar10", small)

    def made_up(experiment, runs, arrays, rounds, device, on_lap):
        assert (device.kind, arrays.x_train.shape) == ("cpu", (160, 3, 4, 4))
        costs = {"runs": 1, "step_seconds": 1.0, "step_seconds_low": 0.5, "step_seconds_high": 2.0}
        return pd.DataFrame([{"variant": "relu norm=off", "activation": "relu"} | costs])

    monkeypatch.setattr(measure, "measure_step_costs", made_up)
    arguments = ["bench", *GRID, "--dataset", "cifar10", "--batch-size", "16", "--per-variant"]
    code, out, err = ablate(*arguments)
    assert code == 0
    said = "cifar10 is not on disk: random data of its shape and size instead\n"
    assert said in out
    assert said in err
    assert json.loads(ablate(*arguments, "--json")[1])["note"] == said.strip()


def test_costs_of_steps_are_stored_and_give_seconds_to_target(ablate, tmp_path):
    ablate("run", *GRID, "--executor", "fake", "-o", "fake")
    refused = ablate("bench", *GRID, "--per-variant", "-o", "fake")
    assert refused[0] == 2
    assert "holds simulated results, which cannot be mixed with real ones" in refused[2]
    ablate("run", *GRID, "--jobs", "1", "-o", "x")
    report = ablate("report", "x", "--target", "0.05")[1]
    assert "seconds to" not in report
    assert "seconds_to_target" not in ablate("report", "x", "--json")[1]
    code, out, _ = ablate("bench", "x/experiment.toml", "--per-variant", "--rounds", "2", "-o", "x")
    assert code == 0
    rows = [line for line in out.splitlines() if " dropout=" in line and "[" in line]
    assert len(rows) == 4
    assert "Reference: relu norm=off dropout=0." in out
    stored = pd.read_parquet(tmp_path / "x" / "step_costs.parquet")
    assert set(zip(stored["activation"], stored["dropout"], strict=True)) == {
        (activation, dropout) for activation in ("relu", "tanh") for dropout in ("0", "0.5")
    }
    assert (stored["step_seconds"] > 0).all()
    assert set(stored["runs"]) == {2}

    report = ablate("report", "x", "--target", "0.05")[1]
    assert "seconds to" in report
    assert "Seconds to target: the steps times what a step of that variant costs alone" in report
    variants = json.loads(ablate("report", "x", "--json", "--target", "0.05")[1])["variants"]
    for variant in variants:
        seconds, steps = variant["seconds_to_target"], variant["steps_to_target"]
        assert seconds["restricted_mean"] == pytest.approx(steps["restricted_mean"] * seconds["step_seconds"])
        assert (seconds["reached"], seconds["n"]) == (steps["reached"], 2)
    assert "seconds_to_target_restricted_mean" in ablate("report", "x", "--csv")[1].splitlines()[0]
    assert "seconds to target" in ablate("report", "x", "--markdown")[1]
    # What no run has reached by its last step is a lower bound, of seconds as of steps.
    bound = [
        line for line in ablate("report", "x", "--target", "1")[1].splitlines() if line.startswith("relu")
    ][-1]
    assert bound.count(">") == 2
    # Runs, curves and layers are as they were.
    assert len(ResultsFolder(tmp_path / "x").statuses()) == 8


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--rounds", "0"], 2, "--rounds: 0 is not a whole number of at least 1"),
        (["--rounds", "many"], 2, "--rounds: 'many' is not a whole number"),
        (
            ["--rivals", "lop"],
            2,
            "'lop' is not one of loop, stock, dataloader, vmap, graph; did you mean 'loop'",
        ),
        (["--rivals", "graph"], 2, "--rivals: 'graph' needs a CUDA device"),
        (["--rivals", "loop", "--per-variant"], 2, "--rivals: there are none with --per-variant"),
        (["-o", "results/x"], 2, "-o/--output: only what --per-variant measures is stored"),
        (["-o", "results/x", "--per-variant"], 5, "'results/x' holds no runs; train some with `ablate run"),
        (["--jobs", "none"], 2, "--jobs: 'none' is not"),
        (["--activation", "json:loads"], 2, "--activation: rivals know only torch's own functions"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], 2, "--data-dir: 'nowhere' is not a folder"),
    ],
)
def test_a_mistake_is_one_sentence(ablate, tmp_path, arguments, code, says):
    grid = given(GRID, *arguments[:2]) if arguments[0] == "--activation" else [*GRID, *arguments]
    assert ablate("bench", *grid)[:2] == (code, "")
    err = ablate("bench", *grid)[2].splitlines()[-1]
    assert err.startswith("ablate: ")
    assert says in err
    assert list(tmp_path.iterdir()) == []
