"""Activation functions by name, with kernels that write f(z) and the gradient of z into given buffers.

The built-in functions do not use autograd, because a stack applies each function to a slice of its runs. In autograd, a
slice of a tensor costs a copy in the forward pass and a zero-filled gradient of full size in the backward pass. Each
built-in function computes the same values as its counterpart in `torch.nn`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ablate.nn.constants import LOG2_E, constant

aten = torch.ops.aten


class Activation(NamedTuple):
    """An elementwise function f with its derivative f'.

    Attributes:
        forward: Function `(z, out)` that writes f(z) into `out` and leaves z unchanged.
        backward: Function `(grad, kept, y)` that multiplies `grad` by f'(z) in place. y is f(z), and `kept` is the
            tensor z, which `forward_train` may have overwritten.
        forward_train: Function `(z, out)` that writes f(z) into `out` and may overwrite z with the values that
            `backward` needs.
    """

    forward: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor, Tensor], object]
    forward_train: Callable[[Tensor, Tensor], object]


def plain(
    forward: Callable[[Tensor, Tensor], object], backward: Callable[[Tensor, Tensor, Tensor], object]
) -> Activation:
    """Returns an activation that leaves z unchanged in training, so that `backward` computes the derivative from z."""
    return Activation(forward, backward, forward)


def _with_derivative(
    forward: Callable[[Tensor, Tensor], object], forward_train: Callable[[Tensor, Tensor], object]
) -> Activation:
    """Returns an activation whose `forward_train` computes f(z) and overwrites z with the derivative f'(z).

    The values f(z) and f'(z) are computed together, because both need mostly the same operations.
    """
    return Activation(forward, lambda grad, derivative, y: grad.mul_(derivative), forward_train)


def value_and_derivative(function: Activation, z: Tensor) -> tuple[Tensor, Tensor]:
    """Returns f(z) and f'(z) of an activation function, computed by the same kernels as in training."""
    kept, y, derivative = z.clone(), torch.empty_like(z), torch.ones_like(z)
    function.forward_train(kept, y)
    function.backward(derivative, kept, y)
    return y, derivative


def _tanh(z: Tensor, out: Tensor) -> None:
    """Writes tanh(z), computed as e / (e + 2) with e = exp(2z) - 1, into `out`.

    The formula e / (e + 2) takes two thirds of the time of torch.tanh and is as exact near 0. Large z are clamped to a
    value at which tanh(z) rounds to 1, so that the exponential does not overflow.
    """
    torch.add(z, z, out=out).clamp_max_(40.0).expm1_()
    out.div_(out + constant(2, z.dtype))


def _silu_train(z: Tensor, out: Tensor) -> None:
    """Writes y = silu(z) = z s, with s = sigmoid(z), into `out` and overwrites z with the derivative s + y - y s."""
    sigmoid = torch.sigmoid(z)
    torch.mul(z, sigmoid, out=out)
    torch.addcmul(sigmoid, out, sigmoid, value=-1, out=z).add_(out)


def _gelu_train(z: Tensor, out: Tensor) -> None:
    """Writes gelu(z) into `out` and overwrites z with the derivative (Hendrycks and Gimpel, 2016).

    With the standard normal distribution function P(z), gelu(z) is z P(z), and its derivative is
    P(z) + z exp(-z^2 / 2) / sqrt(2 pi). P(z) is computed as gelu(z) / z, and as 1/2 at z = 0.
    """
    aten.gelu.out(z, out=out)
    share = torch.div(out, z).nan_to_num_(nan=0.5)
    density = torch.square(z).mul_(constant(-0.5 * LOG2_E, z.dtype)).exp2_()
    torch.addcmul(share, density, z, value=1 / math.sqrt(2 * math.pi), out=z)


def _mish_parts(z: Tensor) -> tuple[Tensor, Tensor]:
    """Returns e = exp(z) and n = e (e + 2), from which mish(z) = z tanh(softplus(z)) = z n / (n + 2) follows.

    The formula n / (n + 2) for tanh(softplus(z)) is accurate even for very negative z. Values of z above 20 are
    replaced by 20, so that the square of exp(z) does not overflow; for these z, tanh(softplus(z)) is 1 in every bit of
    float32.
    """
    e = torch.clamp_max(z, 20.0).mul_(constant(LOG2_E, z.dtype)).exp2_()
    return e, torch.add(e, constant(2, z.dtype)).mul_(e)


def _mish(z: Tensor, out: Tensor) -> None:
    _, n = _mish_parts(z)
    torch.mul(z, n, out=out).div_(n.add_(constant(2, z.dtype)))


