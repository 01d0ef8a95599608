"""`ablate run`: trains what is missing of a grid and shows the tables."""

import sys
from typing import Annotated

import typer

from ablate.cli.report import show
from ablate.cli.running import RUNNING, Force, Jobs, Output, folder_for, jobs_for, to_train
from ablate.cli.training import DataDir, ExecutorName, executor_for, train
from ablate.experiment.grid import expand
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import Experiment
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import FINISHED

NOT_ALL_FINISHED = 3
FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast", "-x", help="stop at the first run that fails or diverges", rich_help_panel=RUNNING
    ),
]


def run(
    experiment: Experiment,
    output: Output = None,
    jobs: Jobs = "auto",
    data_dir: DataDir = None,
    executor: ExecutorName = "local",
    force: Force = False,
    fail_fast: FailFast = False,
) -> None:
    """Train what is missing of a grid, store it, and show the tables."""
    runs = expand(experiment)
    workers = jobs_for(jobs)
    folder = ResultsFolder(folder_for(experiment, output))
    folder.ensure_same_data(runs[0].data)
    missing = to_train(runs, folder.statuses(), force)
    plan = make_plan(missing, sizes_of(experiment), workers)
    if plan.stacks:
        with executor_for(executor, experiment, data_dir, plan, workers) as ready:
            train(experiment, plan, ready, folder, fail_fast)
    else:
        print(f"Nothing to train: all {len(runs)} runs of this grid are in {folder.path}.", file=sys.stderr)
    show(folder)
    statuses = folder.statuses()
    if any(statuses.get(each.run_id) != FINISHED for each in runs):
        raise typer.Exit(NOT_ALL_FINISHED)
