"""Properties of an activation function, such as its range, its largest derivative, its mean and its smoothness."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ablate.nn.gains import curve, expectation, gain, grid, largest_derivative

# A function is zero-centred if its mean for z from N(0, 1) is below this share of its root mean square.
CENTRED = 0.01
# Between neighbouring grid points, the derivative of a smooth function changes in proportion to the step of the grid.
# At a jump, the change does not shrink with the step. A function counts as smooth if the largest change of its
# derivative shrinks by at least the factor 8 when the step shrinks by the factor 16.
_COARSE, _REFINEMENT = 2.0**-8, 16
# A function is unbounded if its largest value still grows by more than this share from |z| = 1e3 to 1e6.
_GROWTH = 0.01


@dataclass(frozen=True)
class Properties:
    """Properties of an activation function, all computed numerically.

    Attributes:
        name: Name of the activation function.
        low: Infimum of the function, or -inf if the function is unbounded below.
        high: Supremum of the function, or inf if the function is unbounded above.
        largest_derivative: Largest |f'(z)|.
        mean: Mean E[f(z)] of the function f for z from N(0, 1).
        is_zero_centred: Whether |E[f(z)]| is below 1 % of the root mean square sqrt(E[f(z)^2]) for z from N(0, 1).
        is_smooth: Whether the derivative of the function has no jump.
        gain: Factor 1 / sqrt(E[f(z)^2]), by which `--init auto-gain` scales weights.
    """

    name: str
    low: float
    high: float
    largest_derivative: float
    mean: float
    is_zero_centred: bool
    is_smooth: bool
    gain: float


@dataclass(frozen=True)
class Curve:
    """The values of an activation function and of its derivative at some points, for a plot.

    Attributes:
        name: Name of the function.
        z: Points in ascending order.
        y: Values f(z).
        derivative: Values f'(z).
    """

    name: str
    z: list[float]
    y: list[float]
    derivative: list[float]


def properties(name: str) -> Properties:
    """Returns the properties of the activation function with this name.

    A parametric activation, such as prelu, is computed with its initial parameter.

    Raises:
        SpecError: No activation has this name, or its gain is not defined.
    """
    mean = expectation(name, lambda y: y)
    low, high = _range(name)
    return Properties(
        name,
        low,
        high,
        largest_derivative(name),
        mean,
        is_zero_centred=abs(mean) * gain(name) < CENTRED,
        is_smooth=_is_smooth(name),
        gain=gain(name),
    )


def sampled(name: str, reach: float = 5.0) -> Curve:
    """Returns the values of an activation function and of its derivative at 401 points from -reach to reach.

    Raises:
        SpecError: No activation has this name.
    """
    z = grid(reach, reach / 200)
    y, derivative = curve(name, z)
    return Curve(name, z.tolist(), y.tolist(), derivative.tolist())


def _range(name: str) -> tuple[float, float]:
    near, _ = curve(name, grid(50.0, 2.0**-10))
    low, high = float(near.min()), float(near.max())
    far = {reach: curve(name, torch.tensor([-reach, reach], dtype=torch.float64))[0] for reach in (1e3, 1e6)}
    return (-_bound(-low, -far[1e3], -far[1e6]), _bound(high, far[1e3], far[1e6]))


def _bound(near: float, far: Tensor, farther: Tensor) -> float:
    """Returns the largest value of a function f, or infinity if f still grows at large |z|.

    `near` is the largest f(z) for moderate |z|. `far` and `farther` hold values f(z) at a large |z| and at a still
    larger |z|.
    """
    before, after = max(near, float(far.max())), max(near, float(farther.max()))
    return math.inf if after - before > _GROWTH * max(abs(before), 1.0) else after


def _is_smooth(name: str) -> bool:
    changes = []
    for step in (_COARSE, _COARSE / _REFINEMENT):
        _, derivative = curve(name, grid(20.0, step))
        changes.append(float(derivative.diff().abs().max()))
    return changes[1] * _REFINEMENT <= 2 * changes[0]
