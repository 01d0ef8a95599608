"""The stacked network, which trains the networks of many runs as one network.

For each run, the stacked network computes the same as the plain network in the module `reference`.
"""

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
    """The networks of all runs of a stack, which are trained together and computed by the same operations.

    The network reads inputs of shape (runs, batch, *sample), or (1, batch, *sample) if all runs share the inputs, in
    the layout that `arrange` returns. Only normalization and dropout differ between training and inference. The forward
    and backward passes of all layers are hand-written and use permanent buffers. A training step builds no autograd
    graph, and the operations of a step do not depend on the values of tensors.

    Args:
        architecture: Architecture that all members share.
        members: One member per run; members with the same activation must be adjacent.
        dtype: Type of parameters and samples: float32, or float64 for a comparison with the reference network.
        device: Device of all tensors.
        init: Scheme of the initial weights: `torch`, `kaiming` or `auto-gain`, see `initial.weight_specs`.
        precision: Precision of matrix products and convolutions: `fp32`, `tf32` or `bf16`, see `linear.multiplication`.
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
        """Makes the random numbers for dropout in a step, so that `train_step` needs no data from the CPU.

        Steps are counted from 0.
        """
        for dropout in self.dropouts:
            dropout.prepare(step, batch)

    def train_step(self, x: Tensor, labels: Tensor, negative_rate: Tensor | None = None) -> Tensor:
        """Returns the loss of each run on one batch, shape (runs,), and writes the gradients. Call `prepare` first.

        Args:
            x: Inputs of shape (runs, batch, *sample), or (1, batch, *sample) if all runs see the same inputs.
            labels: Labels of shape (runs, batch), or (1, batch) if all runs have the same labels.
            negative_rate: Minus the learning rate for plain SGD, None for other optimizers. If it is not None, all
                gradients are multiplied by it, and linear layers update their weights in the backward pass (see
                `StackedLinear.is_fused`).
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
        """Returns the logits at inference, shape (runs, classes, samples).

        The inputs x have the same shape as in `train_step`.
        """
        for layer in self.layers:
            x = layer.infer(x)
        return x

    def twin(self) -> "StackedNetwork":
        """Returns a copy without dropout, on which diagnostics compute their quantities.

        The copy shares only the values of the parameters with the original network.
        """
        twin = copy(self)
        twin._build(self.parameters.twin(), is_observed=True)
        return twin
