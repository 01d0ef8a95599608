"""The linear layer of a stack, z = W x + b, in which each run has its own W and b."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ablate.experiment.spec import Precision
from ablate.nn.parameters import Parameter
from ablate.nn.views import Cached

# torch uses other kernels for a batched matrix product if batch * rows * inner * columns is at most this number (ATen's
# mkldnn/Matmul.cpp). The kernel of a small product therefore depends on the number of matrices in the batch.
SMALL = 4096


class Multiply(Protocol):
    """A function that writes the batched matrix product a @ b into `out`, or adds the product to `out`."""

    def __call__(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> object:
        """Multiplies a, shape (runs, rows, inner), by b, shape (runs, inner, columns)."""
        ...


def multiplication(precision: Precision) -> Multiply:
    """Returns the function that computes batched matrix products in the given precision.

    With `bf16`, both operands and the result are rounded to bfloat16, and sums are accumulated in float32. `fp32` and
    `tf32` use the same function, because a setting of the process determines whether a GPU rounds operands to TF32.
    """
    return _rounded if precision == "bf16" else _exact


def _exact(a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> object:
    if _is_single(out):
        product = _sums(a, b)
        return out.add_(product) if add else out.copy_(product)
    return out.baddbmm_(a, b) if add else torch.bmm(a, b, out=out)


def _rounded(a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> object:
    a, b = a.bfloat16(), b.bfloat16()
    is_small = a.size(1) * a.size(2) * b.size(2) <= SMALL and not a.is_cuda
    if is_small or _is_single(out):
        product = torch.empty_like(out)
        _exact(a.to(out.dtype), b.to(out.dtype), product)
        product = product.bfloat16()
    else:
        product = torch.bmm(a, b)
    return out.add_(product) if add else out.copy_(product)


def _is_single(out: Tensor) -> bool:
    """Returns whether a batched matrix product has results with a single row or a single column.

    The rounding of torch's matrix-vector kernels depends on the number of matrices in the batch. With matrix-vector
    kernels, a run trained alone and the same run in a stack could therefore differ in the last bits.
    """
    return out.size(1) == 1 or out.size(2) == 1


def _sums(a: Tensor, b: Tensor) -> Tensor:
    """Returns a batched matrix product with a single row or column, as sums of elementwise products.

    The rounding of these sums does not depend on the number of matrices in the batch.
    """
    if a.size(1) == 1:
        return (a.transpose(1, 2) * b).sum(1, keepdim=True)
    return (a * b.transpose(1, 2)).sum(2, keepdim=True)


class _Buffers(NamedTuple):
    x: Tensor  # (runs, inputs, batch), even if all runs share the inputs
    samples: Tensor  # x viewed as (runs, batch, inputs)
    z: Tensor
    x_grad: Tensor
    sample_grads: Tensor  # x_grad viewed as (runs, batch, inputs)
    is_by_sample: bool  # whether sample_grads is contiguous


class StackedLinear:
    """Computes z = W x + b for W of shape (runs, outputs, inputs) and x of shape (runs, inputs, batch).

    The layer computes the same in training and at inference. If all runs share x, its shape is (1, inputs, batch), and
    x is not copied for each run.

    The layer computes batched matrix products with one matrix per run, so that the bits of a run do not depend on the
    number of runs. If all runs share x, one large matrix product for all runs would be slightly faster, but its bits
    would depend on the number of runs.

    Args:
        weight: Weights of shape (runs, outputs, inputs).
        bias: Biases of shape (runs, outputs), or None.
        multiply: Function that computes batched matrix products, see `multiplication`.
        needs_input_grad: Whether `backward` returns the gradient of x; then each run must have an x of its own.

    Attributes:
        is_fused: Whether `backward` updates the weight. If so, the argument of `backward` must already be multiplied by
            minus the learning rate of plain SGD, and the matrix product that computes the gradient of the weight adds
            its result directly to the weight. A training step thus passes over the weight, the largest tensor of a run,
            twice instead of five times.
    """

    def __init__(
        self, weight: Parameter, bias: Parameter | None, multiply: Multiply, *, needs_input_grad: bool
    ) -> None:
        self.weight, self.bias, self.multiply = weight, bias, multiply
        self.needs_input_grad = needs_input_grad
        self.is_fused = False
        self.transposed = weight.value.transpose(1, 2)
        self.column = None if bias is None else bias.value.unsqueeze(2)
        self.buffers_for = Cached(self._buffers)
        self.buffers: _Buffers

    def forward(self, x: Tensor) -> Tensor:
        """Returns z, shape (runs, outputs, batch), and keeps x for `backward`."""
        self.buffers = self.buffers_for(x)
        return self._affine(self.buffers.x, self.buffers.z)

    def infer(self, x: Tensor) -> Tensor:
        """Returns z as a new tensor."""
        return self._affine(self._expanded(x), self._new_z(x))

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of the parameters and returns the gradient of x, if needed, else an empty tensor."""
        _, samples, _, x_grad, sample_grads, is_by_sample = self.buffers
        if self.bias is not None:
            torch.sum(grad, 2, out=self.bias.grad)
        if self.needs_input_grad and is_by_sample:
            self.multiply(grad.transpose(1, 2), self.weight.value, sample_grads)
        elif self.needs_input_grad:
            self.multiply(self.transposed, grad, x_grad)
        target = self.weight.value if self.is_fused else self.weight.grad
        self.multiply(grad, samples, target, add=self.is_fused)
        return x_grad

    def _affine(self, x: Tensor, out: Tensor) -> Tensor:
        self.multiply(self.weight.value, x, out)
        return out if self.column is None else out.add_(self.column)

    def _buffers(self, x: Tensor) -> _Buffers:
        x = self._expanded(x)
        x_grad = torch.empty_like(x) if self.needs_input_grad else x.new_empty((0, 0, 0))
        samples, sample_grads = x.transpose(1, 2), x_grad.transpose(1, 2)
        return _Buffers(x, samples, self._new_z(x), x_grad, sample_grads, sample_grads.is_contiguous())

    def _new_z(self, x: Tensor) -> Tensor:
        return x.new_empty((*self.weight.value.shape[:2], x.shape[2]))

    def _expanded(self, x: Tensor) -> Tensor:
        """Returns x with one entry for each run along the first axis, without copying a shared x."""
        runs = len(self.weight.value)
        return x if len(x) == runs else x.expand(runs, -1, -1)
