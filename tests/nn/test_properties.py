"""Properties of activation functions against those of the textbook."""

import math

import pytest
import torch

from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.properties import properties, sampled

INF = math.inf
RANGES = {
    "identity": (-INF, INF), "sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, INF), "leaky_relu": (-INF, INF),
    "prelu": (-INF, INF), "elu": (-1, INF), "selu": (-1.7580993408473766, INF), "celu": (-1, INF),
    "gelu": (-0.16997, INF), "silu": (-0.27846, INF), "mish": (-0.30884, INF), "softplus": (0, INF),
    "softsign": (-1, 1), "hardswish": (-0.375, INF), "hardtanh": (-1, 1), "relu6": (0, 6), "logsigmoid": (-INF, 0),
    "tanhshrink": (-INF, INF), "softshrink": (-INF, INF),
}  # fmt: skip
CENTRED = {"identity", "tanh", "selu", "softsign", "hardtanh", "tanhshrink", "softshrink"}
KINKED = {"relu", "leaky_relu", "prelu", "selu", "hardswish", "hardtanh", "relu6", "softshrink"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_properties_are_those_of_the_textbook(name):
    of_name = properties(name)
    assert (of_name.low, of_name.high) == pytest.approx(RANGES[name], abs=1e-4)
    assert of_name.is_zero_centred == (name in CENTRED)
    assert of_name.is_smooth == (name not in KINKED)


def steep(z):
    return torch.tanh(100 * z)


def growing_slowly(z):
    return torch.log1p(z.abs())


def test_properties_of_a_users_function():
    assert properties("tests.nn.test_properties:steep").is_smooth
    assert properties("tests.nn.test_properties:growing_slowly").high == INF
    assert not properties("tests.nn.test_properties:growing_slowly").is_smooth


def test_a_sampled_curve_goes_from_end_to_end():
    curve = sampled("sigmoid", 4.0)
    assert (curve.z[0], curve.z[-1], len(curve.z)) == (-4, 4, 401)
    assert curve.y[200] == 0.5
    assert curve.derivative[200] == 0.25
