"""Batched products: one slice per run whose bits do not depend on the others, and what bf16 rounds."""

import itertools

import pytest
import torch

from ablate.nn.linear import StackedLinear, multiplication
from ablate.nn.parameters import Parameter
from ablate.training.backend import prepare_process
from tests.tolerances import SINGLE

SIZES = (1, 3, 10, 64)


@pytest.fixture(scope="module", autouse=True)
def _as_in_a_worker():
    prepare_process()
    yield
    torch.set_flush_denormal(False)
    torch.set_grad_enabled(True)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize(("rows", "inner", "columns"), list(itertools.product(SIZES, repeat=3)))
def test_a_slice_of_a_product_has_the_same_bits_alone(rows, inner, columns, add):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(6, *size, generator=generator) for size in ((rows, inner), (columns, inner)))
    start = torch.randn(6, rows, columns, generator=generator)
    multiply = multiplication("fp32")
    for right in (b.transpose(1, 2), b.transpose(1, 2).contiguous(), b[:1].transpose(1, 2).expand(6, -1, -1)):
        whole = start.clone()
        multiply(a, right, whole, add=add)
        for part in (slice(0, 1), slice(3, 4), slice(2, 5)):
            alone = start[part].clone()
            multiply(a[part], right[part], alone, add=add)
            assert torch.equal(alone, whole[part])


# torch has other kernels for these shapes alone than in a stack, which round differently in one product of a hundred.
@pytest.mark.parametrize(("rows", "inner", "columns"), [(33, 32, 2), (64, 17, 3), (8, 100, 2), (2, 17, 64)])
def test_a_slice_of_a_product_in_bf16_has_the_same_bits_alone(rows, inner, columns):
    generator = torch.Generator().manual_seed(0)
    multiply = multiplication("bf16")
    for _ in range(60):
        a = torch.randn(8, rows, inner, generator=generator)
        b = torch.randn(8, inner, columns, generator=generator)
        whole, alone = (torch.zeros(8, rows, columns) for _ in range(2))
        for left, right in ((a, b), (a.mT.contiguous().mT, b), (a, b[:1].expand(8, -1, -1))):
            multiply(left, right, whole)
            for run in range(8):
                part = slice(run, run + 1)
                multiply(left[part], right[part], alone[part])
            assert torch.equal(alone, whole)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("outputs", "inputs", "batch"), [(5, 7, 8), (1, 7, 8), (5, 1, 8), (5, 7, 1)])
def test_a_linear_layer_and_its_gradients_equal_autograd_on_rounded_operands(
    precision, outputs, inputs, batch
):
    generator = torch.Generator().manual_seed(1)
    weight, x, grad = (
        torch.randn(3, *size, generator=generator)
        for size in ((outputs, inputs), (inputs, batch), (outputs, batch))
    )
    bias = torch.randn(3, outputs, generator=generator)
    parameters = [Parameter(value.clone(), torch.empty_like(value)) for value in (weight, bias)]
    layer = StackedLinear(*parameters, multiplication(precision), needs_input_grad=True)
    z, x_grad = layer.forward(x).clone(), layer.backward(grad)

    def rounded(value):
        return value.bfloat16().double() if precision == "bf16" else value.double()

    expected = {
        "z": (z - bias.unsqueeze(2), rounded(weight), rounded(x)),
        "x": (x_grad, rounded(weight).mT, rounded(grad)),
        "weight": (parameters[0].grad, rounded(grad), rounded(x).mT),
    }
    for name, (ours, a, b) in expected.items():
        # The rounding of float32 sums, and of bf16's result to 8 bits.
        tolerance = 2 * SINGLE * (a.abs() @ b.abs() + 1) + (
            2.0**-8 * (a @ b).abs() if precision == "bf16" else 0.0
        )
        assert bool(((ours.double() - a @ b).abs() < tolerance).all()), name
    torch.testing.assert_close(parameters[1].grad, grad.sum(2))
    if precision == "bf16":
        assert not torch.allclose(z, (weight @ x + bias.unsqueeze(2)), rtol=1e-4, atol=1e-4)
