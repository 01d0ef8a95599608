"""Training from the command line: an executor trains the runs of a plan, and the results are stored in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

from ablate.cli.shared.grid import Grid
from ablate.cli.shared.running import Training
from ablate.cli.shared.stderr import say
from ablate.execution.scratch import sweep
from ablate.experiment.activations import is_users_own
from ablate.experiment.grid import varied
from ablate.experiment.plan import Plan, sizes_of
from ablate.experiment.toml import to_toml
from ablate.report.numbers import counted
from ablate.store.checkpoints import LIBRARY
from ablate.store.provenance import provenance
from ablate.store.schema import DATA, EXPERIMENT
from ablate.store.status import FAILED
from ablate.training.backend import PROCESS, set_environment
from ablate.training.result import MatmulLibrary

if TYPE_CHECKING:
    from ablate.execution.executor import Executor


def train(grid: Grid, plan: Plan, training: Training, failure_limit: int | None = None) -> None:
    """Trains the stacks of a plan (runs trained together) and stores their results.

    Stored results of the same runs are replaced. Training stops when `failure_limit` runs have failed or diverged.

    Raises:
        SpecError: An activation cannot be trained.
        DataError: The dataset cannot be read or does not fit the experiment.
        StoreError: The folder cannot be written.
    """
    sweep()
    if not plan.stacks:
        grid.folder.heal()
        count = list(grid.statuses.values()).count(FAILED)
        failed = f", {count} of them failed" if count else ""
        say(
            f"Nothing to train: {grid.path} holds all of {grid.name}, {counted(len(grid.runs), 'run')}{failed}."
        )
        return
    if plan.workers < training.workers:
        say(f"Memory is enough for {counted(plan.workers, 'worker')}, not for {training.workers} (--jobs).")
    with _executor(grid, plan, training) as executor:
        # The modules that store and show results load while the worker processes load torch.
        import ablate.cli.shared.summary  # noqa: F401
        from ablate.execution.rows import RowContext
        from ablate.execution.runner import train_all
        from ablate.report.progress import Progress

        experiment = grid.experiment
        dataset, train_samples = experiment.dataset, experiment.split_sizes[0]
        context = RowContext(dataset, experiment.model, varied(experiment), train_samples)
        metadata = provenance() | PROCESS | {EXPERIMENT: to_toml(experiment), DATA: grid.first.data}
        with grid.writing(), Progress.on_stderr() as progress:
            total = sum(len(stack.runs) for stack in plan.stacks)
            progress.start(total, plan.run_steps, simulated=grid.simulated)
            left = train_all(plan, executor, grid.folder, context, metadata, progress, failure_limit)
            grid.folder.compact()
    if left:
        say(
            f"Stopped, because {counted(failure_limit or 0, 'run')} failed or diverged (--max-failures); "
            f"{counted(left, 'run')} not trained. The same command goes on from there."
        )


@contextmanager
def _executor(grid: Grid, plan: Plan, training: Training) -> Iterator["Executor"]:
    """Yields the executor that the options choose, ready to train the plan."""
    if grid.simulated:
        # Executors are imported here because other commands do not need them.
        from ablate.execution.fake import FakeExecutor

        yield FakeExecutor(sizes_of(grid.experiment))
        return
    set_environment()
    from ablate.execution.local import LocalExecutor
    from ablate.execution.own_functions import check_own_functions

    workers, gpus = min(plan.workers, len(plan.stacks)), len(training.trainer.memory)
    # New results are computed with the same matrix-product library as stored results and checkpoints.
    stored = grid.folder.metadata().get("gemm") or next((facts.get(LIBRARY) for facts in grid.begun), None)
    library = next((gemm for gemm in get_args(MatmulLibrary) if gemm == stored), None)
    own = {run.activation for stack in plan.stacks for run in stack.runs if is_users_own(run.activation)}
    if training.executor == "ray":
        from ablate.execution.ray import RayExecutor

        executor: RayExecutor | LocalExecutor = RayExecutor(workers, gpus, library, training.ray_address, own)
    else:
        executor = LocalExecutor(workers, gpus, library, grid.path)
    with executor:
        from ablate.data.arrays import prepare

        check_own_functions(sorted(own))
        executor.use(prepare(grid.experiment, training.data_dir))
        yield executor
