"""The convolution of one run, forward and backward through torch's own kernels, with the channels last."""

import torch
from torch import Tensor

from ablate.experiment.spec import Precision

aten = torch.ops.aten


class Convolution:
    """z = W * x + b, padded so that sizes stay; the same in training and at inference.

    x has shape (batch, *spatial, inputs) and z (batch, *spatial, outputs): the memory of torch's channels_last format,
    in which convolutions are fastest on a CPU, with one channel or three as well as with many.

    Args:
        weight: Shape (outputs, *kernel, inputs), of odd sizes.
        bias: Shape (outputs,), or None.
        weight_grad: Where `backward` writes the gradient of the weight, same shape.
        bias_grad: The same for the bias.
        precision: bf16 rounds what goes in and what comes out to bfloat16; fp32 and tf32 are the same calls.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        weight_grad: Tensor,
        bias_grad: Tensor | None,
        precision: Precision,
    ) -> None:
        self.rounded = torch.bfloat16 if precision == "bf16" else weight.dtype
        self.weight, self.bias = weight, bias
        self.weight_grad, self.bias_grad = weight_grad, bias_grad
        self.x = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """Returns z and keeps x for `backward`."""
        self.x = x
        return self.product(x, self.weight, self.bias)

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Returns W * x + b in this layer's precision, for any weight and bias."""
        z = convolve(
            x.to(self.rounded), weight.to(self.rounded), None if bias is None else bias.to(self.rounded)
        )
        return z.to(x.dtype)

    def backward(self, grad: Tensor, *, needs_input_grad: bool) -> Tensor:
        """Writes the parameters' gradients and returns that of x, or an empty tensor where it is not needed."""
        rounded, x, weight = (tensor.to(self.rounded) for tensor in (grad, self.x, self.weight))
        x_grad, weight_grad = convolution_gradients(rounded, x, weight, needs_input_grad)
        self.weight_grad.copy_(weight_grad)
        if self.bias_grad is not None:
            torch.sum(grad.view(-1, grad.shape[-1]), 0, out=self.bias_grad)
        return x_grad.to(grad.dtype)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Returns W * x + b, shape (batch, *spatial, outputs)."""
    ones = [1] * (weight.ndim - 2)
    padding = [size // 2 for size in weight.shape[1:-1]]
    z = aten.convolution(
        channels_first(x), channels_first(weight), bias, ones, padding, ones, False, [0] * len(ones), 1
    )
    return channels_last(z)


def convolution_gradients(
    grad: Tensor, x: Tensor, weight: Tensor, needs_input_grad: bool
) -> tuple[Tensor, Tensor]:
    """Returns the gradients of x (empty where it is not needed) and of the weight, for that of z."""
    ones = [1] * (weight.ndim - 2)
    padding = [size // 2 for size in weight.shape[1:-1]]
    x_grad, weight_grad, _ = aten.convolution_backward(
        channels_first(grad),
        channels_first(x),
        channels_first(weight),
        None,
        ones,
        padding,
        ones,
        False,
        [0] * len(ones),
        1,
        [needs_input_grad, True, False],
    )
    return channels_last(x_grad) if needs_input_grad else x.new_empty(0), weight_grad.movedim(1, -1)


def channels_first(x: Tensor) -> Tensor:
    """Returns (batch, *spatial, channels) as (batch, channels, *spatial), the same memory."""
    return x.movedim(-1, 1)


def channels_last(x: Tensor) -> Tensor:
    """Returns (batch, channels, *spatial) as contiguous (batch, *spatial, channels), a copy only if it has to be."""
    return x.movedim(1, -1).contiguous()
