"""Properties of an activation function: its range, its largest derivative, its mean, whether it has kinks."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ablate.nn.gains import curve, expectation, gain, grid, largest_derivative

# A function is zero-centred if its mean for z from N(0, 1) is below this share of its root mean square.
CENTRED = 0.01
# On a finer grid, the largest change of a smooth function's derivative between neighbours shrinks in proportion to the
# step. At a jump it does not. A function counts as smooth if that change shrinks by at least half as much as the step.
_COARSE, _REFINEMENT = 2.0**-8, 16
# f is unbounded if its largest value still grows by more than this share from |z| = 1e3 to 1e6.
_GROWTH = 0.01


@dataclass(frozen=True)
class Properties:
    """Properties of an activation function, all computed numerically.

    Attributes:
        name: Name of the function.
        low: Infimum, or -inf if there is none.
        high: Supremum, or inf if there is none.
        largest_derivative: Largest |f'(z)|.
        mean: Mean E[f(z)] for z from N(0, 1).
        is_zero_centred: Whether the mean is below 1 % of the root mean square sqrt(E[f(z)^2]).
        is_smooth: Whether the derivative has no jump.
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
    """A function and its derivative at some points, for a plot.

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
    """Returns the properties of the activation with this name. Parameters have their initial values.

    Raises:
        SpecError: There is no such activation.
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
    """Returns an activation and its derivative at 401 points from -reach to reach.

    Raises:
        SpecError: There is no such activation.
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
    """Returns the largest value near 0 and at the ends, or infinity if the values at the ends keep growing."""
    before, after = max(near, float(far.max())), max(near, float(farther.max()))
    return math.inf if after - before > _GROWTH * max(abs(before), 1.0) else after


def _is_smooth(name: str) -> bool:
    changes = []
    for step in (_COARSE, _COARSE / _REFINEMENT):
        _, derivative = curve(name, grid(20.0, step))
        changes.append(float(derivative.diff().abs().max()))
    return changes[1] * _REFINEMENT <= 2 * changes[0]
