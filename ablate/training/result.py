"""The result of training a stack: the learning curves of its runs as plain arrays, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# The libraries that multiply float32 matrices on a CPU.
MatmulLibrary = Literal["mkl", "onednn"]


@dataclass(frozen=True)
class Divergence:
    """The divergence of a run: the step at which it happened, counted from 1, and a message.

    A run diverges if a training loss is too large or not finite, or if a score is not finite.
    """

    step: int
    message: str


@dataclass(frozen=True)
class LayerValues:
    """The diagnostic quantities of the layers of a stack, which are defined in `diagnostics.Diagnostics`.

    Attributes:
        names: Pairs of layer and quantity, such as `("hidden.0", "dead_share")`.
        values: Values of shape (evaluations, names, runs); NaN if a quantity is not defined.
    """

    names: tuple[tuple[str, str], ...]
    values: Floats


@dataclass(frozen=True)
class StackResult:
    """Learning curves and other results of the runs of a stack, in the order of the stack.

    Attributes:
        steps: Number of training steps before each evaluation, starting at 0, shape (evaluations,).
        epochs: Number of passes over the training data before each evaluation, shape (evaluations,).
        curves: Scores by column name in `store.schema.CURVES`, each of shape (evaluations, runs). The column
            `running_loss` is NaN at the first evaluation.
        divergences: Divergence of each run, or None if the run finished.
        parameters: Number of trained parameters of each run.
        seconds: Duration of training the whole stack in seconds, evaluations included.
        device: Kind of the device that trained the stack, `cpu` or `cuda`.
        layers: Diagnostic quantities of the layers, or None if the runs have no diagnostics.
    """

    steps: NDArray[np.int64]
    epochs: Floats
    curves: Mapping[str, Floats]
    divergences: tuple[Divergence | None, ...]
    parameters: tuple[int, ...]
    seconds: float
    device: str
    layers: LayerValues | None = None

    def of_the_first(self, runs: int) -> "StackResult":
        """Returns the result of the first `runs` runs only."""
        layers = self.layers
        return replace(
            self,
            curves={name: curve[:, :runs] for name, curve in self.curves.items()},
            divergences=self.divergences[:runs],
            parameters=self.parameters[:runs],
            layers=layers and LayerValues(layers.names, layers.values[:, :, :runs]),
        )
