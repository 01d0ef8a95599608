"""Numbers that characterize an activation function, computed numerically: its gain and its largest derivative."""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from ablate.errors import SpecError
from ablate.nn.activations import resolve, value_and_derivative
from ablate.nn.parametric import PARAMETRIC, before_training

# Simpson's rule on 24,576 panels. The kinks of all functions lie on panel boundaries, so the rule keeps its order.
_REACH, _STEP = 12.0, 2.0**-10


def curve(name: str, z: Tensor) -> tuple[Tensor, Tensor]:
    """Returns f(z) and f'(z) of an activation by the kernels used in training. Parameters have their initial values.

    Args:
        name: Name in `experiment.activations.ACTIVATIONS`, or `package.module:Name`.
        z: Inputs of any shape.

    Raises:
        SpecError: The name is not valid, see `activations.resolve`.
    """
    z = z.reshape(1, -1, 1)
    function = before_training(name, z.dtype) if name in PARAMETRIC else resolve(name)
    y, derivative = value_and_derivative(function, z)
    return y.view(-1), derivative.view(-1)


def grid(reach: float, step: float) -> Tensor:
    """Returns the multiples of a step from -reach to reach, float64."""
    count = round(reach / step)
    return torch.arange(-count, count + 1, dtype=torch.float64) * step


def expectation(name: str, of: Callable[[Tensor], Tensor]) -> float:
    """Returns E[of(f(z))] for an activation f and z from N(0, 1), by Simpson's rule over [-12, 12] in float64."""
    z = grid(_REACH, _STEP)
    y, _ = curve(name, z)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    values = of(y) * density
    fine, coarse = (torch.trapezoid(values[::every], dx=every * _STEP) for every in (1, 2))
    return float((4 * fine - coarse) / 3)


@cache
def gain(name: str) -> float:
    """Returns 1 / sqrt(E[f(z)^2]), z from N(0, 1), the factor of weights with which f keeps the scale of its input.

    It is sqrt(2) for relu (He et al., 2015) and 1 for the identity.

    Raises:
        SpecError: The mean square is zero or not finite, or the name is not valid, see `activations.resolve`.
    """
    power = expectation(name, torch.square)
    if not (math.isfinite(power) and power > 0):
        raise SpecError(
            f"--init: auto-gain is not defined for {name!r}, whose mean square is {power:g} for z from N(0, 1); "
            "legal are torch and kaiming"
        )
    return 1 / math.sqrt(power)


@cache
def largest_derivative(name: str) -> float:
    """Returns the largest |f'(z)| for |z| <= 20, on a grid of step 2^-10. For sigmoid it is 0.25."""
    _, derivative = curve(name, grid(20.0, 2.0**-10))
    return float(derivative.abs().max())
