"""One stack trained from its first step to its last, with an evaluation before the first and at each due step."""

import time
from collections.abc import Callable
from itertools import pairwise

import torch

from ablate.data.dataset import Dataset
from ablate.experiment.grid import evaluation_steps
from ablate.experiment.plan import Stack
from ablate.nn.build import build_network
from ablate.training.batches import Batches
from ablate.training.conv_diagnostics import diagnostics_for
from ablate.training.record import Record
from ablate.training.result import StackResult
from ablate.training.steps import Steps


# Operations on tensors that are made here then pass by all that autograd asks of them, which is 5 % of a step.
@torch.inference_mode()
def train_stack(
    stack: Stack, dataset: Dataset, on_steps: Callable[[int], None] = lambda steps: None
) -> StackResult:
    """Trains every run of a stack, each on its own seed's batches, and returns their curves.

    Every step sees a full batch: what is left of an epoch's shuffle after the last one waits for another epoch. It
    trains on the device that holds the dataset. A stack that is to be padded is filled up with copies of its last run,
    which nothing is returned of: kernels that are chosen by the size of a stack are then the same for all.

    Args:
        stack: Runs that differ in activation, dropout and seed only; diagnostics are for all of them or none.
        dataset: Standardized tensors in memory, on any device.
        on_steps: Called at every evaluation with the number of steps since the one before.
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
        record.diagnostics = diagnostics_for(network, dataset)
    record.evaluate(0, network.parameters.flat.new_empty((0, len(runs))))
    for begin, end in pairwise(due):
        losses = []
        for step in range(begin, end):
            if record.diagnostics and step == end - 1:
                record.diagnostics.before_last_step()
            losses.append(steps.take(step))
        record.evaluate(end, torch.stack(losses))
        on_steps(end - begin)
        if record.all_diverged:
            break
    return record.result(time.perf_counter() - start).of_the_first(len(stack.runs))
