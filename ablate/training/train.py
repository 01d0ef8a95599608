"""One stack trained from its first step to its last, with an evaluation before the first and at each due step."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.data.order import epoch_order
from ablate.experiment.grid import evaluation_steps
from ablate.experiment.plan import Stack
from ablate.nn.build import Network, build_network
from ablate.nn.members import distinct_seeds
from ablate.training.conv_diagnostics import diagnostics_for
from ablate.training.diagnostics import Diagnostics
from ablate.training.evaluate import EvaluationSet
from ablate.training.optimizers import optimizer_for, rate_factor
from ablate.training.result import Divergence, StackResult

# A batch loss this many times that of guessing, ln(classes), does not come back: the run has exploded.
EXPLODED = 1000.0


def train_stack(
    stack: Stack, dataset: Dataset, on_steps: Callable[[int], None] = lambda steps: None
) -> StackResult:
    """Trains every run of a stack, each on its own seed's batches, and returns their curves.

    Every step sees a full batch: what is left of an epoch's shuffle after the last one waits for another epoch.

    Args:
        stack: Runs that differ in activation, dropout and seed only; diagnostics are for all of them or none.
        dataset: Standardized tensors in memory.
        on_steps: Called at every evaluation with the number of steps since the one before.
    """
    start = time.perf_counter()
    run = stack.runs[0]
    network = build_network(stack.runs, dataset.x_train.shape[1:], dataset.classes, dataset.x_train.dtype)
    batches = Batches(network, dataset, run.batch_size)
    optimizer = optimizer_for(run, network.parameters.flat, network.parameters.flat_grad)
    due = evaluation_steps(run, len(dataset.y_train), stack.evals_per_epoch)
    record = Record(network, dataset, batches.per_epoch, guess=math.log(dataset.classes))
    if run.diagnostics:
        record.diagnostics = diagnostics_for(network, dataset)
    record.evaluate(0, network.parameters.flat.new_empty((0, len(stack.runs))))
    for begin, end in pairwise(due):
        losses = []
        for step in range(begin, end):
            losses.append(network.train_step(*batches.at(step), step))
            if record.diagnostics and step == end - 1:
                record.diagnostics.before_last_step()
            optimizer.step(run.learning_rate * rate_factor(run.schedule, step, due[-1]))
        record.evaluate(end, torch.stack(losses))
        on_steps(end - begin)
        if record.all_diverged:
            break
    return record.result(time.perf_counter() - start)


class Batches:
    """The batches of a stack: each run sees its seed's order of the training data.

    Attributes:
        x: Training inputs as the network reads them, shape (samples, ...).
        per_epoch: Full batches in an epoch.
    """

    def __init__(self, network: Network, dataset: Dataset, batch_size: int) -> None:
        members = network.members
        self.x = network.arrange(dataset.x_train)
        self.y = dataset.y_train
        self.batch_size = batch_size
        self.per_epoch = len(self.y) // batch_size
        self.seeds = distinct_seeds(members)
        self.place = torch.tensor([self.seeds.index(member.seed) for member in members])
        self.epoch = -1
        self.orders = torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Returns a step's inputs (runs, batch, ...) and labels (runs, batch); 1 for runs where all share them."""
        epoch, batch = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            self.epoch = epoch
            self.orders = torch.stack([epoch_order(seed, epoch, len(self.y)) for seed in self.seeds])
        chosen = self.orders[:, batch * self.batch_size : (batch + 1) * self.batch_size]
        if len(self.seeds) > 1:
            chosen = chosen[self.place]
        x = self.x.index_select(0, chosen.reshape(-1)).view(*chosen.shape, *self.x.shape[1:])
        return x, self.y[chosen]


@dataclass
class Record:
    """The evaluations of a stack so far, and which of its runs have diverged.

    A diverged run stays in the stack, where it can touch no other, but nothing of it counts from its divergence on.
    """

    network: Network
    dataset: Dataset
    steps_per_epoch: int
    guess: float
    steps: list[int] = field(default_factory=list)
    rows: list[Tensor] = field(default_factory=list)
    divergences: dict[int, Divergence] = field(default_factory=dict)
    diagnostics: Diagnostics | None = None

    def __post_init__(self) -> None:
        data, arrange = self.dataset, self.network.arrange
        probe = data.train_probe
        self.train = EvaluationSet(arrange(data.x_train[probe]), data.y_train[probe])
        self.val = EvaluationSet(arrange(data.x_val), data.y_val)

    @property
    def all_diverged(self) -> bool:
        """Says whether no run is left to train."""
        return len(self.divergences) == len(self.network.members)

    def evaluate(self, step: int, losses: Tensor) -> None:
        """Scores all runs after `step` steps; `losses` are those of the steps since the last time, (steps, runs)."""
        running = (
            losses.double().mean(0) if len(losses) else torch.full((losses.shape[1],), math.nan).double()
        )
        scores = torch.stack([running, *self.train.scores(self.network), *self.val.scores(self.network)])
        self._note_divergences(step, losses, scores[1:])
        if self.diagnostics:
            self.diagnostics.evaluate()
        self.steps.append(step)
        self.rows.append(scores)

    def _note_divergences(self, step: int, losses: Tensor, scores: Tensor) -> None:
        bad = ~(losses <= EXPLODED * self.guess)  # NaN compares false
        unscored = ~scores.isfinite().all(0)
        for run in torch.nonzero(bad.any(0) | unscored).flatten().tolist():
            if run in self.divergences:
                continue
            if bad[:, run].any():
                first = int(bad[:, run].nonzero()[0])
                at, loss = step - len(losses) + first + 1, float(losses[first, run])
                message = f"training loss {loss:g} at step {at}"
            else:
                at, message = step, f"scores not finite after step {step}"
            self.divergences[run] = Divergence(at, message)

    def result(self, seconds: float) -> StackResult:
        """Returns the curves as arrays."""
        rows = torch.stack(self.rows).numpy()
        steps = np.array(self.steps, dtype=np.int64)
        members = range(len(self.network.members))
        return StackResult(
            steps,
            steps / self.steps_per_epoch,
            running_loss=rows[:, 0],
            train_loss=rows[:, 1],
            train_accuracy=rows[:, 2],
            val_loss=rows[:, 3],
            val_accuracy=rows[:, 4],
            divergences=tuple(self.divergences.get(run) for run in members),
            parameters=tuple(self.network.parameter_count(run) for run in members),
            seconds=seconds,
            device=self.network.parameters.flat.device.type,
            layers=self.diagnostics.result() if self.diagnostics else None,
        )
