"""Options of how a grid is run, shared by `run` and `plan`."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from ablate.errors import SpecError
from ablate.execution.cores import available_cores
from ablate.execution.devices import Device
from ablate.experiment.grid import Run, expand
from ablate.experiment.levels import auto_or, whole
from ablate.experiment.plan import Plan, make_plan, sizes_of
from ablate.experiment.spec import Experiment
from ablate.store.status import FAILED

RUNNING = "How it is run"

Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        envvar="ABLATE_OUTPUT",
        show_envvar=False,
        help="results folder [default: results/DATASET]",
        rich_help_panel=RUNNING,
    ),
]
Jobs = Annotated[
    str,
    typer.Option(
        "--jobs",
        "-j",
        envvar="ABLATE_JOBS",
        show_envvar=False,
        help="worker processes, of one thread each; auto is one a core",
        rich_help_panel=RUNNING,
    ),
]
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        help="local trains in worker processes; fake makes up curves, to try a grid and its tables",
        rich_help_panel=RUNNING,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="ABLATE_DATA_DIR",
        show_envvar=False,
        help="folder of torchvision's datasets [default: data, made and filled where needed]",
        rich_help_panel=RUNNING,
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        envvar="ABLATE_DEVICE",
        show_envvar=False,
        help="auto, cpu or cuda; auto is cuda where there is a GPU",
        rich_help_panel=RUNNING,
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="train stored runs again, replacing them", rich_help_panel=RUNNING)
]


def runs_of(experiment: Experiment, executor: str) -> tuple[Run, ...]:
    """Returns the runs of a grid; made-up ones are other runs than trained ones, and share no folder with them.

    Raises:
        SpecError: As `expand`.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # where a user's own `package.module:Name` is looked for
    return expand(experiment, simulated=executor == "fake")


def folder_for(experiment: Experiment, output: Path | None) -> Path:
    """Returns the results folder, by default named after the dataset."""
    name = experiment.dataset.removeprefix("npz:")
    return output or Path("results") / Path(name).stem


def jobs_for(jobs: str) -> int:
    """Returns the number of workers.

    Raises:
        SpecError: It is neither `auto` nor a whole number of at least 1.
    """
    try:
        wanted: int | str = auto_or(whole(1, 1024))(jobs)
    except ValueError as error:
        raise SpecError(f"--jobs: {error}, nor auto") from None
    return available_cores() if wanted == "auto" else int(wanted)


def check_precision(experiment: Experiment, device: Device) -> None:
    """Refuses a precision that a device does not have.

    Raises:
        SpecError: It is TF32 on a CPU.
    """
    if experiment.precision == "tf32" and device.kind == "cpu":
        raise SpecError(
            "--precision: 'tf32' is a mode of GPUs and this is trained on a CPU; legal are fp32 and bf16"
        )


def plan_for(runs: Iterable[Run], experiment: Experiment, jobs: str, device: Device) -> tuple[Plan, int]:
    """Returns the plan that trains runs on a device, and the number of its workers: one a core, or one a GPU.

    Raises:
        SpecError: The number of jobs is not legal, or the device cannot do what is asked.
    """
    check_precision(experiment, device)
    workers = workers_for(jobs, device)
    return make_plan(runs, sizes_of(experiment), workers, device.share(workers)), workers


def workers_for(jobs: str, device: Device) -> int:
    """Returns the number of worker processes: one a core, or one a GPU, unless it is given.

    Raises:
        SpecError: It is no legal number.
    """
    return len(device.memory) if jobs == "auto" and device.memory else jobs_for(jobs)


def to_train(runs: Iterable[Run], statuses: Mapping[str, str], force: bool) -> list[Run]:
    """Returns the runs that are missing or failed, all of them if forced; a diverged run would only diverge again."""
    return [run for run in runs if force or statuses.get(run.run_id, FAILED) == FAILED]
