"""What is kept of a stack while it trains: the scores of each evaluation, and which of its runs have diverged."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.nn.build import Network
from ablate.training.diagnostics import Diagnostics
from ablate.training.evaluate import EvaluationSet
from ablate.training.result import Divergence, StackResult

# A batch loss this many times that of guessing, ln(classes), does not come back: the run has exploded.
EXPLODED = 1000.0


@dataclass
class Record:
    """The evaluations of a stack so far, and which of its runs have diverged.

    A diverged run stays in the stack, where it can touch no other, but nothing of it counts from its divergence on.
    """

    network: Network
    dataset: Dataset
    steps_per_epoch: int
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
        losses = losses.cpu()
        running = (
            losses.T.contiguous().double().mean(1)
            if len(losses)
            else torch.full((losses.shape[1],), math.nan).double()
        )
        found = (*self.train.scores(self.network), *self.val.scores(self.network))
        scores = torch.stack([running, *(score.cpu() for score in found)])
        self._note_divergences(step, losses, scores[1:])
        if self.diagnostics:
            self.diagnostics.evaluate()
        self.steps.append(step)
        self.rows.append(scores)

    def _note_divergences(self, step: int, losses: Tensor, scores: Tensor) -> None:
        bad = ~(losses <= EXPLODED * math.log(self.dataset.classes))  # NaN compares false
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
