"""The gain and the largest derivative of an activation function, computed numerically."""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from ablate.errors import SpecError
from ablate.nn.activations import value_and_derivative
from ablate.nn.own_functions import resolve
from ablate.nn.parametric import PARAMETRIC, before_training

# Simpson's rule integrates from -12 to 12 with this step. The kinks of all built-in functions lie on grid points, so
# the rule keeps its order of convergence.
_REACH, _STEP = 12.0, 2.0**-10


def curve(name: str, z: Tensor) -> tuple[Tensor, Tensor]:
    """Returns f(z) and f'(z) of an activation function, computed by the same kernels as in training.

    A parametric activation, such as prelu, is computed with its initial parameter.

    Args:
        name: Name of the activation in `experiment.activations.ACTIVATIONS`, or `package.module:Name` of a function.
        z: Inputs of any shape.

    Raises:
        SpecError: The name of the activation is not valid, see `own_functions.resolve`.
    """
    z = z.reshape(1, -1, 1)
    function = before_training(name, z.dtype) if name in PARAMETRIC else resolve(name)
    y, derivative = value_and_derivative(function, z)
    return y.view(-1), derivative.view(-1)


def grid(reach: float, step: float) -> Tensor:
    """Returns all multiples of `step` from -reach to reach as a float64 tensor."""
    count = round(reach / step)
    return torch.arange(-count, count + 1, dtype=torch.float64) * step


def expectation(name: str, of: Callable[[Tensor], Tensor]) -> float:
    """Returns the expectation E[g(f(z))] for an activation f, a function g (the argument `of`) and z from N(0, 1).

    The expectation is integrated by Simpson's rule over [-12, 12] in float64.
    """
    z = grid(_REACH, _STEP)
    y, _ = curve(name, z)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    values = of(y) * density
    fine, coarse = (torch.trapezoid(values[::every], dx=every * _STEP) for every in (1, 2))
    return float((4 * fine - coarse) / 3)


@cache
def gain(name: str) -> float:
    """Returns the gain 1 / sqrt(E[f(z)^2]) of an activation f, where z is from N(0, 1).

    Weights that are scaled by the gain of the preceding activation keep the variance of the pre-activations about
    constant from layer to layer. The gain of relu is sqrt(2) (He et al., 2015), and the gain of the identity is 1.

    Raises:
        SpecError: The mean square E[f(z)^2] is zero or not finite, or the name of the activation is not valid, see
            `own_functions.resolve`.
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
    """Returns the largest |f'(z)| of an activation f for |z| <= 20, for example 0.25 for sigmoid.

    The search is on a grid of step 2^-10.
    """
    _, derivative = curve(name, grid(20.0, 2.0**-10))
    return float(derivative.abs().max())