def _mish_train(z: Tensor, out: Tensor) -> None:
    """Writes mish(z) into `out` and overwrites z with the derivative (Misra, 2019).

    With e and n from `_mish_parts` and t = n / (n + 2), the derivative is t + 4 z e (e + 1) / (n + 2)^2.
    """
    e, n = _mish_parts(z)
    below = n + constant(2, z.dtype)
    t = n.div_(below)
    torch.mul(z, t, out=out)
    e.addcmul_(e, e).div_(below).div_(below)
    torch.addcmul(t, z, e, value=4, out=z)


def _elu_train(z: Tensor, out: Tensor) -> None:
    """Writes elu(z) into `out` and overwrites z with the derivative, which is 1 if z > 0 and elu(z) + 1 otherwise."""
    aten.elu.out(z, out=out)
    torch.clamp_max(out, 0.0, out=z).add_(constant(1, z.dtype))


def _clipped(low: float, high: float) -> Activation:
    return plain(
        lambda z, out: aten.hardtanh.out(z, low, high, out=out),
        lambda grad, z, y: aten.hardtanh_backward.grad_input(grad, z, low, high, grad_input=grad),
    )


# Constants of selu from Klambauer et al., "Self-Normalizing Neural Networks", 2017; all others are torch's defaults.
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805

# Kernels by their names in `experiment.activations.ACTIVATIONS`; functions with parameters are in parametric.py.
ACTIVATIONS: dict[str, Activation] = {
    "identity": plain(lambda z, out: out.copy_(z), lambda grad, z, y: grad),
    "sigmoid": plain(
        lambda z, out: torch.sigmoid(z, out=out),
        lambda grad, z, y: aten.sigmoid_backward.grad_input(grad, y, grad_input=grad),
    ),
    "tanh": plain(_tanh, lambda grad, z, y: aten.tanh_backward.grad_input(grad, y, grad_input=grad)),
    "relu": plain(
        lambda z, out: torch.clamp_min(z, 0.0, out=out),
        lambda grad, z, y: aten.threshold_backward.grad_input(grad, y, 0.0, grad_input=grad),
    ),
    "leaky_relu": plain(
        lambda z, out: aten.leaky_relu.out(z, 0.01, out=out),
        lambda grad, z, y: aten.leaky_relu_backward.grad_input(grad, z, 0.01, False, grad_input=grad),
    ),
    "elu": _with_derivative(lambda z, out: aten.elu.out(z, out=out), _elu_train),
    "selu": plain(
        lambda z, out: aten.elu.out(z, _ALPHA, _SCALE, 1.0, out=out),
        lambda grad, z, y: aten.elu_backward.grad_input(grad, _ALPHA, _SCALE, 1.0, False, z, grad_input=grad),
    ),
    "celu": _with_derivative(
        lambda z, out: aten.elu.out(z, out=out), _elu_train
    ),  # equal to elu at celu's default alpha of 1
    "gelu": _with_derivative(lambda z, out: aten.gelu.out(z, out=out), _gelu_train),
    "silu": _with_derivative(lambda z, out: aten.silu.out(z, out=out), _silu_train),
    "mish": _with_derivative(_mish, _mish_train),
    "softplus": plain(
        lambda z, out: aten.softplus.out(z, out=out),
        lambda grad, z, y: aten.softplus_backward.grad_input(grad, z, 1, 20, grad_input=grad),
    ),
    "softsign": plain(
        lambda z, out: torch.div(z, torch.abs(z, out=out).add_(constant(1, z.dtype)), out=out),
        lambda grad, z, y: grad.div_(torch.abs(z).add_(constant(1, z.dtype)).square_()),
    ),
    "hardswish": plain(
        lambda z, out: aten.hardswish.out(z, out=out),
        lambda grad, z, y: grad.copy_(aten.hardswish_backward(grad, z)),
    ),
    "hardtanh": _clipped(-1.0, 1.0),
    "relu6": _clipped(0.0, 6.0),
    "logsigmoid": plain(
        lambda z, out: out.copy_(F.logsigmoid(z)), lambda grad, z, y: grad.mul_(torch.neg(z).sigmoid_())
    ),
    "tanhshrink": plain(
        lambda z, out: torch.sub(z, torch.tanh(z, out=out), out=out),
        # y is z - tanh(z), with the derivative tanh(z) ** 2, so that z - y is tanh(z).
        lambda grad, z, y: grad.mul_(torch.sub(z, y).square_()),
    ),
    "softshrink": plain(
        lambda z, out: aten.softshrink.out(z, 0.5, out=out),
        lambda grad, z, y: aten.softshrink_backward.grad_input(grad, z, 0.5, grad_input=grad),
    ),
}
