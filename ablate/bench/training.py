"""The code that runs in the process of a rival, trains the rival's part of the grid and measures the time."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from ablate.bench.captured import captured_loop
from ablate.bench.ensemble import Ensemble
from ablate.bench.loop import Scores
from ablate.bench.plain import dataloader_loop, plain_module, stock_loop, tuned_loop
from ablate.bench.plain_data import PlainData
from ablate.bench.timing import seconds_of
from ablate.bench.workload import Units
from ablate.data.dataset import Dataset
from ablate.experiment.grid import Run

# Number of full batches that are trained before the clock starts.
_WARM_UP_BATCHES = 8

# A function that makes the networks of runs to train together and returns a function that trains them.
Trainer = Callable[[tuple[Run, ...], PlainData], Callable[[], Scores]]


def prepare_rival(
    name: str, units: Units, folder: Path, evals_per_epoch: int, device: str
) -> Callable[[], float]:
    """Returns a function that trains all units once and returns the elapsed seconds.

    A unit is a tuple of runs that the rival trains together. Before it returns, `prepare_rival` loads the data and
    trains a few batches as a warm-up. Networks are made before the clock starts, because initialization is not part of
    the comparison. `folder` holds the dataset that `Arrays.save` has written.
    """
    torch.set_grad_enabled(True)
    if device == "cuda":
        # Convolutions use TF32 by default, but the engine's convolutions do not.
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # torch's stubs lack it
    make = TRAINERS[name]
    data = PlainData.of(Dataset.open(folder), units[0][0], evals_per_epoch, device)
    unit = tuple(run.with_settings(epochs=1) for run in units[0])
    few = data.head(max(_WARM_UP_BATCHES, evals_per_epoch) * unit[0].batch_size)
    make(unit, few)()

    def lap() -> float:
        works = [make(unit, data) for unit in units]
        return seconds_of(lambda: [work() for work in works], device)

    return lap


def _one_by_one(loop: Callable[[torch.nn.Module, Run, PlainData], Scores]) -> Trainer:
    """Returns a trainer for units of a single run, which makes the run's network and trains it with `loop`."""
    return lambda unit, data: partial(loop, plain_module(unit[0], data), unit[0], data)


# The keys are the same as in `rivals.RIVALS`.
TRAINERS: dict[str, Trainer] = {
    "loop": _one_by_one(tuned_loop),
    "stock": _one_by_one(stock_loop),
    "dataloader": _one_by_one(dataloader_loop),
    "vmap": lambda unit, data: Ensemble(unit, data).train,
    "graph": _one_by_one(captured_loop),
}
