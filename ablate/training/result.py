"""The result of training a stack: the curves of its runs as plain arrays, without torch."""

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
    """The step, counted from 1, at which a loss was too large, or a loss or score not finite, and a message."""

    step: int
    message: str


@dataclass(frozen=True)
class LayerValues:
    """Diagnostics of the layers of a stack. `diagnostics.Diagnostics` defines the quantities.

    Attributes:
        names: Pairs of layer and quantity, such as `("hidden.0", "dead_share")`.
        values: Values of shape (evaluations, names, runs); NaN where a quantity is not defined.
    """

    names: tuple[tuple[str, str], ...]
    values: Floats


@dataclass(frozen=True)
class StackResult:
    """Curves of the runs of a stack, in the stack's order.

    Attributes:
        steps: Number of steps before each evaluation, from 0, shape (evaluations,).
        epochs: Number of passes over the training data before each evaluation, shape (evaluations,).
        curves: Scores by column of `store.schema.CURVES`, each of shape (evaluations, runs); `running_loss` is NaN at
            the first evaluation.
        divergences: Divergence of each run, or None if the run finished.
        parameters: Number of trained parameters of each run.
        seconds: Duration of the whole stack, evaluations included.
        device: Kind of the device that trained the stack.
        layers: Diagnostics of the layers, or None if they were not requested.
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
