"""One block of one run of a convolutional network, and the layers that only such blocks have."""

import torch
from torch import Tensor

from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.activation import StackedActivation
from ablate.nn.conv.convolution import Convolution
from ablate.nn.conv.norms import ConvBatchNorm
from ablate.nn.conv.pooling import MaxPool
from ablate.nn.dropout import StackedDropout
from ablate.nn.layers import Layer, in_order
from ablate.nn.members import Segment
from ablate.nn.parameters import Parameter


class ConvActivation(StackedActivation):
    """y = f(z) on z of shape (batch, *spatial, channels) of one run.

    Args:
        name: Of the activation.
        parameters: As of `StackedActivation`, each of shape (1,).
    """

    def __init__(self, name: str, parameters: dict[str, Parameter]) -> None:
        super().__init__([Segment(name, 0, 1)], parameters)
        self.is_monotone = name in ACTIVATIONS and ACTIVATIONS[name].is_monotone

    def forward(self, z: Tensor) -> Tensor:
        """Returns y; z is overwritten by what `backward` needs of it."""
        return super().forward(z.unsqueeze(0))[0]

    def backward(self, grad: Tensor) -> Tensor:
        """Turns the gradient of y into that of z, in place, and writes the gradients of parameters."""
        return super().backward(grad.unsqueeze(0))[0]

    def infer(self, z: Tensor) -> Tensor:
        """Returns y in a tensor of its own."""
        return super().infer(z.unsqueeze(0))[0]

    def observed(self) -> tuple[Tensor, Tensor]:
        """Returns y and f'(z) of the last `forward`, each (1, channels, samples * positions)."""
        y, derivative = self.y[0], self.backward(torch.ones_like(self.y[0]))
        return _by_channel(y), _by_channel(derivative)


class ChannelMasks:
    """The masks of one block's dropout for all runs, in which a whole channel of a sample is dropped or kept.

    Neighbouring positions of a channel are strongly correlated, so dropping them singly would do little (Tompson et
    al., "Efficient Object Localization Using Convolutional Networks", 2015). Equals `torch.nn.Dropout2d` and 3d.

    Args:
        dropout: On (runs, channels, batch).
        runs: How many.
    """

    def __init__(self, dropout: StackedDropout, runs: int) -> None:
        self.dropout, self.runs = dropout, runs
        self.ones = self.masks = torch.empty(0)

    def make(self, batch: int) -> None:
        """Makes the masks of a step, 0 or 1 / (1 - p) for each sample and channel, (runs, batch, channels)."""
        shape = (self.runs, self.dropout.features, batch)
        if self.ones.shape != shape:
            self.ones = self.dropout.rates.new_ones(shape)
        self.masks = self.dropout.forward(self.ones).transpose(1, 2).contiguous()


class ChannelDropout:
    """The dropout of one block of one run; at inference the identity.

    Args:
        masks: Of all runs.
        run: Which of them.
    """

    def __init__(self, masks: ChannelMasks, run: int) -> None:
        self.masks, self.run = masks, run
        self.mask = self.out = torch.empty(0)

    def forward(self, y: Tensor) -> Tensor:
        """Returns y, shape (batch, *spatial, channels), with dropped channels at 0 and the others scaled."""
        self.mask = self.masks.masks[self.run].view(len(y), *(1,) * (y.ndim - 2), -1)
        if self.out.shape != y.shape:
            self.out = torch.empty_like(y)
        return torch.mul(y, self.mask, out=self.out)

    def backward(self, grad: Tensor) -> Tensor:
        """Turns the gradient of the output into that of y, in place."""
        return grad.mul_(self.mask)

    def infer(self, y: Tensor) -> Tensor:
        """Returns y."""
        return y


def block_layers(
    level: str,
    convolution: Convolution,
    norm: Layer | None,
    activation: ConvActivation,
    dropout: ChannelDropout | None,
    pool: MaxPool,
    *,
    pools_early: bool,
) -> list[Layer]:
    """Returns convolution, [norm], activation, [norm], [channel dropout], max pooling in the order of computation.

    Pooling is computed as early as the result stays the same, since after it there are a quarter of the numbers, or an
    eighth. It commutes with dropout of whole channels, with a monotone activation, and with half of batch norm.

    Args:
        level: Level of the factor `norm`.
        convolution: With batch norm before the activation folded in at inference.
        norm: The normalization.
        activation: The activation.
        dropout: The dropout.
        pool: The pooling.
        pools_early: Whether pooling may precede the activation.
    """
    layers: list[Layer] = in_order(level, convolution, norm, activation, None)
    is_before = pools_early and activation.is_monotone and layers[-1] is activation
    if isinstance(norm, ConvBatchNorm) and convolution.folded:
        layers[1:2] = [norm.standardize, pool, norm.scale] if is_before else [norm.folded]
    elif is_before:
        layers.insert(-1, pool)
    if not is_before:
        layers.append(pool)
    return [*layers, dropout] if dropout else layers


def _by_channel(z: Tensor) -> Tensor:
    """Views (batch, *spatial, channels) as (1, channels, batch * positions)."""
    return z.view(-1, z.shape[-1]).T.unsqueeze(0)
