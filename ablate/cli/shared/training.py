"""Training from the command line: a plan trained into a results folder by the executor that the options name."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

from ablate.cli.shared.grid import Grid
from ablate.cli.shared.running import Training
from ablate.experiment.grid import Run, varied
from ablate.experiment.plan import Plan, sizes_of
from ablate.experiment.toml import to_toml
from ablate.report.numbers import counted
from ablate.store.parquet import ResultsFolder
from ablate.store.provenance import provenance
from ablate.store.schema import DATA, EXPERIMENT
from ablate.training.backend import PROCESS, set_environment
from ablate.training.result import MatmulLibrary

if TYPE_CHECKING:
    from ablate.execution.executor import Executor


def train(grid: Grid, plan: Plan, training: Training, fail_fast: bool = False) -> None:
    """Trains the stacks of a plan and stores them, in place of what the grid's folder held of the same runs.

    Args:
        grid: What the plan was made of.
        plan: Stacks to train; without any, that is said and nothing else done.
        training: What trains them.
        fail_fast: Whether to stop after the first stack with a run that fails or diverges.

    Raises:
        SpecError: An activation cannot be trained.
        DataError: The dataset cannot be read or does not fit.
        StoreError: The folder cannot be written.
    """
    if not plan.stacks:
        print(
            f"Nothing to train: {grid.path} holds all of this grid, {counted(len(grid.runs), 'run')}.",
            file=sys.stderr,
        )
        return
    with _executor(grid, plan, training) as executor:
        load_analysis()
        from ablate.execution.rows import RowContext
        from ablate.execution.runner import train_all
        from ablate.report.progress import Progress

        experiment = grid.experiment
        context = RowContext(
            experiment.dataset, experiment.model, varied(experiment), experiment.split_sizes[0]
        )
        metadata = provenance() | PROCESS | {EXPERIMENT: to_toml(experiment), DATA: grid.runs[0].data}
        with grid.folder.writing(to_toml(experiment)), Progress.on_stderr() as progress:
            total = sum(len(stack.runs) for stack in plan.stacks)
            progress.start(total, plan.run_steps, simulated=grid.runs[0].simulated)
            train_all(plan, executor, grid.folder, context, metadata, progress, fail_fast)


def load_analysis() -> None:
    """Imports pandas and the analysis, which storing and showing results need, while worker processes load torch."""
    import ablate.cli.shared.summary  # noqa: F401  # imported now, used once training is over


@contextmanager
def _executor(grid: Grid, plan: Plan, training: Training) -> Iterator["Executor"]:
    """Gives the executor that the options name, ready to train the plan."""
    if grid.simulated:
        # Imported here, as below, because other commands need not load what trains.
        from ablate.execution.fake import FakeExecutor

        yield FakeExecutor(sizes_of(grid.experiment))
        return
    set_environment()
    from ablate.execution.local import LocalExecutor

    workers = min(training.workers, len(plan.stacks))
    with LocalExecutor(workers, len(training.trainer.memory), _library_of(grid.folder)) as local:
        from ablate.data.arrays import prepare

        _check_activations(run for stack in plan.stacks for run in stack.runs)
        local.use(prepare(grid.experiment, training.data_dir))
        yield local


def _library_of(folder: ResultsFolder) -> MatmulLibrary | None:
    """Returns the GEMM library that computed the stored results, so that new ones are computed alike; None if none."""
    stored = folder.metadata().get("gemm")
    return next((gemm for gemm in get_args(MatmulLibrary) if gemm == stored), None)


def _check_activations(runs: Iterable[Run]) -> None:
    """Refuses functions of the user that cannot be trained; our own need no torch to be checked."""
    foreign = dict.fromkeys(run.activation for run in runs if ":" in run.activation)
    if foreign:
        from ablate.nn.activations import resolve

        for name in foreign:
            resolve(name)
