"""Activation functions with trained parameters. Only the runs that use such a function have its parameters."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ablate.nn.activations import Activation
from ablate.nn.parameters import Parameter, Spec, StackParameters, constant_spec


class Parametric(NamedTuple):
    """An activation with one trained parameter per run and layer; the parameter is called `weight`, as in torch.nn.

    Attributes:
        initial: Value of the parameter before training.
        make: Function that makes the activation from its parameters, whose shape is (runs, 1) for a stack and (1,) for
            one run.
    """

    initial: float
    make: Callable[[Parameter], Activation]


def prelu(slope: Parameter) -> Activation:
    """Returns the activation y = max(z, 0) + slope * min(z, 0) with one slope per run (He et al., 2015)."""
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
    """Returns the declarations of the parameters of all parametric activations in one layer.

    Only the runs with such an activation own its parameter.
    """
    return [
        constant_spec(f"{prefix}{name}.{layer}.weight", (1,), function.initial, activation=name)
        for name, function in PARAMETRIC.items()
    ]


def slopes(
    parameters: StackParameters, prefix: str, layer: int, run: int | None = None
) -> dict[str, Parameter]:
    """Returns the parameters of the parametric activations in one layer by name of the activation.

    If `run` is given, the parameters are those of this run only.
    """
    owned = {name: parameters.owned(f"{prefix}{name}.{layer}", run) for name in PARAMETRIC}
    return {name: own["weight"] for name, own in owned.items() if own}


def before_training(name: str, dtype: torch.dtype) -> Activation:
    """Returns the parametric activation with this name and with the initial value of its parameter."""
    function = PARAMETRIC[name]
    value = torch.full((1,), function.initial, dtype=dtype)
    return function.make(Parameter(value, torch.empty_like(value)))
