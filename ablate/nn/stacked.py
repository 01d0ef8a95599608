"""The stacked network trains many networks as one. Each equals the plain network of `reference`."""

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
    """One network per member, for inputs of shape (runs or 1, batch, *sample) in the layout that `arrange` returns.

    Training and inference differ in normalization and dropout. Forward and backward passes are explicit for each layer
    and use permanent buffers. A step builds no autograd graph, and nothing in it depends on the value of a tensor.

    Args:
        architecture: Architecture shared by the members.
        members: One member per run; members with the same activation must be adjacent.
        dtype: Type of parameters and samples: float32, or float64 for a comparison with the reference.
        device: Device of all tensors.
        init: Name of the scale of initial weights, see `initial.weight_specs`.
        precision: Precision of products and convolutions, see `linear.multiplication`.
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
        """Makes the dropout uniforms of a step, counted from 0. `train_step` itself needs nothing from the host."""
        for dropout in self.dropouts:
            dropout.prepare(step, batch)

    def train_step(self, x: Tensor, labels: Tensor, negative_rate: Tensor | None = None) -> Tensor:
        """Returns the loss of each run on one batch, shape (runs,), and writes the gradients. Call `prepare` first.

        Args:
            x: Inputs of shape (runs, batch, *sample), or (1, batch, *sample) if all runs see the same inputs.
            labels: Labels of shape (runs, batch) or (1, batch).
            negative_rate: Minus the learning rate of plain SGD. If given, all gradients are multiplied by it, and the
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
        """Returns a copy without dropout for diagnostics. It shares only the parameter values with this network."""
        twin = copy(self)
        twin._build(self.parameters.twin(), is_observed=True)
        return twin
