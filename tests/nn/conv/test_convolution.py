"""The convolution of one run against torch.nn, in two and three dimensions."""

import pytest
import torch

from ablate.nn.batch_norm import BatchNorm
from ablate.nn.conv.convolution import Convolution
from tests.nn.one_layer import parameter, plain_step, random, step
from tests.tolerances import ORACLE

INPUTS, OUTPUTS, BATCH = 2, 3, 4
PLAIN = {
    2: (torch.nn.Conv2d, torch.nn.BatchNorm2d, (5, 6), (3, 3)),
    3: (torch.nn.Conv3d, torch.nn.BatchNorm3d, (4, 5, 3), (1, 3, 5)),
}


def _first(x):
    return x.movedim(-1, 1).contiguous()


def _assert_close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=ORACLE)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("axes", PLAIN)
def test_values_and_gradients_equal_the_plain_layer_that_keeps_sizes(axes, has_bias):
    module, _, sizes, kernel = PLAIN[axes]
    weight = parameter(random(OUTPUTS, *kernel, INPUTS, seed=0))
    bias = parameter(random(OUTPUTS, seed=1)) if has_bias else None
    layer = Convolution(weight, bias, "fp32", needs_input_grad=True, folded=None)
    twin = module(INPUTS, OUTPUTS, kernel, padding="same", bias=has_bias, dtype=torch.float64)
    twin.load_state_dict({"weight": _first(weight.value)} | ({"bias": bias.value} if bias else {}))
    x, grad = random(BATCH, *sizes, INPUTS, seed=2), random(BATCH, *sizes, OUTPUTS, seed=3)
    z, x_grad = step(layer, x, grad)
    plain_z, plain_grad = plain_step(twin, _first(x), _first(grad))
    _assert_close(_first(z), plain_z)
    _assert_close(_first(x_grad), plain_grad)
    _assert_close(_first(weight.grad), twin.weight.grad)
    if bias:
        _assert_close(bias.grad, twin.bias.grad)
    _assert_close(layer.infer(x), z)


@pytest.mark.parametrize("axes", PLAIN)
def test_at_inference_the_folded_batch_norm_is_part_of_the_convolution(axes):
    module, norm, sizes, kernel = PLAIN[axes]
    statistics = {
        name: random(OUTPUTS, seed=seed) for seed, name in enumerate(("weight", "bias", "running_mean"))
    }
    statistics["running_var"] = random(OUTPUTS, seed=7).abs()
    weight = parameter(random(OUTPUTS, *kernel, INPUTS, seed=8))
    folded = BatchNorm({name: parameter(value) for name, value in statistics.items()})
    layer = Convolution(weight, None, "fp32", needs_input_grad=False, folded=folded)
    convolution = module(INPUTS, OUTPUTS, kernel, padding="same", bias=False, dtype=torch.float64)
    convolution.load_state_dict({"weight": _first(weight.value)})
    after = norm(OUTPUTS, dtype=torch.float64)
    after.load_state_dict(statistics, strict=False)
    x = random(BATCH, *sizes, INPUTS, seed=9)
    _assert_close(_first(layer.infer(x)), after.eval()(convolution(_first(x))).detach())
