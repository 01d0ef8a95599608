"""Gains and properties against closed forms and scipy's adaptive quadrature over torch.nn's own functions."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from ablate.errors import SpecError
from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.gains import curve, expectation, gain, grid, largest_derivative
from ablate.nn.properties import drawn, properties
from ablate.nn.reference import MODULES

KINKS = (-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0)


def _plain(name):
    module = MODULES[name]().double()
    return lambda z: float(module(torch.tensor([z], dtype=torch.float64)).detach())


def _quadrature(of):
    return quad(lambda z: of(z) * norm.pdf(z), -12, 12, points=KINKS, limit=200, epsabs=1e-12)[0]


@pytest.mark.parametrize("name", ["sigmoid", "relu", "gelu", "hardswish", "softshrink", "relu6", "prelu"])
def test_gain_is_that_of_an_adaptive_quadrature_over_torchs_function(name):
    plain = _plain(name)
    assert gain(name) == pytest.approx(1 / math.sqrt(_quadrature(lambda z: plain(z) ** 2)), rel=1e-9)
    assert expectation(name, lambda y: y) == pytest.approx(_quadrature(plain), abs=1e-9)


def test_gains_known_in_closed_form():
    assert gain("identity") == pytest.approx(1, rel=1e-9)
    assert gain("relu") == pytest.approx(math.sqrt(2), rel=1e-9)
    assert gain("leaky_relu") == pytest.approx(math.sqrt(2 / (1 + 0.01**2)), rel=1e-9)
    assert gain("prelu") == pytest.approx(math.sqrt(2 / (1 + 0.25**2)), rel=1e-9)
    assert gain("selu") == pytest.approx(1, rel=1e-7)  # what its constants were made for


def constant_zero(z):
    return z * 0


def test_a_function_without_a_gain_is_refused():
    with pytest.raises(
        SpecError, match=r"--init: auto-gain is not defined for 'tests\.nn\.test_gains:constant_zero'"
    ):
        gain("tests.nn.test_gains:constant_zero")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_curve_is_torchs_function_and_its_derivative(name):
    z = grid(7.0, 0.01) + 0.003  # beside the kinks, where a derivative is a matter of convention
    leaf = z.clone().requires_grad_()
    expected = MODULES[name]().double()(leaf)
    (derivative,) = torch.autograd.grad(expected.sum(), leaf)
    y, ours = curve(name, z)
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.numpy(), derivative.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "largest"),
    [
        ("sigmoid", 0.25),
        ("tanh", 1),
        ("relu", 1),
        ("softsign", 1),
        ("selu", 1.7580993408473766),
        ("hardswish", 1.5),
    ],
)
def test_the_largest_derivative_is_the_known_one(name, largest):
    assert largest_derivative(name) == pytest.approx(largest, abs=1e-3)


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
    found = properties(name)
    assert (found.low, found.high) == pytest.approx(RANGES[name], abs=1e-4)
    assert found.is_zero_centred == (name in CENTRED)
    assert found.is_smooth == (name not in KINKED)


def steep(z):
    return torch.tanh(100 * z)


def growing_slowly(z):
    return torch.log1p(z.abs())


def test_properties_of_a_users_function():
    assert properties("tests.nn.test_gains:steep").is_smooth
    assert properties("tests.nn.test_gains:growing_slowly").high == INF
    assert not properties("tests.nn.test_gains:growing_slowly").is_smooth


def test_what_is_drawn_goes_from_end_to_end():
    curve = drawn("sigmoid", 4.0)
    assert (curve.z[0], curve.z[-1], len(curve.z)) == (-4, 4, 401)
    assert curve.y[200] == 0.5
    assert curve.derivative[200] == 0.25
