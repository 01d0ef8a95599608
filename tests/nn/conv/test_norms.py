"""Normalizations of channels; batch norm whose second half is computed after the pooling, against torch's layers."""

import pytest
import torch
from torch import nn

from ablate.nn.conv.norms import ConvBatchNorm
from ablate.nn.conv.pooling import MaxPool
from ablate.nn.parameters import Parameter
from tests.tolerances import ORACLE


# A falling gamma turns the order of all values around; an odd size leaves positions over that no window holds.
@pytest.mark.parametrize("sizes", [(4, 6), (5, 7)])
def test_pooling_between_the_halves_of_batch_norm_is_pooling_after_it(sizes):
    generator = torch.Generator().manual_seed(3)
    gamma, beta = torch.tensor([1.5, -0.7, 1e-9], dtype=torch.float64), torch.tensor([0.1, 2, -1]).double()
    plain, pool = nn.BatchNorm2d(3, dtype=torch.float64), nn.MaxPool2d(2)
    plain.load_state_dict(plain.state_dict() | {"weight": gamma, "bias": beta})
    mean, var = torch.zeros(3).double(), torch.ones(3).double()
    parameters = {
        name: Parameter(value.clone(), torch.zeros_like(value))
        for name, value in (("weight", gamma), ("bias", beta))
    }
    running = {"running_mean": Parameter(mean, mean), "running_var": Parameter(var, var)}
    ours = ConvBatchNorm(parameters | running)
    our_pool, grads = MaxPool((2, 2)), [parameter.grad for parameter in parameters.values()]

    # Twice, since buffers stay from step to step.
    for _ in range(2):
        z = torch.randn(4, 3, *sizes, generator=generator, dtype=torch.float64).requires_grad_()
        expected = pool(plain(z))
        grad = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
        expected_grads = torch.autograd.grad(expected, (z, *plain.parameters()), grad)

        last = z.detach().movedim(1, -1).contiguous()
        y = ours.scale.forward(our_pool.forward(ours.standardize.forward(last))).clone()
        pooled_grad = ours.scale.backward(grad.movedim(1, -1).contiguous())
        z_grad = ours.standardize.backward(our_pool.backward(pooled_grad))

        torch.testing.assert_close(y.movedim(-1, 1), expected.detach(), rtol=0, atol=ORACLE)
        for one, other in zip((z_grad.movedim(-1, 1), *grads), expected_grads, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=ORACLE)
    torch.testing.assert_close((mean, var), (plain.running_mean, plain.running_var), rtol=0, atol=ORACLE)
