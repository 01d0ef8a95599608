import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from ablate.bench import engine
from ablate.bench.engine import Engine, run_command
from ablate.errors import AblateError
from ablate.execution.executor import Died
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack
from ablate.experiment.spec import build
from ablate.experiment.toml import read_toml

EXPERIMENT = build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": 20, "epochs": 3})
STACKS = [Stack(expand(EXPERIMENT), 1)] * 3


class FakeExecutor:
    """Remembers what it trains and returns this outcome for every stack."""

    jobs = 2

    def __init__(self, outcome):
        self.outcome, self.trained = outcome, []

    def run(self, pending, on_run_steps):
        while stack := pending.take(0):
            self.trained.append(stack)
            yield stack, self.outcome


FINISHED = SimpleNamespace(divergences=(None, None))


def test_every_worker_warms_up_on_an_epoch_of_a_few_runs():
    executor = FakeExecutor(FINISHED)
    Engine(executor, STACKS).warm_up()
    assert [len(stack.runs) for stack in executor.trained] == [8, 8]
    assert {run.epochs for stack in executor.trained for run in stack.runs} == {1}


def test_the_engine_is_timed_over_all_its_stacks(monkeypatch):
    executor = FakeExecutor(FINISHED)
    clock = iter([100.0, 107.5])
    monkeypatch.setattr("ablate.bench.timing.time.perf_counter", lambda: next(clock))
    assert Engine(executor, STACKS)() == 7.5
    assert executor.trained == STACKS


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Died("a worker died", by_signal=False), "a worker died"),
        (SimpleNamespace(divergences=(None, object())), "--lr: runs of"),
    ],
)
def test_what_cannot_be_compared_is_an_error(outcome, says):
    with pytest.raises(AblateError, match=says):
        Engine(FakeExecutor(outcome), STACKS)()


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_command_runs_the_experiment_without_the_users_variables(monkeypatch, code):
    calls = []

    def run(command, env, **_):
        settings = read_toml(Path(command[4]))
        calls.append((command, env, build(settings)))
        return subprocess.CompletedProcess(command, code, "", "out of disk\n")

    monkeypatch.setenv("ABLATE_EPOCHS", "7")
    monkeypatch.setattr(engine.subprocess, "run", run)
    if code == 1:
        with pytest.raises(AblateError, match="ablate run ended with exit code 1: out of disk"):
            run_command(EXPERIMENT, 2, "cpu", Path("somewhere"))
    else:
        assert run_command(EXPERIMENT, 2, "cpu", Path("somewhere")) >= 0
    ((command, env, experiment),) = calls
    assert command[2:4] == ["ablate", "run"]
    assert command[7:] == ["--jobs", "2", "--device", "cpu", "--data-dir", "somewhere"]
    assert experiment == EXPERIMENT
    assert "ABLATE_EPOCHS" not in env
