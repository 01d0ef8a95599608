"""Options that say how a grid is trained, for the commands `run`, `plan`, `gate --confirm` and `bench`."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ablate.cli.shared.grid import Grid, open_grid
from ablate.cli.shared.groups import option
from ablate.cli.shared.places import output_path
from ablate.cli.shared.stderr import say
from ablate.errors import SpecError, not_one_of
from ablate.execution.devices import Device, Hardware, hardware_here
from ablate.experiment.datasets import NPZ
from ablate.experiment.memory import Limit, shares
from ablate.experiment.parsers import auto_or, whole
from ablate.experiment.plan import Plan, make_plan, sizes_of
from ablate.experiment.spec import Experiment
from ablate.report.simulated import MARK
from ablate.store.checkpoints import RUNS
from ablate.store.status import DIVERGED, FAILED, STATUSES

# Names of the executors, and whether an executor simulates results instead of training.
EXECUTORS = {"local": False, "ray": False, "fake": True}
_AUTO = "auto"


@dataclass(frozen=True)
class Machine:
    """Options for the hardware on which runs are trained, and for the data folder."""

    jobs: str = option(
        "auto",
        "--jobs",
        "-j",
        envvar="ABLATE_JOBS",
        help="worker processes, of one thread each; auto is one per core, or one per GPU",
    )
    data_dir: Path | None = option(
        None,
        envvar="ABLATE_DATA_DIR",
        help="folder of torchvision's datasets [default: data, made and filled where needed]",
    )
    device: str = option(
        "auto", envvar="ABLATE_DEVICE", help="auto, cpu or cuda; auto is cuda where there is a GPU"
    )

    @cached_property
    def hardware(self) -> Hardware:
        """The hardware on which runs are trained. Raises SpecError if the requested device does not exist."""
        return hardware_here(self.device)

    @property
    def trainer(self) -> Device:
        """The device on which runs are trained. Raises SpecError if the requested device does not exist."""
        return self.hardware.device

    @cached_property
    def workers(self) -> int:
        """The number of worker processes.

        Raises SpecError if `jobs` is neither `auto` nor a whole number of at least 1.
        """
        try:
            jobs = auto_or(whole(1, 1024))(self.jobs)
        except ValueError as error:
            raise SpecError(f"--jobs: {error}, nor auto") from None
        return (len(self.trainer.memory) or self.hardware.cores) if jobs == "auto" else int(jobs)

    @property
    def memory_limits(self) -> Sequence[Limit]:
        """The limits of the memory for training: the memory of the smallest GPU, or without GPUs `hardware.limits`."""
        if memory := self.trainer.memory:
            return [Limit(min(memory), "the memory of the GPU", is_per_process=True)]
        return self.hardware.limits

    def check(self, experiment: Experiment) -> None:
        """Raises SpecError if the device does not support the precision of the experiment."""
        if experiment.precision == "tf32" and self.trainer.kind == "cpu":
            raise SpecError(
                "--precision: 'tf32' is a mode of GPUs and this is trained on a CPU; legal are fp32 and bf16"
            )

    def plan(self, grid: Grid, again: Collection[str] = (FAILED,)) -> Plan:
        """Returns the plan of the runs to train: the missing runs, and the stored runs whose status is in `again`.

        Raises:
            SpecError: The number of workers is not legal, a run does not fit into memory, or the device does not
                support the precision of the experiment.
        """
        self.check(grid.experiment)
        runs, sizes = grid.to_train(again), sizes_of(grid.experiment)
        workers, stack_bytes = shares(runs, sizes, self.workers, () if grid.simulated else self.memory_limits)
        begun = [facts[RUNS] for facts in grid.begun]
        return make_plan(runs, sizes, workers, self.trainer.share(workers), stack_bytes, begun)


@dataclass(frozen=True)
class Training(Machine):
    """Options for the hardware and the executor that train a grid."""

    executor: str = option(
        "local",
        help="local trains in worker processes, ray on a Ray cluster; fake makes up curves, to try a grid and its "
        "tables",
    )
    ray_address: str = option(
        _AUTO,
        help="HOST:PORT of the head of the cluster for --executor ray; auto is RAY_ADDRESS, or else the cluster that "
        "this machine belongs to",
    )

    @cached_property
    def hardware(self) -> Hardware:
        """The hardware of this machine or the Ray cluster. Raises SpecError if the requested device does not exist."""
        if self.executor != "ray":
            return hardware_here(self.device)
        # Imported here because Ray takes a second to load.
        from ablate.execution.ray import cluster_hardware

        return cluster_hardware(self.ray_address, self.device)

    @property
    def makes_up(self) -> bool:
        """Whether the executor simulates results instead of training. Raises SpecError for an unknown executor."""
        if self.executor not in EXECUTORS:
            raise SpecError(f"--executor: {not_one_of(self.executor, EXECUTORS)}")
        if self.ray_address != _AUTO and self.executor != "ray":
            raise SpecError(f"--ray-address: {self.ray_address!r} is used only with --executor ray")
        return EXECUTORS[self.executor]

    def simulates(self) -> bool:
        """Returns `makes_up`, and prints a warning if it is true."""
        if self.makes_up:
            say(f"{MARK}: --executor {self.executor} makes up all results, nothing is trained")
        return self.makes_up


@dataclass(frozen=True)
class Running(Training):
    """Options that say how a grid is trained and where its results are stored."""

    output: Path | None = option(
        None,
        "-o",
        "--output",
        parser=output_path,
        metavar="FOLDER",
        envvar="ABLATE_OUTPUT",
        help="results folder, or its address as s3://BUCKET/NAME [default: results/DATASET]",
    )
    force: bool = option(False, help="train stored runs again, replacing them")
    retry_failed: bool = option(
        True,
        "--retry-failed/--no-retry-failed",
        help="train runs again that are stored as failed: their worker died, they ran out of memory, or your own "
        "function failed",
    )
    retry_diverged: bool = option(
        False,
        "--retry-diverged",
        help="train runs again that are stored as diverged; with the same software they diverge again",
    )
    fail_fast: bool = option(
        False, "--fail-fast", "-x", help="stop at the first run that fails or diverges, as --max-failures 1"
    )
    max_failures: str | None = option(
        None,
        "--max-failures",
        metavar="N",
        help="stop when N runs have failed or diverged; what has been trained by then stays stored",
    )

    @cached_property
    def again(self) -> tuple[str, ...]:
        """The statuses with which stored runs are trained again."""
        if self.force:
            return STATUSES
        retried = {FAILED: self.retry_failed, DIVERGED: self.retry_diverged}
        return tuple(status for status, is_retried in retried.items() if is_retried)

    @cached_property
    def failure_limit(self) -> int | None:
        """Number of failed and diverged runs at which training stops, or None. Raises SpecError if it is not legal."""
        try:
            limit = None if self.max_failures is None else int(whole(1)(self.max_failures))
        except ValueError as error:
            raise SpecError(f"--max-failures: {error}") from None
        return 1 if self.fail_fast else limit

    def open(self, experiment: Experiment) -> Grid:
        """Returns the grid of an experiment with its results folder. By default the folder is named after the dataset.

        Raises:
            SpecError: The experiment, the device or the executor is not legal.
            StoreError: The folder cannot be read, or contains runs with another dataset or other shared settings.
        """
        output = self.output or Path("results") / folder_name(experiment.dataset)
        return open_grid(experiment, output, self.simulates())


def folder_name(dataset: str) -> str:
    """Returns a dataset's name, or the stem of its file, as the name of a folder that is legal on every system."""
    return re.sub(r"[^\w.-]+", "-", Path(dataset.removeprefix(NPZ)).stem).strip(".-") or "npz"
