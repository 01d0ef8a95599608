"""The layers of one convolutional block of one run, in the order in which they are computed."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.activation import function_of
from ablate.nn.conv.convolution import Convolution
from ablate.nn.conv.norms import ConvBatchNorm
from ablate.nn.conv.pooling import MaxPool
from ablate.nn.dropout import StackedDropout
from ablate.nn.layers import Layer, OnlyInTraining, in_order
from ablate.nn.parameters import Parameter


class ConvActivation:
    """Computes y = f(z) for z of shape (batch, *spatial, channels) of one run, in training and at inference.

    Args:
        name: Name of the activation.
        parameters: Trained parameters of the parametric activations, each of shape (1,), by name of the activation.
    """

    def __init__(self, name: str, parameters: Mapping[str, Parameter]) -> None:
        self.function = function_of(name, parameters)
        self.is_monotone = name in ACTIVATIONS and ACTIVATIONS[name].is_monotone
        self.z = self.y = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y = f(z) in training, and may overwrite z with the values that `backward` needs."""
        self.z = z
        if self.y.shape != z.shape:
            self.y = torch.empty_like(z)
        self.function.forward_train(z, self.y)
        return self.y

    def backward(self, grad: Tensor) -> Tensor:
        """Overwrites `grad`, the gradient of y, with the gradient of z, and writes the gradients of the parameters."""
        self.function.backward(grad, self.z, self.y)
        return grad

    def infer(self, z: Tensor) -> Tensor:
        """Returns y = f(z) as a new tensor."""
        y = torch.empty_like(z)
        self.function.forward(z, y)
        return y

    def observed(self) -> tuple[Tensor, Tensor]:
        """Returns y and f'(z) of the last call of `forward`, each of shape (1, channels, samples * positions)."""
        return _by_channel(self.y), _by_channel(self.backward(torch.ones_like(self.y)))


class ChannelDropout(OnlyInTraining):
    """Dropout of whole channels of a sample, for one block of one run; no dropout at inference.

    Neighbouring positions of a channel are strongly correlated, so dropping single positions would have little effect
    (Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015). The layer works like
    `torch.nn.Dropout2d` and `torch.nn.Dropout3d`.

    Args:
        dropout: Dropout of the block for all runs, which makes a mask of shape (channels, batch) for each run.
        run: Index of the run.
    """

    def __init__(self, dropout: StackedDropout, run: int) -> None:
        self.dropout, self.run = dropout, run
        self.mask = self.out = torch.empty(0)

    def forward(self, y: Tensor) -> Tensor:
        """Returns y with dropped channels set to 0 and kept channels scaled, shape (batch, *spatial, channels)."""
        mask = self.dropout.mask(self.run).T.contiguous()
        self.mask = mask.view(len(y), *(1,) * (y.ndim - 2), -1)
        if self.out.shape != y.shape:
            self.out = torch.empty_like(y)
        return torch.mul(y, self.mask, out=self.out)

    def backward(self, grad: Tensor) -> Tensor:
        """Overwrites `grad`, the gradient of the layer's output, with the gradient of the layer's input."""
        return grad.mul_(self.mask)


def block_layers(
    level: str,
    convolution: Convolution,
    norm: Layer | None,
    activation: ConvActivation,
    dropout: ChannelDropout | None,
    pool: MaxPool,
    *,
    is_observed: bool,
) -> list[Layer]:
    """Returns the layers of a block (convolution, norm, activation, dropout, max pooling) in the order of computation.

    Max pooling reduces the data to a quarter or an eighth, so it is computed as early as possible without changing the
    result. Max pooling commutes with dropout of whole channels, with a monotone activation, and with the second half of
    batch norm (see `ConvBatchNorm`).

    Args:
        level: Level of the factor `norm`, such as `batch` or `batch-post`.
        convolution: The convolution layer. At inference, this layer also computes a batch norm directly after it.
        norm: Normalization, or None.
        activation: The activation.
        dropout: Channel dropout, or None.
        pool: The pooling.
        is_observed: Whether diagnostics observe the activation, which must then precede the pooling.
    """
    layers: list[Layer] = in_order(level, convolution, norm, activation, None)
    is_before = not is_observed and activation.is_monotone and layers[-1] is activation
    if isinstance(norm, ConvBatchNorm) and convolution.folded:
        layers[1:2] = [norm.standardize, pool, norm.scale] if is_before else [norm.folded]
    elif is_before:
        layers.insert(-1, pool)
    if not is_before:
        layers.append(pool)
    return [*layers, dropout] if dropout else layers


def _by_channel(z: Tensor) -> Tensor:
    """Returns a view of z, shape (batch, *spatial, channels), with the shape (1, channels, batch * positions)."""
    return z.view(-1, z.shape[-1]).T.unsqueeze(0)
