"""Activation functions with trained parameters. Only the runs that use such a function own its parameters."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ablate.nn.activations import Activation
from ablate.nn.parameters import Parameter, Spec, StackParameters, constant_spec


class Parametric(NamedTuple):
    """An activation with one parameter per run and layer, called `weight` as in torch.nn.

    Attributes:
        initial: Value of the parameter before training.
        make: Function that returns the activation for parameters of shape (runs, 1), or (1,) for one run.
    """

    initial: float
    make: Callable[[Parameter], Activation]


def prelu(slope: Parameter) -> Activation:
    """Returns y = max(z, 0) + slope * min(z, 0) with one slope per run (He et al., 2015)."""
    factor, slope_grad = slope.value.view(-1, 1, 1), slope.grad.view(-1)

    def forward(z: Tensor, out: Tensor) -> None:
        torch.mul(z, factor, out=out)
        torch.where(z > 0, z, out, out=out)

    def backward(grad: Tensor, z: Tensor, y: Tensor) -> None:
        del y
        negative = torch.clamp_max(z, 0.0).mul_(grad)
        torch.sum(negative.view(len(slope_grad), -1), 1, out=slope_grad)
        grad.mul_(torch.where(z > 0, 1.0, factor))

    return Activation(forward, backward, forward)


PARAMETRIC: dict[str, Parametric] = {"prelu": Parametric(0.25, prelu)}


def slope_specs(prefix: str, layer: int) -> list[Spec]:
    """Returns the declarations of the parameters of a layer's activations, each owned by the runs that use it."""
    return [
        constant_spec(f"{prefix}{name}.{layer}.weight", (1,), function.initial, activation=name)
        for name, function in PARAMETRIC.items()
    ]


def slopes(
    parameters: StackParameters, prefix: str, layer: int, run: int | None = None
) -> dict[str, Parameter]:
    """Returns the parameters of a layer's activations by activation name, for all runs or for one run."""
    owned = {name: parameters.owned(f"{prefix}{name}.{layer}", run) for name in PARAMETRIC}
    return {name: own["weight"] for name, own in owned.items() if own}


def before_training(name: str, dtype: torch.dtype) -> Activation:
    """Returns a parametric activation with its initial parameter."""
    function = PARAMETRIC[name]
    value = torch.full((1,), function.initial, dtype=dtype)
    return function.make(Parameter(value, torch.empty_like(value)))
