"""The linear layer of a stack, z = W x + b with each run's own weights."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ablate.experiment.spec import Precision
from ablate.nn.parameters import Parameter
from ablate.nn.views import Cached

# torch leaves batched products to other kernels up to this many of slices * rows * inner * columns (ATen's
# mkldnn/Matmul.cpp), so that the kernel of a small product depends on the number of slices.
SMALL = 4096


class Multiply(Protocol):
    """Writes the batched product a @ b into out, or adds it to what out holds."""

    def __call__(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> object:
        """Multiplies (runs, rows, inner) by (runs, inner, columns)."""
        ...


def multiplication(precision: Precision) -> Multiply:
    """Returns the batched product in a precision.

    bf16 rounds both operands and the result to bfloat16, which has 8 bits of significand, and accumulates in float32.
    fp32 and tf32 are the same calls: whether a GPU rounds operands to TF32 in them is a setting of the process.
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
    """Says whether a product has a single row or column.

    The kernels of matrix-vector products round differently for different numbers of slices, so a run would get
    other bits alone than in a stack.
    """
    return out.size(1) == 1 or out.size(2) == 1


def _sums(a: Tensor, b: Tensor) -> Tensor:
    """Returns a product with a single row or column by kernels whose bits do not depend on the number of slices."""
    if a.size(1) == 1:
        return (a.transpose(1, 2) * b).sum(1, keepdim=True)
    return (a * b.transpose(1, 2)).sum(2, keepdim=True)


class _Buffers(NamedTuple):
    x: Tensor  # with a slice for each run
    samples: Tensor  # the same as (runs, batch, inputs)
    z: Tensor
    x_grad: Tensor
    sample_grads: Tensor  # the same as (runs, batch, inputs)
    is_by_sample: bool  # whether that is the contiguous one


class StackedLinear:
    """z = W x + b with W of shape (runs, outputs, inputs) on x of shape (runs, inputs, batch).

    The same in training and at inference. An x of shape (1, inputs, batch) is shared by all runs without a copy.

    Products are batched GEMMs with one slice per run, whose bits do not depend on the number of slices. For a shared x
    one product with the weights of all runs as its rows would be slightly faster, but its kernel, and with it its bits,
    depend on their number.

    Args:
        weight: Shape (runs, outputs, inputs).
        bias: Shape (runs, outputs), or None.
        multiply: Computes the products, see `multiplication`.
        needs_input_grad: Whether `backward` returns the gradient of x, which is then not shared.

    Attributes:
        is_fused: Whether gradients have been multiplied by minus the rate of plain SGD. The SGD update is then fused
            into the GEMM that would have written the gradient of the weight, so that the largest tensor of a run is
            passed over twice per step and not five times.
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
        """Returns z in a tensor of its own."""
        return self._affine(self._expanded(x), self._new_z(x))

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the parameters' gradients and returns that of x, or an empty tensor where it is not needed."""
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
        """Returns x with a slice for each run."""
        runs = len(self.weight.value)
        return x if len(x) == runs else x.expand(runs, -1, -1)
