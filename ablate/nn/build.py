"""The network of a stack, whichever model it is."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ablate.experiment.grid import Run
from ablate.nn.conv_shape import ConvShape
from ablate.nn.convolutional import StackedConvNet
from ablate.nn.members import Member, Shape
from ablate.nn.network import StackedMLP
from ablate.nn.parameters import FlatParameters


class Network(Protocol):
    """What training asks of a stacked network."""

    members: tuple[Member, ...]
    parameters: FlatParameters

    @staticmethod
    def arrange(samples: Tensor) -> Tensor:
        """Returns samples, shape (samples, ...), as the network reads them best."""
        ...

    @property
    def weights(self) -> slice:
        """Where in the flat parameters the weights are that can take their steps by themselves."""
        ...

    def prepare(self, step: int, batch: int) -> None:
        """Lays ready what `train_step` needs of the host: the dropout uniforms of a step, counted from 0."""
        ...

    def train_step(self, x: Tensor, labels: Tensor, descent: Tensor | None = None) -> Tensor:
        """Returns the loss of each run on one batch, shape (runs,), and fills the gradients; `prepare` comes before."""
        ...

    def logits(self, x: Tensor) -> Tensor:
        """Returns the outputs at inference, shape (runs, classes, samples)."""
        ...

    def member_state(self, run: int) -> dict[str, Tensor]:
        """Returns copies of one run's parameters and running statistics, by name."""
        ...

    def parameter_count(self, run: int) -> int:
        """Returns how many numbers one run trains."""
        ...


def build_network(
    runs: Sequence[Run],
    sample: Sequence[int],
    classes: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedMLP | StackedConvNet:
    """Returns the untrained network of runs that differ in activation, dropout and seed only.

    Args:
        runs: Equal activations side by side.
        sample: Shape of one sample, channels first.
        classes: Number of outputs.
        dtype: Of parameters and samples.
        device: Where everything lives.
    """
    run = runs[0]
    members = [Member(each.activation, each.dropout, each.seed) for each in runs]
    if run.model == "mlp":
        flat = Shape(torch.Size(sample).numel(), run.hidden, classes, run.norm)
        return StackedMLP(flat, members, dtype, device, run.init, run.precision)
    shape = ConvShape(run.model, tuple(sample), run.channels, run.hidden, classes, run.norm)
    return StackedConvNet(shape, members, dtype, device, run.init, run.precision)
