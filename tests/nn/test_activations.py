import math

import pytest
import torch

from ablate.experiment.activations import ACTIVATIONS as NAMES
from ablate.nn.activations import ACTIVATIONS, value_and_derivative
from ablate.nn.parametric import PARAMETRIC
from ablate.nn.reference import MODULES
from tests.tolerances import DERIVATIVE, SINGLE

Z = torch.linspace(-30, 30, 4001, dtype=torch.float64)[:, None] + torch.tensor(
    [0.0, 1e-3], dtype=torch.float64
)


def test_every_name_has_a_function_and_a_plain_twin():
    assert set(NAMES) == set(ACTIVATIONS) | set(PARAMETRIC) == set(MODULES)
    assert set(PARAMETRIC) == {name for name, info in NAMES.items() if info.has_parameters}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_function_and_its_derivative_equal_torch_nn(name):
    z = Z.clone().requires_grad_()
    expected = MODULES[name]()(z)
    grad = torch.linspace(-2, 3, Z.numel(), dtype=torch.float64).view_as(Z)
    (expected_grad,) = torch.autograd.grad(expected, z, grad)
    expected = expected.detach()
    y, evaluated, kept, z_grad = torch.empty_like(Z), torch.empty_like(Z), Z.clone(), grad.clone()
    ACTIVATIONS[name].forward(Z, evaluated)
    ACTIVATIONS[name].forward_train(kept, y)
    ACTIVATIONS[name].backward(z_grad, kept, y)
    assert float((evaluated - expected).abs().max()) <= DERIVATIVE * float(expected.abs().max())
    assert float((y - expected).abs().max()) <= DERIVATIVE * float(expected.abs().max())
    assert float((z_grad - expected_grad).abs().max()) <= DERIVATIVE * float(expected_grad.abs().max())


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_nan_is_passed_on(name):
    z, y = torch.full((4,), math.nan), torch.zeros(4)
    ACTIVATIONS[name].forward(z, y)
    assert bool(y.isnan().all())
    ACTIVATIONS[name].forward_train(z, y)
    assert bool(y.isnan().all())


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_in_float32_a_function_is_as_exact_as_that_of_torch(name):
    z = torch.cat(
        [torch.linspace(-30, 30, 60_001), torch.logspace(-30, 0, 200), -torch.logspace(-30, 0, 200)]
    )
    with torch.enable_grad():
        leaf = z.double().requires_grad_()
        exact = MODULES[name]()(leaf)
        (exact_slope,) = torch.autograd.grad(exact.sum(), leaf)
    y, slope = value_and_derivative(ACTIVATIONS[name], z)
    scale = z.abs().clamp_min(1.0)
    assert float(((y - exact.detach()) / scale).abs().max()) < SINGLE
    assert float(((slope - exact_slope) / scale).abs().max()) < SINGLE


def test_tanh_is_exact_near_zero_and_where_it_has_ended():
    z = torch.cat(
        [torch.logspace(-30, -1, 500), torch.tensor([50.0, 1e30, -50.0, -1e30, math.inf, -math.inf])]
    )
    y = torch.empty_like(z)
    ACTIVATIONS["tanh"].forward(z, y)
    torch.testing.assert_close(y.double(), torch.tanh(z.double()), rtol=SINGLE, atol=0)
