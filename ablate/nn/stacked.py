"""The stacked network: many networks trained as one, each equal to the plain network of `reference`."""

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from ablate.experiment.spec import Init, Precision
from ablate.nn.conv.network import ConvNet
from ablate.nn.linear import StackedLinear
from ablate.nn.loss import cross_entropy
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.parameters import StackParameters


class StackedNetwork:
    """A network for each member, on inputs of shape (runs or 1, batch, *sample) as `arrange` returns samples.

    Training and inference differ in normalization and dropout. Forward and backward are written out layer by layer,
    into permanent buffers; no graph is built in a step, and nothing depends on the value of a tensor.

    Args:
        architecture: What the members share.
        members: One per run; members of equal activation must be adjacent.
        dtype: Of parameters and samples: float32, or float64 for a comparison with the reference.
        device: Where everything lives.
        init: How initial weights are scaled, see `initial.weight_specs`.
        precision: Of products and convolutions, see `linear.multiplication`.
    """

    def __init__(
        self,
        architecture: MLP | ConvNet,
        members: Sequence[Member],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        init: Init = "torch",
        precision: Precision = "fp32",
    ) -> None:
        self.architecture, self.precision = architecture, precision
        self.members, self.arrange = tuple(members), architecture.arrange
        self._build(StackParameters(architecture.specs(init), members, dtype, device), is_observed=False)

    def _build(self, parameters: StackParameters, *, is_observed: bool) -> None:
        self.parameters = parameters
        built = self.architecture.build(parameters, self.precision, is_observed=is_observed)
        self.layers, self.blocks, self.weights, self.dropouts = built
        self.linears = [layer for layer in self.layers if isinstance(layer, StackedLinear)]

    def prepare(self, step: int, batch: int) -> None:
        """Does what `train_step` needs from the host: it makes the dropout uniforms of a step, counted from 0."""
        for dropout in self.dropouts:
            dropout.prepare(step, batch)

    def train_step(self, x: Tensor, labels: Tensor, negative_rate: Tensor | None = None) -> Tensor:
        """Returns the loss of each run on one batch, shape (runs,), and writes the gradients; `prepare` comes before.

        Args:
            x: Inputs, shape (runs, batch, *sample), or (1, batch, *sample) where all runs see the same.
            labels: Shape (runs, batch) or (1, batch).
            negative_rate: Minus the learning rate of plain SGD. All gradients are then multiplied by it, and the
                weights of linear layers are updated at once (`StackedLinear.is_fused`).
        """
        for layer in self.layers:
            x = layer.forward(x)
        losses, grad = cross_entropy(x, labels)
        if negative_rate is not None:
            grad.mul_(negative_rate)
        for linear in self.linears:
            linear.is_fused = negative_rate is not None
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return losses

    def logits(self, x: Tensor) -> Tensor:
        """Returns the outputs at inference, shape (runs, classes, samples), for x as in `train_step`."""
        for layer in self.layers:
            x = layer.infer(x)
        return x

    def twin(self) -> "StackedNetwork":
        """Returns the network without dropout, to be observed; it shares the values of the parameters alone."""
        twin = copy(self)
        twin._build(self.parameters.twin(), is_observed=True)
        return twin
