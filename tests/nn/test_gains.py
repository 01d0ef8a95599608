"""Gains against closed forms and scipy's adaptive quadrature over torch.nn's own functions."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from ablate.errors import SpecError
from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.gains import curve, expectation, gain, grid, largest_derivative
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
