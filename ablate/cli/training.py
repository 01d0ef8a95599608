"""Training from the command line: the executor by its name, and a plan trained into a results folder."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ablate.cli.running import RUNNING
from ablate.errors import SpecError
from ablate.execution.executor import Executor, FakeExecutor
from ablate.execution.rows import Identity
from ablate.execution.runner import Job, train_all
from ablate.experiment.grid import Run, varied
from ablate.experiment.plan import Plan, sizes_of
from ablate.experiment.spec import Experiment, to_toml
from ablate.report.progress import Progress
from ablate.store.parquet import ResultsFolder
from ablate.store.provenance import provenance
from ablate.store.schema import DATA, EXPERIMENT
from ablate.training.backend import PROCESS, set_thread_environment

EXECUTORS = ("local", "fake")
DEVICES = ("auto", "cpu")

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
Device = Annotated[
    str,
    typer.Option(
        "--device",
        envvar="ABLATE_DEVICE",
        show_envvar=False,
        help="auto or cpu",
        rich_help_panel=RUNNING,
    ),
]


def train(
    experiment: Experiment, plan: Plan, executor: Executor, folder: ResultsFolder, fail_fast: bool
) -> None:
    """Trains the stacks of a plan and stores them in a folder, in place of what it held of the same runs.

    Raises:
        StoreError: The folder cannot be written.
    """
    identity = Identity(experiment.dataset, experiment.model, varied(experiment), experiment.split_sizes[0])
    with folder.writing(to_toml(experiment)), Progress.on_stderr() as progress:
        progress.start(sum(len(stack.runs) for stack in plan.stacks), plan.run_steps)
        train_all(plan, executor, Job(folder, identity, _metadata(experiment, plan), fail_fast), progress)


def _metadata(experiment: Experiment, plan: Plan) -> dict[str, str]:
    """Returns what stands in the Parquet metadata of every part: the experiment, and what it was trained with."""
    shared = {EXPERIMENT: to_toml(experiment), DATA: plan.stacks[0].runs[0].data}
    return provenance() | PROCESS | shared


def check_device(device: str) -> None:
    """Refuses a device that nothing is trained on.

    Raises:
        SpecError: It is neither `auto` nor `cpu`.
    """
    if device not in DEVICES:
        raise SpecError(f"--device: {device!r} is not one of {', '.join(DEVICES)}")


@contextmanager
def executor_for(
    name: str, experiment: Experiment, data_dir: Path | None, plan: Plan, workers: int
) -> Iterator[Executor]:
    """Gives the executor of this name, ready to train; whatever is wrong with the data is found out here.

    Raises:
        SpecError: There is no such executor or activation.
        DataError: The dataset cannot be read or does not fit.
    """
    if name not in EXECUTORS:
        raise SpecError(f"--executor: {name!r} is not one of {', '.join(EXECUTORS)}")
    if name == "fake":
        yield FakeExecutor(sizes_of(experiment))
        return
    set_thread_environment()
    # Imported here because it brings torch with it, which no other command needs.
    from ablate.execution.local import LocalExecutor

    with LocalExecutor(min(workers, len(plan.stacks))) as local:
        from ablate.data.dataset import load

        _check_activations(each for stack in plan.stacks for each in stack.runs)
        local.use(load(experiment, data_dir))
        yield local


def _check_activations(runs: Iterable[Run]) -> None:
    from ablate.nn.activations import resolve

    for name in dict.fromkeys(run.activation for run in runs if run.activation != "prelu"):
        resolve(name)
