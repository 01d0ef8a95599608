"""`ablate run`: trains what is missing of a grid and shows the tables."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from ablate.cli.shared.options import takes_experiment
from ablate.cli.shared.running import (
    RUNNING,
    DataDir,
    DeviceOption,
    ExecutorName,
    Force,
    Jobs,
    Output,
    folder_for,
    plan_for,
    runs_of,
    to_train,
)
from ablate.cli.shared.training import executor_for, train
from ablate.execution.devices import device_for
from ablate.experiment.grid import Run
from ablate.experiment.spec import Experiment
from ablate.report.numbers import counted
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import FINISHED

NOT_ALL_FINISHED = 3
FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast", "-x", help="stop at the first run that fails or diverges", rich_help_panel=RUNNING
    ),
]


@takes_experiment
def run(
    experiment: Experiment,
    output: Output = None,
    jobs: Jobs = "auto",
    data_dir: DataDir = None,
    device: DeviceOption = "auto",
    executor: ExecutorName = "local",
    force: Force = False,
    fail_fast: FailFast = False,
) -> None:
    """Train what is missing of a grid, store it, and show the tables."""
    trainer = device_for(device)
    runs = runs_of(experiment, executor)
    folder = ResultsFolder(folder_for(experiment, output))
    folder.ensure_same_data(runs[0].data)

    def train_missing(grid: Experiment, runs: Sequence[Run], where: ResultsFolder) -> None:
        plan, workers = plan_for(to_train(runs, where.statuses(), force), grid, jobs, trainer)
        if plan.stacks:
            with executor_for(executor, grid, data_dir, plan, workers, trainer, where) as ready:
                # The analysis, which the tables need: it loads while the workers load torch.
                import ablate.cli.report  # noqa: F401

                # A rate that diverges while rates are tried is an answer, no reason to stop.
                train(grid, plan, ready, where, fail_fast and grid is experiment)
        else:
            print(
                f"Nothing to train: {where.path} holds all of this grid, {counted(len(runs), 'run')}.",
                file=sys.stderr,
            )

    if experiment.tune:
        from ablate.cli.shared.tuning import tuned

        runs = tuned(experiment, folder, train_missing, partial(runs_of, executor=executor))
    train_missing(experiment, runs, folder)
    if experiment.diagnostics:
        _say_what_was_not_looked_into(runs, folder)
    from ablate.cli.report import show

    show(folder)
    statuses = folder.statuses()
    if any(statuses.get(each.run_id) != FINISHED for each in runs):
        raise typer.Exit(NOT_ALL_FINISHED)


def _say_what_was_not_looked_into(runs: Sequence[Run], folder: ResultsFolder) -> None:
    """Warns of runs that were stored without diagnostics, which are not worth training again unless asked for."""
    seen = set(folder.read("layers")["run_id"])
    statuses = folder.statuses()
    blind = [run for run in runs if statuses.get(run.run_id) == FINISHED and run.run_id not in seen]
    if blind:
        print(
            f"--diagnostics: {len(blind)} of these {len(runs)} runs were stored before without it and have no layers; "
            "with --force they are trained again, to the same results.",
            file=sys.stderr,
        )
