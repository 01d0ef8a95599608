"""The convolution layer of one run, computed by torch's own kernels on tensors with the channels last."""

import torch
from torch import Tensor

from ablate.experiment.spec import Precision
from ablate.nn.batch_norm import BatchNorm
from ablate.nn.parameters import Parameter

aten = torch.ops.aten


class Convolution:
    """Computes the convolution z = W * x + b, padded so that z has the spatial sizes of x.

    x has shape (batch, *spatial, inputs) and z has shape (batch, *spatial, outputs). In memory, this is torch's
    channels_last format, the fastest for convolutions on a CPU with any number of channels.

    Args:
        weight: Kernel of shape (outputs, *kernel, inputs), with odd sizes along the spatial axes.
        bias: Bias of shape (outputs,), or None.
        precision: Precision of operands and results. `bf16` rounds them to bfloat16; `fp32` and `tf32` use the same
            functions of torch.
        needs_input_grad: Whether `backward` returns the gradient of x.
        folded: The batch norm directly after the convolution, or None. At inference, the convolution also computes this
            batch norm, with a changed kernel and bias.
    """

    def __init__(
        self,
        weight: Parameter,
        bias: Parameter | None,
        precision: Precision,
        *,
        needs_input_grad: bool,
        folded: BatchNorm | None,
    ) -> None:
        self.rounded = torch.bfloat16 if precision == "bf16" else weight.value.dtype
        self.weight, self.bias, self.folded = weight, bias, folded
        self.needs_input_grad = needs_input_grad
        self.x = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """Returns z and keeps x for `backward`."""
        self.x = x
        return self._product(x, self.weight.value, None if self.bias is None else self.bias.value)

    def infer(self, x: Tensor) -> Tensor:
        """Returns z or, if `folded` is not None, the output of this batch norm at inference."""
        weight, bias = self.weight.value, None if self.bias is None else self.bias.value
        if self.folded:
            slope, bias = self.folded.inference_line()
            weight = weight * slope.view(-1, *(1,) * (weight.ndim - 1))
        return self._product(x, weight, bias)

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of the parameters and returns the gradient of x, if needed, else an empty tensor."""
        operands = (tensor.to(self.rounded) for tensor in (grad, self.x, self.weight.value))
        x_grad, weight_grad = _gradients(*operands, needs_input_grad=self.needs_input_grad)
        self.weight.grad.copy_(weight_grad)
        if self.bias is not None:
            torch.sum(grad.view(-1, grad.shape[-1]), 0, out=self.bias.grad)
        return x_grad.to(grad.dtype)

    def _product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rounded = None if bias is None else bias.to(self.rounded)
        return _convolve(x.to(self.rounded), weight.to(self.rounded), rounded).to(x.dtype)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Returns the convolution W * x + b, a tensor of shape (batch, *spatial, outputs)."""
    return _channels_last(
        aten.convolution(_channels_first(x), _channels_first(weight), bias, *_geometry(weight))
    )


def _gradients(grad: Tensor, x: Tensor, weight: Tensor, *, needs_input_grad: bool) -> tuple[Tensor, Tensor]:
    """Returns the gradients of x (empty if not needed) and of the weight. `grad` is the gradient of the output z."""
    tensors = map(_channels_first, (grad, x, weight))
    x_grad, weight_grad, _ = aten.convolution_backward(
        *tensors, None, *_geometry(weight), [needs_input_grad, True, False]
    )
    return _channels_last(x_grad) if needs_input_grad else x.new_empty(0), weight_grad.movedim(1, -1)


def _geometry(weight: Tensor) -> tuple[object, ...]:
    """Returns the stride, padding, dilation, transposition (False), output padding and groups of a convolution."""
    ones = [1] * (weight.ndim - 2)
    return ones, [size // 2 for size in weight.shape[1:-1]], ones, False, [0] * len(ones), 1


def _channels_first(x: Tensor) -> Tensor:
    """Returns a view of x, shape (batch, *spatial, channels), with the axes (batch, channels, *spatial)."""
    return x.movedim(-1, 1)


def _channels_last(x: Tensor) -> Tensor:
    """Returns x, shape (batch, channels, *spatial), as a contiguous tensor of shape (batch, *spatial, channels).

    x is copied only if necessary.
    """
    return x.movedim(1, -1).contiguous()
