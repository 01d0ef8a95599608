"""The engine as the checks use it; they know hardly more of `ablate.nn` and `ablate.training` than stands here."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data import dataset as datasets
from ablate.data.dataset import Dataset
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.datasets import dataset_info
from ablate.experiment.grid import Run, expand
from ablate.experiment.plan import GPU_SHARE, Stack, gpu_run_bytes, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.nn import build as networks
from ablate.training import steps
from ablate.training.backend import prepare_cuda, prepare_process
from ablate.training.batches import Batches
from ablate.training.record import Record
from ablate.training.train import train_stack
from tests.cuda.check.timing import wall_seconds

# Of the GPU that stacks are planned for, so that they do not depend on the one that is there.
GPU_MEMORY = 80 << 30
# The curves of each run, by run id and column, of shape (evaluations,).
Curves = dict[str, dict[str, NDArray[np.float64]]]


@contextmanager
def as_in_a_worker(device: str) -> Iterator[None]:
    """Sets up this process as a worker process does, and undoes what concerns others."""
    prepare_process()
    if device == "cuda":
        torch.cuda.init()  # says at once why there is no GPU
        prepare_cuda("fp32")
    try:
        yield
    finally:
        if device == "cuda":
            torch.use_deterministic_algorithms(False)
        torch.set_flush_denormal(False)
        torch.set_grad_enabled(True)


@contextmanager
def multiplying_in(precision: Any, device: str) -> Iterator[None]:
    """Multiplies in `fp32`, `tf32` or `bf16` on the GPU inside the block, and in fp32 after it."""
    if device == "cuda":
        prepare_cuda(precision)
    try:
        yield
    finally:
        if device == "cuda":
            prepare_cuda("fp32")


@cache
def load(dataset: str) -> Dataset:
    """Returns an embedded dataset in float32 on the CPU."""
    return datasets.load(build({"dataset": dataset, "model": "mlp"}))


def as_double(dataset: Dataset) -> Dataset:
    """Returns a dataset with its inputs in float64, in which a network then trains."""
    return replace(dataset, x_train=dataset.x_train.double(), x_val=dataset.x_val.double())


def first_samples(dataset: Dataset, count: int) -> Dataset:
    """Returns the first samples of the training and the validation set, for a dry run."""
    parts = {name: getattr(dataset, name)[:count] for name in ("x_train", "y_train", "x_val", "y_val")}
    return replace(dataset, **parts, train_probe=torch.arange(min(map(len, parts.values()))))


def random_dataset(name: str, device: str, samples: tuple[int, int] | None = None) -> Dataset:
    """Returns random numbers on the device, of the shape and sizes of a known dataset.

    Args:
        name: Of the known dataset.
        device: Where the tensors are made.
        samples: Numbers of training and validation samples, if others than those of the known dataset.
    """
    shape = dataset_info(name).shape
    train, val = samples or build({"dataset": name}).split_sizes[:2]
    generator = torch.Generator(device=device).manual_seed(0)
    tensors = {}
    for part, count in (("train", train), ("val", val), ("test", 1)):
        tensors[f"x_{part}"] = torch.randn(count, *shape, device=device, generator=generator)
        tensors[f"y_{part}"] = torch.randint(0, 10, (count,), device=device, generator=generator)
    return Dataset(**tensors, classes=10, train_probe=torch.arange(min(train, val), device=device))


def runs_of(settings: Mapping[str, Any]) -> tuple[Run, ...]:
    """Returns the runs of a grid, equal activations side by side as a stack needs them."""
    order = {name: index for index, name in enumerate(ACTIVATIONS)}
    return tuple(sorted(expand(build(dict(settings))), key=lambda run: order.get(run.activation, len(order))))


def stack_of(settings: Mapping[str, Any], size: int) -> Stack:
    """Returns a stack of the first runs of a grid, seed by seed, padded to a size."""
    chosen = set(sorted(runs_of(settings), key=lambda run: run.seed)[:size])
    runs = tuple(run for run in runs_of(settings) if run in chosen)
    return Stack(runs, 1, size - len(runs))


def stacks_for(
    runs: Sequence[Run], settings: Mapping[str, Any], device: str, dry_size: int = 8
) -> list[Stack]:
    """Returns the stacks that runs are planned into on a GPU; in a dry run on one with room for `dry_size` runs.

    Args:
        runs: Of the grid.
        settings: Of the grid.
        device: `cuda` or, in a dry run, `cpu`.
        dry_size: A power of two.
    """
    sizes = sizes_of(build(dict(settings)))
    dry_memory = round(dry_size * gpu_run_bytes(runs[0], sizes) / GPU_SHARE)
    return list(make_plan(runs, sizes, 1, GPU_MEMORY if device == "cuda" else dry_memory).stacks)


def stack_for(settings: Mapping[str, Any], device: str, dry_size: int = 8) -> Stack:
    """Returns the first of the stacks that a grid is planned into, see `stacks_for`."""
    return stacks_for(runs_of(settings), settings, device, dry_size)[0]


@dataclass(frozen=True)
class Trained:
    """What some steps have made of the runs of a stack.

    Attributes:
        losses: Shape (steps, runs).
        states: Parameters and running statistics of each run by name.
    """

    losses: Tensor
    states: list[dict[str, Tensor]]


@torch.inference_mode()
def train_steps(runs: Sequence[Run], dataset: Dataset, device: str, count: int) -> Trained:
    """Takes the first steps of a stack on a device, recorded as a CUDA graph there, and returns CPU tensors."""
    data = dataset.to(device)
    network = networks.build_network(runs, data.x_train.shape[1:], data.classes, data.x_train.dtype, device)
    # Of twice as many steps in all, so that a schedule leaves the last of them a rate.
    taken = steps.Steps(network, Batches(network, data, runs[0].batch_size), runs[0], 2 * count)
    losses = torch.stack([taken.take(step).cpu() for step in range(count)])
    states = [
        {name: value.cpu() for name, value in network.parameters.member_state(run).items()}
        for run in range(len(runs))
    ]
    return Trained(losses, states)


def curves(stack: Stack, dataset: Dataset, device: str) -> Curves:
    """Trains a stack on a device and returns the curves of its runs."""
    result = train_stack(stack, dataset.to(device))
    assert result.device == device
    return {
        run.run_id: {column: values[:, index] for column, values in result.curves.items()}
        for index, run in enumerate(stack.runs)
    }


class PreparedStack:
    """A stack whose first steps are taken and recorded, so that what follows can be timed.

    Attributes:
        runs: Number of runs, padding included.
        build_seconds: Of making its network and buffers.
        first_seconds: Of the first four steps: three eager ones, and the recording.
    """

    @torch.inference_mode()
    def __init__(self, stack: Stack, dataset: Dataset, device: str) -> None:
        runs = stack.runs + stack.runs[-1:] * stack.padding
        self.device, self.runs, self.step = device, len(runs), 0

        def build_all() -> None:
            x = dataset.x_train
            self.network = networks.build_network(runs, x.shape[1:], dataset.classes, x.dtype, device)
            self.batches = Batches(self.network, dataset, runs[0].batch_size)
            self.steps = steps.Steps(self.network, self.batches, runs[0], 10**6)
            self.record = Record(self.network, dataset, self.batches.per_epoch)

        self.build_seconds = wall_seconds(build_all, device)
        self.first_seconds = wall_seconds(lambda: self.take(4), device)

    @torch.inference_mode()
    def take(self, count: int) -> None:
        """Takes steps as training does."""
        for _ in range(count):
            self.steps.take(self.step)
            self.step += 1

    def replay(self) -> None:
        """Replays the recorded step without what the host does between steps; in a dry run takes a step."""
        if self.steps.graph is None:
            self.take(1)
        else:
            self.steps.graph.replay()

    @torch.inference_mode()
    def score(self) -> None:
        """Scores the network on the training subset and the validation set."""
        for samples in self.record.sets:
            samples.scores(self.network)

    @property
    def chunks(self) -> int:
        """Number of chunks that `score` works through."""
        return sum(len(samples.chunks) for samples in self.record.sets)

    @torch.inference_mode()
    def host_seconds(self, count: int = 64) -> dict[str, float]:
        """Returns what the host does between steps, in seconds per step."""

        def batches() -> None:
            for number in range(count):
                self.batches.prepare(self.step + number)

        def dropout() -> None:
            for number in range(count):
                self.network.prepare(self.step + number, self.batches.batch_size)

        return {part.__name__: wall_seconds(part, self.device) / count for part in (batches, dropout)}
