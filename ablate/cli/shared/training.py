"""Training from the command line: the executor by its name, and a plan trained into a results folder."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ablate.errors import SpecError
from ablate.execution.devices import Device
from ablate.experiment.grid import Run, varied
from ablate.experiment.plan import Plan, sizes_of
from ablate.experiment.spec import Experiment, to_toml
from ablate.store.parquet import ResultsFolder
from ablate.store.provenance import provenance
from ablate.store.schema import DATA, EXPERIMENT
from ablate.training.backend import PROCESS, set_environment
from ablate.training.result import Gemm

if TYPE_CHECKING:
    from ablate.execution.executor import Executor

EXECUTORS = ("local", "fake")


def train(
    experiment: Experiment, plan: Plan, executor: "Executor", folder: ResultsFolder, fail_fast: bool
) -> None:
    """Trains the stacks of a plan and stores them in a folder, in place of what it held of the same runs.

    Raises:
        StoreError: The folder cannot be written.
    """
    # Imported here because they bring pandas and rich, which load while the workers load torch.
    from ablate.execution.rows import Identity
    from ablate.execution.runner import Job, train_all
    from ablate.report.progress import Progress

    identity = Identity(experiment.dataset, experiment.model, varied(experiment), experiment.split_sizes[0])
    with folder.writing(to_toml(experiment)), Progress.on_stderr() as progress:
        progress.start(sum(len(stack.runs) for stack in plan.stacks), plan.run_steps)
        train_all(plan, executor, Job(folder, identity, _metadata(experiment, plan), fail_fast), progress)


def _metadata(experiment: Experiment, plan: Plan) -> dict[str, str]:
    """Returns what stands in the Parquet metadata of every part: the experiment, and what it was trained with."""
    shared = {EXPERIMENT: to_toml(experiment), DATA: plan.stacks[0].runs[0].data}
    return provenance() | PROCESS | shared


@contextmanager
def executor_for(
    name: str,
    experiment: Experiment,
    data_dir: Path | None,
    plan: Plan,
    workers: int,
    device: Device,
    folder: ResultsFolder,
) -> Iterator["Executor"]:
    """Gives the executor of this name, ready to train; whatever is wrong with the data is found out here.

    Raises:
        SpecError: There is no such executor or activation.
        DataError: The dataset cannot be read or does not fit.
    """
    if name not in EXECUTORS:
        raise SpecError(f"--executor: {name!r} is not one of {', '.join(EXECUTORS)}")
    if name == "fake":
        from ablate.execution.executor import FakeExecutor

        yield FakeExecutor(sizes_of(experiment))
        return
    set_environment()
    # Imported here because they take time that commands which train nothing need not spend.
    from ablate.execution.local import LocalExecutor

    with LocalExecutor(min(workers, len(plan.stacks)), len(device.memory), _library_of(folder)) as local:
        from ablate.data.arrays import prepare

        _check_activations(each for stack in plan.stacks for each in stack.runs)
        local.use(prepare(experiment, data_dir))
        yield local


def _library_of(folder: ResultsFolder) -> Gemm | None:
    """Returns what multiplied the results of a folder, so that what is added to them is made alike; None if nothing."""
    found = folder.metadata().get("gemm")
    return next((gemm for gemm in get_args(Gemm) if gemm == found), None)


def _check_activations(runs: Iterable[Run]) -> None:
    """Refuses functions of the user that cannot be trained; ours need no torch to be known."""
    foreign = dict.fromkeys(run.activation for run in runs if ":" in run.activation)
    if foreign:
        from ablate.nn.activations import resolve

        for name in foreign:
            resolve(name)
