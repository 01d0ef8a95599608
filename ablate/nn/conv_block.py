"""One block of one run of a convolutional network."""

import torch
from torch import Tensor

from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.activation import StackedActivation
from ablate.nn.conv import Convolution
from ablate.nn.conv_batch_norm import ConvBatchNorm
from ablate.nn.pooling import MaxPool


class ConvBlock:
    """Convolution, [batch norm], activation, [batch norm], [channel dropout], max pooling.

    Training and inference differ in batch norm and dropout. Dropout takes whole channels (Tompson et al., "Efficient
    Object Localization Using Convolutional Networks", 2015), because neighbouring positions of a channel say nearly the
    same; it is `torch.nn.Dropout2d` and `Dropout3d`, after the activation as in the hidden layers.

    What is computed is that, but in a cheaper order where the result is the same: pooling commutes with the scaling by
    0 or 1 / (1 - p) of channel dropout, and with an activation that never falls, which then sees a quarter of the
    numbers, or an eighth.

    Args:
        convolution: Of this run.
        norm: Of this run, if any.
        place: Where batch norm stands.
        activation: Of a stack of this run alone, on (1, 1, numbers).
        name: Of the activation.
        window: What is pooled over.
    """

    def __init__(
        self,
        convolution: Convolution,
        norm: ConvBatchNorm | None,
        place: str,
        activation: StackedActivation,
        name: str,
        window: tuple[int, ...],
    ) -> None:
        self.convolution, self.activation = convolution, activation
        self.before = norm if place == "batch" else None
        self.after = norm if place == "batch-post" else None
        self.pool = MaxPool(window)
        self.pools_first = name in ACTIVATIONS and ACTIVATIONS[name].is_monotone and not self.after
        self.mask: Tensor | None = None
        self.dropped = torch.empty(0)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Returns the output, and keeps what `backward` needs.

        Args:
            x: Shape (batch, *spatial, inputs).
            mask: 0 or 1 / (1 - p) for each sample and channel, shape (batch, channels), or None for no dropout.
        """
        y = self.convolution.forward(x)
        if self.before and self.pools_first:
            y = self.before.scale(self.pool.forward(self.before.normalize(y)))
        elif self.before:
            y = self.before.forward(y)
        elif self.pools_first:
            y = self.pool.forward(y)
        y = self.activation.forward(y.view(1, 1, -1)).view_as(y)
        if self.after:
            y = self.after.forward(y)
        if not self.pools_first:
            y = self.pool.forward(y)
        self.mask = None if mask is None else mask.view(len(y), *(1,) * (y.ndim - 2), -1)
        if self.mask is None:
            return y
        if self.dropped.shape != y.shape:
            self.dropped = torch.empty_like(y)
        return torch.mul(y, self.mask, out=self.dropped)

    def backward(self, grad: Tensor, *, needs_input_grad: bool) -> Tensor:
        """Writes the parameters' gradients and returns that of x, for that of the output, which is overwritten."""
        if self.mask is not None:
            grad = grad.mul_(self.mask)
        if not self.pools_first:
            grad = self.pool.backward(grad)
        if self.after:
            grad = self.after.backward(grad)
        grad = self.activation.backward(grad.view(1, 1, -1)).view_as(grad)
        if self.before and self.pools_first:
            grad = self.before.normalize_backward(self.pool.backward(self.before.scale_backward(grad)))
        elif self.before:
            grad = self.before.backward(grad)
        elif self.pools_first:
            grad = self.pool.backward(grad)
        return self.convolution.backward(grad, needs_input_grad=needs_input_grad)

    def apply(self, x: Tensor) -> Tensor:
        """Returns the output at inference; batch norm before the activation goes into the kernel."""
        weight, bias = self.convolution.weight, self.convolution.bias
        if self.before:
            slope, bias = self.before.inference_line()
            weight = weight * slope.view(-1, *(1,) * (weight.ndim - 1))
        y = self.convolution.product(x, weight, bias)
        if self.pools_first:
            y = self.pool.apply(y)
        y = self.activation.apply(y.view(1, 1, -1), torch.empty_like(y).view(1, 1, -1)).view_as(y)
        if self.after:
            slope, offset = self.after.inference_line()
            y = torch.addcmul(offset, y, slope)
        return y if self.pools_first else self.pool.apply(y)
