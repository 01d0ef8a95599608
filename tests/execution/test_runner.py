"""The runner: what it stores, what it reports, when it stops."""

import pytest

from ablate.execution.executor import Died
from ablate.execution.fake import FakeExecutor
from ablate.execution.pending import Pending
from ablate.execution.rows import RowContext
from ablate.execution.runner import train_all
from ablate.experiment.grid import expand, varied
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.experiment.toml import to_toml
from ablate.store.checkpoints import RUNS, Checkpoint, checkpoints_in
from ablate.store.parquet import ResultsFolder

EXPERIMENT = build({"activation": "relu,tanh", "dropout": "0", "seeds": 3, "epochs": 2})
SIZES = sizes_of(EXPERIMENT)
CONTEXT = RowContext(EXPERIMENT.dataset, EXPERIMENT.model, varied(EXPERIMENT), SIZES.train)


class Mortal(FakeExecutor):
    """Loses its worker in every stack with a run of seed 0."""

    def run(self, pending, on_run_steps):
        while stack := pending.take(0):
            if any(run.seed == 0 for run in stack.runs):
                yield stack, Died("killed", by_signal=False)
            else:
                yield from super().run(Pending([stack]), on_run_steps)


class Recorder:
    """Remembers what it is told."""

    def __init__(self):
        self.steps, self.statuses = 0, []

    def advance(self, run_steps):
        self.steps += run_steps

    def stack_finished(self, label, statuses, seconds):
        self.statuses.append(statuses)


@pytest.fixture
def train(tmp_path):
    """Trains the grid with an executor and returns the folder, what was reported, and the plan."""

    def run(executor, simulated=True, **options):
        plan = make_plan(expand(EXPERIMENT, simulated=simulated), SIZES, 2)
        folder, recorder = ResultsFolder(tmp_path / "x"), Recorder()
        with folder.writing(to_toml(EXPERIMENT)):
            train_all(
                plan, executor, folder, CONTEXT, {"data": plan.stacks[0].runs[0].data}, recorder, **options
            )
        return folder, recorder, plan

    return run


def test_every_stack_is_stored_and_reported(train):
    folder, recorder, plan = train(FakeExecutor(SIZES))
    assert set(folder.statuses().values()) == {"finished"}
    assert len(folder.statuses()) == 12
    assert recorder.steps == plan.run_steps
    assert recorder.statuses == [{"finished": len(stack.runs)} for stack in plan.stacks]
    assert folder.metadata()["simulated"] == "true"


def test_only_the_runs_that_cannot_be_trained_are_stored_as_failed(train):
    folder, recorder, plan = train(Mortal(SIZES))
    statuses = folder.read("runs").set_index("seed")[["status", "message"]]
    assert set(statuses.loc[0, "status"]) == {"failed"}
    assert set(statuses.loc[0, "message"]) == {"killed"}
    assert set(statuses.loc[[1, 2], "status"]) == {"finished"}
    assert sum(statuses.get("failed", 0) for statuses in recorder.statuses) == 4
    assert recorder.steps == plan.run_steps * 2 // 3


def test_training_stops_at_the_first_failure_if_asked(train):
    folder, recorder, _ = train(Mortal(SIZES), failure_limit=1)
    assert [statuses for statuses in recorder.statuses if "failed" in statuses] == recorder.statuses[-1:]
    assert len(folder.statuses()) < len(expand(EXPERIMENT))


def test_made_up_results_are_never_stored_as_those_of_trained_runs(train):
    with pytest.raises(ValueError, match="simulated=True"):
        train(FakeExecutor(SIZES), simulated=False)


def test_a_checkpoint_is_deleted_when_its_stack_is_stored(train, tmp_path):
    runs = expand(EXPERIMENT, simulated=True)
    stacks = make_plan(runs, SIZES, 2).stacks
    for run_ids in ([run.run_id for run in stacks[0].runs], [runs[0].run_id], ["of another grid"]):
        Checkpoint.of(tmp_path / "x", run_ids).path.parent.mkdir(parents=True, exist_ok=True)
        Checkpoint.of(tmp_path / "x", run_ids).write({}, {RUNS: run_ids})
    train(FakeExecutor(SIZES))
    assert list(checkpoints_in(tmp_path / "x")) == [Checkpoint.of(tmp_path / "x", ["of another grid"])]
