"""What the process of a rival does: it trains its part of the grid, and says how long that took."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ablate.bench.captured import captured_loop
from ablate.bench.ensemble import Ensemble
from ablate.bench.plain import PlainData, Scores, dataloader_loop, plain_module, stock_loop, tuned_loop
from ablate.bench.workload import Units
from ablate.data.dataset import Dataset
from ablate.experiment.grid import Run

# Full batches that are trained before the clock starts.
_WARM_UP_BATCHES = 8

Unit = tuple[Run, ...]
Work = Callable[[], Scores]


@dataclass(frozen=True)
class Task:
    """What a rival is to train.

    Attributes:
        rival: Its name.
        units: Runs it trains together, one unit after another.
        folder: Holds the dataset, as `Arrays.save` writes it.
        evals_per_epoch: Evaluations an epoch.
        device: Kind of device.
    """

    rival: str
    units: Units
    folder: Path
    evals_per_epoch: int
    device: str


def prepare_rival(task: Task) -> Callable[[], float]:
    """Loads the data, warms up, and returns what trains all units once and returns the seconds that took.

    Networks are made before the clock starts: how one initializes them is not what is compared.
    """
    torch.set_grad_enabled(True)
    if task.device == "cuda":
        # Convolutions round to TF32 unless told otherwise, which the engine does not do either.
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # torch's stubs lack it
    dataset, make = Dataset.open(task.folder), TRAINERS[task.rival]
    data = PlainData.of(dataset, task.units[0][0], task.evals_per_epoch, task.device)
    _warm_up(task, data)

    def lap() -> float:
        works = [make(unit, data) for unit in task.units]
        _wait_for(task.device)
        start = time.perf_counter()
        for work in works:
            work()
        _wait_for(task.device)
        return time.perf_counter() - start

    return lap


def _warm_up(task: Task, data: PlainData) -> None:
    unit = tuple(run.with_settings(epochs=1) for run in task.units[0])
    few = data.head(max(_WARM_UP_BATCHES, task.evals_per_epoch) * unit[0].batch_size)
    TRAINERS[task.rival](unit, few)()


def _wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _alone(loop: Callable[[torch.nn.Module, Run, PlainData], Scores]) -> Callable[[Unit, PlainData], Work]:
    """Returns what makes ready a loop over single runs."""

    def ready(unit: Unit, data: PlainData) -> Work:
        network = plain_module(unit[0], data)
        return lambda: loop(network, unit[0], data)

    return ready


# Keys are those of `rivals.RIVALS`; each makes the networks of a unit and returns what trains them.
TRAINERS: dict[str, Callable[[Unit, PlainData], Work]] = {
    "loop": _alone(tuned_loop),
    "stock": _alone(stock_loop),
    "dataloader": _alone(dataloader_loop),
    "vmap": lambda unit, data: Ensemble(unit, data).train,
    "graph": _alone(captured_loop),
}
