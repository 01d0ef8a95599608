"""Activation functions as pairs of forward and derivative that write into buffers they are given.

Written out instead of left to autograd: a stack applies each function to a slice of its runs, and slices of a graph
cost a copy forward and a full-size zero-filled gradient backward. The oracle for every pair is `torch.nn`.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ablate.errors import SpecError

aten = torch.ops.aten


class Activation(NamedTuple):
    """An elementwise function with its derivative.

    Attributes:
        forward: `(z, out)` writes f(z) into out.
        backward: `(grad, z, y, out)` writes grad * f'(z) into out, where y is f(z).
    """

    forward: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor, Tensor, Tensor], object]


def resolve(name: str) -> Activation:
    """Returns the activation of this name, importing a user's own where the name is `package.module:Name`.

    Raises:
        SpecError: There is no such module or name, or it is no elementwise function without parameters.
    """
    return ACTIVATIONS[name] if name in ACTIVATIONS else from_callable(_imported(name), name)


def from_callable(function: Callable[[Tensor], Tensor], name: str) -> Activation:
    """Returns the activation made of a differentiable elementwise function, its derivative taken by autograd.

    Raises:
        SpecError: It fails, returns no tensor of the same shape and type, mixes elements or is random.
    """
    _check(function, name)

    def forward(z: Tensor, out: Tensor) -> None:
        with torch.no_grad():
            out.copy_(function(z))

    def backward(grad: Tensor, z: Tensor, y: Tensor, out: Tensor) -> None:
        del y
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            out.copy_(torch.autograd.grad(function(leaf), leaf, grad)[0])

    return Activation(forward, backward)


def _check(function: Callable[[Tensor], Tensor], name: str) -> None:
    """Refuses what is no differentiable elementwise function: one that fails, mixes elements or is random."""
    probe = torch.linspace(-3, 3, 48).view(2, 3, 8)
    try:
        with torch.enable_grad():
            leaf = probe.clone().requires_grad_()
            result = function(leaf)
            if isinstance(result, Tensor) and result.dtype == probe.dtype:
                torch.autograd.grad(result.sum(), leaf)
            again = [function(part.clone()) for part in probe.view(6, 8)]
    except Exception as error:  # whatever a user's code raises is the user's to mend
        raise SpecError(
            f"--activation: {name!r} fails on a tensor ({type(error).__name__}: {error})"
        ) from None
    if not isinstance(result, Tensor) or result.shape != probe.shape or result.dtype != probe.dtype:
        raise SpecError(
            f"--activation: {name!r} returns {_described(result)} for a float32 tensor of shape (2, 3, 8); "
            "legal is an elementwise function, which returns a tensor of the same shape and type"
        )
    if not torch.allclose(
        torch.stack(again).view_as(probe), result.detach(), rtol=1e-5, atol=1e-6, equal_nan=True
    ):
        raise SpecError(
            f"--activation: {name!r} returns other values for the same numbers in another tensor; legal is a function "
            "of each element alone, without randomness"
        )


def _described(result: object) -> str:
    return (
        f"{result.dtype} of shape {tuple(result.shape)}"
        if isinstance(result, Tensor)
        else type(result).__name__
    )


def _imported(name: str) -> Callable[[Tensor], Tensor]:
    module_name, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise SpecError(
            f"--activation: {name!r} cannot be imported ({error}); legal is package.module:Name"
        ) from None
    if isinstance(found, type) and issubclass(found, torch.nn.Module):
        try:
            module = found()
        except TypeError as error:
            raise SpecError(f"--activation: {name!r} cannot be made without arguments ({error})") from None
        if next(module.parameters(), None) is not None:
            raise SpecError(
                f"--activation: {name!r} has parameters of its own; legal are functions without any"
            )
        return module
    if not callable(found):
        raise SpecError(
            f"--activation: {name!r} is a {type(found).__name__}; legal is a function or a torch Module"
        )
    return found  # type: ignore[no-any-return]  # what it returns is checked by from_callable


def _softsign_backward(grad: Tensor, z: Tensor, y: Tensor, out: Tensor) -> None:
    del y
    torch.abs(z, out=out)
    torch.div(grad, out.add_(1).square_(), out=out)


def _logsigmoid_backward(grad: Tensor, z: Tensor, y: Tensor, out: Tensor) -> None:
    del y
    torch.neg(z, out=out)
    out.sigmoid_().mul_(grad)


def _tanhshrink_backward(grad: Tensor, z: Tensor, y: Tensor, out: Tensor) -> None:
    torch.sub(z, y, out=out)  # tanh(z), and the derivative of z - tanh(z) is tanh(z) ** 2
    out.square_().mul_(grad)


def _elu(alpha: float, scale: float) -> Activation:
    return Activation(
        lambda z, out: aten.elu.out(z, alpha, scale, 1.0, out=out),
        lambda grad, z, y, out: aten.elu_backward.grad_input(
            grad, alpha, scale, 1.0, False, z, grad_input=out
        ),
    )


def _clipped(low: float, high: float) -> Activation:
    return Activation(
        lambda z, out: aten.hardtanh.out(z, low, high, out=out),
        lambda grad, z, y, out: aten.hardtanh_backward.grad_input(grad, z, low, high, grad_input=out),
    )


# Constants of selu: Klambauer et al., "Self-Normalizing Neural Networks", 2017. Others are torch.nn's defaults.
# prelu stands apart: its slope is a parameter, see activation.py.
ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(lambda z, out: out.copy_(z), lambda grad, z, y, out: out.copy_(grad)),
    "sigmoid": Activation(
        lambda z, out: torch.sigmoid(z, out=out),
        lambda grad, z, y, out: aten.sigmoid_backward.grad_input(grad, y, grad_input=out),
    ),
    "tanh": Activation(
        lambda z, out: torch.tanh(z, out=out),
        lambda grad, z, y, out: aten.tanh_backward.grad_input(grad, y, grad_input=out),
    ),
    "relu": Activation(
        lambda z, out: torch.clamp_min(z, 0.0, out=out),
        lambda grad, z, y, out: aten.threshold_backward.grad_input(grad, z, 0.0, grad_input=out),
    ),
    "leaky_relu": Activation(
        lambda z, out: aten.leaky_relu.out(z, 0.01, out=out),
        lambda grad, z, y, out: aten.leaky_relu_backward.grad_input(grad, z, 0.01, False, grad_input=out),
    ),
    "elu": _elu(1.0, 1.0),
    "selu": _elu(1.6732632423543772, 1.0507009873554805),
    "celu": _elu(1.0, 1.0),  # equal to elu at celu's default alpha of 1
    "gelu": Activation(
        lambda z, out: aten.gelu.out(z, out=out),
        lambda grad, z, y, out: aten.gelu_backward.grad_input(grad, z, grad_input=out),
    ),
    "silu": Activation(
        lambda z, out: aten.silu.out(z, out=out),
        lambda grad, z, y, out: aten.silu_backward.grad_input(grad, z, grad_input=out),
    ),
    "mish": Activation(
        lambda z, out: aten.mish.out(z, out=out),
        lambda grad, z, y, out: out.copy_(aten.mish_backward(grad, z)),
    ),
    "softplus": Activation(
        lambda z, out: aten.softplus.out(z, out=out),
        lambda grad, z, y, out: aten.softplus_backward.grad_input(grad, z, 1, 20, grad_input=out),
    ),
    "softsign": Activation(
        lambda z, out: torch.div(z, torch.abs(z, out=out).add_(1), out=out), _softsign_backward
    ),
    "hardswish": Activation(
        lambda z, out: aten.hardswish.out(z, out=out),
        lambda grad, z, y, out: out.copy_(aten.hardswish_backward(grad, z)),
    ),
    "hardtanh": _clipped(-1.0, 1.0),
    "relu6": _clipped(0.0, 6.0),
    "logsigmoid": Activation(lambda z, out: out.copy_(F.logsigmoid(z)), _logsigmoid_backward),
    "tanhshrink": Activation(
        lambda z, out: torch.sub(z, torch.tanh(z, out=out), out=out),
        _tanhshrink_backward,
    ),
    "softshrink": Activation(
        lambda z, out: aten.softshrink.out(z, 0.5, out=out),
        lambda grad, z, y, out: aten.softshrink_backward.grad_input(grad, z, 0.5, grad_input=out),
    ),
}
