"""`ablate plan`: what a run would train; trains and writes nothing."""

from pathlib import Path

from ablate.cli.options import takes_experiment
from ablate.cli.running import (
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
from ablate.experiment.spec import Experiment
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
    runs = runs_of(experiment, executor)
    trainer = device_for(device)
    folder = folder_for(experiment, output)
    statuses = _statuses(folder, runs[0].data)
    ready, workers = plan_for(to_train(runs, statuses, force), experiment, jobs, trainer)
    print(plan_text(experiment, runs, statuses, ready, workers, folder))


def _statuses(path: Path, data: str) -> dict[str, str]:
    """Returns the status of each run stored in a folder of the same data, by its id; none if there is no folder."""
    if not path.exists():
        return {}
    # Arrow takes longer to load than the rest of the command to run.
    from ablate.store.parquet import ResultsFolder

    folder = ResultsFolder(path)
    folder.ensure_same_data(data)
    return folder.statuses()
