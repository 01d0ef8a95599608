"""`ablate plan`: what a run would train; trains and writes nothing."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ablate.cli.shared.options import takes_experiment
from ablate.cli.shared.running import (
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
from ablate.execution.devices import device_for
from ablate.experiment.grid import Run
from ablate.experiment.spec import Experiment
from ablate.experiment.tuning import tuning_grid
from ablate.report.plan import plan_text


@takes_experiment
def plan(
    experiment: Experiment,
    output: Output = None,
    jobs: Jobs = "auto",
    data_dir: DataDir = None,
    device: DeviceOption = "auto",
    executor: ExecutorName = "local",
    force: Force = False,
) -> None:
    """Show what a grid would train and take; trains nothing."""
    del data_dir  # taken so that the options of `run` are legal here too; no data are read
    trainer = device_for(device)
    folder = folder_for(experiment, output)

    def show(grid: Experiment, runs: Sequence[Run], where: Path, statuses: Mapping[str, str]) -> None:
        ready, workers = plan_for(to_train(runs, statuses, force), grid, jobs, trainer)
        print(plan_text(grid, runs, statuses, ready, workers, where))

    runs = runs_of(experiment, executor)
    statuses = _statuses(folder, runs[0].data)
    if experiment.tune:
        # Imported here because they bring pandas, which takes longer to load than the rest of the command to run.
        from ablate.cli.shared.tuning import FOLDER, at_chosen_rates
        from ablate.store.parquet import ResultsFolder

        grid, tuning = tuning_grid(experiment), folder / FOLDER
        tried, known = runs_of(grid, executor), _statuses(tuning, runs[0].data)
        print("First, to choose the learning rate of each variant:")
        show(grid, tried, tuning, known)
        if to_train(tried, known, force=False):
            print(
                "\nThen, with the best for each, at most (until they are chosen nobody knows what is stored):"
            )
            statuses = {}
        else:
            print("\nThen, with the best for each:")
            runs = at_chosen_rates(experiment, ResultsFolder(tuning), partial(runs_of, executor=executor))
    show(experiment, runs, folder, statuses)


def _statuses(path: Path, data: str) -> dict[str, str]:
    """Returns the status of each run stored in a folder of the same data, by its id; none if there is no folder."""
    if not path.exists():
        return {}
    # Arrow takes longer to load than the rest of the command to run.
    from ablate.store.parquet import ResultsFolder

    folder = ResultsFolder(path)
    folder.ensure_same_data(data)
    return folder.statuses()
