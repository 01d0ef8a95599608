"""What training a stack returns: the curves of its runs as plain arrays, free of torch."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# The libraries that multiply float32 matrices on a CPU.
Gemm = Literal["mkl", "onednn"]


@dataclass(frozen=True)
class Divergence:
    """Why and when a run stopped being data: the step (from 1) whose loss was not finite or exploded."""

    step: int
    message: str


@dataclass(frozen=True)
class LayerValues:
    """What diagnostics have found in the layers of a stack; its quantities are those of `diagnostics.Diagnostics`.

    Attributes:
        names: Layer and quantity, `("hidden.0", "dead_share")`.
        values: Shape (evaluations, names, runs); NaN where there is none.
    """

    names: tuple[tuple[str, str], ...]
    values: Floats


@dataclass(frozen=True)
class StackResult:
    """Curves of the runs of a stack, in the stack's order.

    Attributes:
        steps: Steps done at each evaluation, from 0, shape (evaluations,).
        epochs: The same in passes over the training data.
        running_loss: Mean training loss since the evaluation before, shape (evaluations, runs); NaN in the first row.
        train_loss: On the fixed training subset, in eval mode, nats; like those below of shape (evaluations, runs).
        train_accuracy: Shares from 0 to 1.
        val_loss: On the validation set.
        val_accuracy: On the validation set.
        divergences: One a run, None where it finished.
        parameters: Trained numbers of each run.
        seconds: Of the whole stack, evaluation included.
        device: Kind of device it ran on.
        layers: What diagnostics have found, None if they were not asked for.
    """

    steps: NDArray[np.int64]
    epochs: Floats
    running_loss: Floats
    train_loss: Floats
    train_accuracy: Floats
    val_loss: Floats
    val_accuracy: Floats
    divergences: tuple[Divergence | None, ...]
    parameters: tuple[int, ...]
    seconds: float
    device: str
    layers: LayerValues | None = None

    def of_the_first(self, runs: int) -> "StackResult":
        """Returns the curves of the first runs alone."""
        layers = self.layers
        return replace(
            self,
            **{name: getattr(self, name)[:, :runs] for name in CURVES},
            divergences=self.divergences[:runs],
            parameters=self.parameters[:runs],
            layers=layers and LayerValues(layers.names, layers.values[:, :, :runs]),
        )


CURVES = ("running_loss", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
