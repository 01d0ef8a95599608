"""Training of one stack, with evaluations before the first step and after scheduled steps."""

import time
from collections.abc import Callable, Generator
from itertools import pairwise
from typing import TypeVar

import torch

from ablate.data.dataset import Dataset
from ablate.experiment.grid import evaluation_steps
from ablate.experiment.plan import Stack
from ablate.nn.build import build_network
from ablate.training.batches import Batches
from ablate.training.checkpoint import Checkpointing
from ablate.training.diagnostics import Diagnostics
from ablate.training.record import Record
from ablate.training.result import StackResult
from ablate.training.steps import Steps

Result = TypeVar("Result")


def train_stack(
    stack: Stack, dataset: Dataset, on_steps: Callable[[int], None] = lambda steps: None
) -> StackResult:
    """Trains a stack by the steps of the function `training`, and returns the learning curves of its runs.

    Args:
        stack: Runs to train; see `training`.
        dataset: The samples as standardized tensors in memory, on any device.
        on_steps: Function that is called at every evaluation with the number of steps since the previous evaluation.
    """
    return finish(training(stack, dataset), on_steps)


def finish(in_training: Generator[int, None, Result], on_steps: Callable[[int], None]) -> Result:
    """Runs the generator of a training to its end and returns its result. `on_steps` gets each number it yields."""
    while True:
        try:
            steps = next(in_training)
        except StopIteration as end:
            result: Result = end.value
            return result
        on_steps(steps)


# In inference mode, operations skip the bookkeeping of autograd, which takes 5 % of a step.
@torch.inference_mode()
def training(
    stack: Stack, dataset: Dataset, checkpointing: Checkpointing | None = None
) -> Generator[int, None, StackResult]:
    """Trains every run of a stack, each on the batches of its own seed, and returns the learning curves of the runs.

    The generator pauses at every evaluation and yields the number of steps since the previous one.

    Every step uses a full batch; samples that do not fill a batch at the end of an epoch are skipped. Training runs on
    the device that holds the dataset. If the plan requires padding, copies of the last run fill up the stack, and their
    results are discarded. With padding, all stacks have the same number of runs and use the same kernels.

    Args:
        stack: Runs that differ only in activation, dropout and seed. Either all runs of a stack have diagnostics or
            none.
        dataset: The samples as standardized tensors in memory, on any device.
        checkpointing: Checkpoint from which training continues, and which training replaces from time to time.
    """
    start = time.perf_counter()
    runs = stack.runs + stack.runs[-1:] * stack.padding
    run, x = runs[0], dataset.x_train
    network = build_network(runs, x.shape[1:], dataset.classes, x.dtype, x.device)
    batches = Batches(network, dataset, run.batch_size)
    due = evaluation_steps(run, len(dataset.y_train), stack.evals_per_epoch)
    steps = Steps(network, batches, run, due[-1])
    record = Record(network, dataset, batches.per_epoch)
    if run.diagnostics:
        record.diagnostics = Diagnostics(network, dataset)
    record.evaluate(0, network.parameters.flat.new_empty((0, len(runs))))
    if checkpointing:
        start -= checkpointing.restore(steps, record, due)
        yield record.steps[-1]
    for begin, end in pairwise(due[len(record.steps) - 1 :]):
        losses = []
        for step in range(begin, end):
            if record.diagnostics and step == end - 1:
                record.diagnostics.before_last_step()
            losses.append(steps.take(step))
        record.evaluate(end, torch.stack(losses))
        yield end - begin
        if record.all_diverged:
            break
        if checkpointing:
            checkpointing.save_if_due(steps, record, time.perf_counter() - start)
    return record.result(time.perf_counter() - start).of_the_first(len(stack.runs))
