"""The record of a stack in training: the scores of all runs at each evaluation, and the runs that have diverged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.nn.stacked import StackedNetwork
from ablate.training.diagnostics import Diagnostics
from ablate.training.evaluate import EvaluationSet
from ablate.training.result import Divergence, StackResult

# A run has diverged if a batch loss exceeds this many times the loss of guessing, ln(classes).
EXPLODED = 1000.0


@dataclass
class Record:
    """The scores of a stack at all evaluations so far, and the divergences of its runs.

    A diverged run stays in the stack, where it cannot affect other runs. The scores of a run after its divergence are
    ignored.
    """

    network: StackedNetwork
    dataset: Dataset
    steps_per_epoch: int
    steps: list[int] = field(default_factory=list)
    scores: list[dict[str, Tensor]] = field(default_factory=list)
    divergences: dict[int, Divergence] = field(default_factory=dict)
    diagnostics: Diagnostics | None = None

    def __post_init__(self) -> None:
        data, arrange = self.dataset, self.network.arrange
        probe = data.train_probe
        self.sets = (
            EvaluationSet("train", arrange(data.x_train[probe]), data.y_train[probe]),
            EvaluationSet("val", arrange(data.x_val), data.y_val),
        )

    @property
    def all_diverged(self) -> bool:
        """Whether all runs have diverged."""
        return len(self.divergences) == len(self.network.members)

    def evaluate(self, step: int, losses: Tensor) -> None:
        """Scores all runs after `step` training steps.

        `losses` holds the training losses since the last evaluation, shape (steps, runs).
        """
        losses = losses.cpu()
        running = (
            losses.T.contiguous().double().mean(1)
            if len(losses)
            else torch.full((losses.shape[1],), math.nan).double()
        )
        scores = {
            name: score.cpu() for samples in self.sets for name, score in samples.scores(self.network).items()
        }
        self._note_divergences(step, losses, torch.stack(list(scores.values())))
        if self.diagnostics:
            self.diagnostics.evaluate()
        self.steps.append(step)
        self.scores.append({"running_loss": running} | scores)

    def _note_divergences(self, step: int, losses: Tensor, scores: Tensor) -> None:
        bad = ~(losses <= EXPLODED * math.log(self.dataset.classes))  # any comparison with NaN is false
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

    @property
    def layers(self) -> list[list[str]]:
        """Pairs of layer and quantity in the diagnostics so far; empty without diagnostics."""
        return [list(name) for name in self.diagnostics.names] if self.diagnostics else []

    def tensors(self) -> dict[str, Tensor]:
        """Returns all evaluations as tensors by name. The first axis of each tensor counts the evaluations."""
        tensors = {
            f"score {name}": torch.stack([scores[name] for scores in self.scores]) for name in self.scores[0]
        }
        return tensors | ({"layers": self.diagnostics.values()} if self.diagnostics else {})

    def restore(self, tensors: Mapping[str, Tensor], layers: Sequence[Sequence[str]]) -> None:
        """Replaces all evaluations by those that the methods `tensors` and `layers` of another record returned."""
        names = list(self.scores[0])
        columns = [tensors[f"score {name}"].unbind() for name in names]
        self.scores = [dict(zip(names, scores, strict=True)) for scores in zip(*columns, strict=True)]
        if self.diagnostics:
            self.diagnostics.restore([(layer, quantity) for layer, quantity in layers], tensors["layers"])

    def result(self, seconds: float) -> StackResult:
        """Returns the learning curves of all runs as arrays."""
        steps = np.array(self.steps, dtype=np.int64)
        members = range(len(self.network.members))
        return StackResult(
            steps,
            steps / self.steps_per_epoch,
            curves={
                name: torch.stack([scores[name] for scores in self.scores]).numpy() for name in self.scores[0]
            },
            divergences=tuple(self.divergences.get(run) for run in members),
            parameters=tuple(self.network.parameters.count(run) for run in members),
            seconds=seconds,
            device=self.network.parameters.flat.device.type,
            layers=self.diagnostics.result() if self.diagnostics else None,
        )
