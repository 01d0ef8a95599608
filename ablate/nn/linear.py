"""The linear layer of a stack: every run's own weights, z = W x + b."""

from typing import Protocol

import torch
from torch import Tensor

from ablate.experiment.spec import Precision


class Multiply(Protocol):
    """Writes the batched product a @ b into out, or adds it to what out holds."""

    def __call__(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> object:
        """Multiplies (runs, rows, inner) by (runs, inner, columns)."""
        ...


def multiplication(precision: Precision) -> Multiply:
    """Returns the batched product in a precision.

    bf16 rounds both operands and the result to bfloat16, which has 8 bits of significand, and adds up in float32. fp32
    and tf32 are the same calls: whether a GPU rounds operands to TF32 in them is a setting of the process.
    """
    return _rounded if precision == "bf16" else _exact


def _exact(a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> object:
    return out.baddbmm_(a, b) if add else torch.bmm(a, b, out=out)


def _rounded(a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> object:
    product = torch.bmm(a.bfloat16(), b.bfloat16())
    return out.add_(product) if add else out.copy_(product)


class StackedLinear:
    """z = W x + b with W of shape (runs, outputs, inputs) on x of shape (runs, inputs, batch).

    The same in training and at inference. An x of shape (1, inputs, batch) is shared by all runs without a copy.

    Products are batched GEMMs of one slice a run, whose bits do not depend on the number of slices. Where x is shared
    one product with the weights of all runs as its rows is a little faster, but its kernel, and so its bits, depend on
    their number.

    Args:
        weight: Shape (runs, outputs, inputs).
        bias: Shape (runs, outputs), or None.
        weight_grad: Where `backward` writes the gradient of the weight, same shape.
        bias_grad: The same for the bias.
        multiply: Writes the products, see `multiplication`.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        weight_grad: Tensor,
        bias_grad: Tensor | None,
        multiply: Multiply,
    ) -> None:
        self.multiply = multiply
        self.weight, self.bias = weight, bias
        self.weight_grad, self.bias_grad = weight_grad, bias_grad
        # A view costs as much as a small operation, so those of what stays in its place are made once.
        self.transposed = weight.transpose(1, 2)
        self.column = None if bias is None else bias.unsqueeze(2)
        self.given = self.x = self.z = self.x_grad = torch.empty(0)
        self.samples, self.sample_grads = self.x, self.x_grad  # the same, as (runs, batch, inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Returns z, shape (runs, outputs, batch), and keeps x for `backward`."""
        if self.given is not x:
            self.given, self.x = x, self._expanded(x)
            self.samples = self.x.transpose(1, 2)
        if self.z.shape[-1] != x.shape[-1]:
            self.z = x.new_empty((*self.weight.shape[:2], x.shape[-1]))
        return self.affine(self.x, self.z)

    def affine(self, x: Tensor, out: Tensor) -> Tensor:
        """Writes W x + b of every run into out, shape (runs, outputs, batch), and returns it."""
        self.multiply(self.weight, self._expanded(x), out)
        return out if self.column is None else out.add_(self.column)

    def backward(self, grad: Tensor, *, needs_input_grad: bool, descends: bool = False) -> Tensor:
        """Writes the parameters' gradients and returns that of x, or an empty tensor where it is not needed.

        Args:
            grad: Of z, shape (runs, outputs, batch).
            needs_input_grad: Whether the gradient of x is wanted, which is then not shared.
            descends: Whether gradients have been multiplied by minus the rate of plain gradient descent. The weight
                then takes its step in the product that would else have written its gradient, so that the largest
                tensor of a run is passed over twice a step and not five times.
        """
        # A product with a single column or row is a kernel of its own, whose bits do depend on the number of slices.
        single = self.x.shape[1] == 1
        if self.bias_grad is not None:
            torch.sum(grad, 2, out=self.bias_grad)
        if needs_input_grad:
            if self.x_grad.shape != self.x.shape:
                self.x_grad = torch.empty_like(self.x)
                self.sample_grads = self.x_grad.transpose(1, 2)
            if single:
                torch.sum(self.weight * grad, 1, keepdim=True, out=self.x_grad)
            elif self.sample_grads.is_contiguous():
                self.multiply(grad.transpose(1, 2), self.weight, self.sample_grads)
            else:
                self.multiply(self.transposed, grad, self.x_grad)
        if single:
            torch.sum(grad * self.x, 2, keepdim=True, out=self.weight_grad)
            if descends:
                self.weight.add_(self.weight_grad)
        else:
            place = self.weight if descends else self.weight_grad
            self.multiply(grad, self.samples, place, add=descends)
        return self.x_grad

    def _expanded(self, x: Tensor) -> Tensor:
        """Returns x with a slice for each run."""
        return x if len(x) == len(self.weight) else x.expand(len(self.weight), -1, -1)
