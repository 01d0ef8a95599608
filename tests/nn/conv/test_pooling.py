import pytest
import torch
from torch import nn

from ablate.nn.conv.pooling import MaxPool


@pytest.mark.parametrize("sizes", [(4, 6), (5, 7)])
def test_pooling_and_its_gradient_equal_torchs_even_after_the_gradient_was_overwritten(sizes):
    generator = torch.Generator().manual_seed(5)
    ours, plain = MaxPool((2, 2)), nn.MaxPool2d(2)
    for _ in range(2):
        x = torch.randn(3, 2, *sizes, generator=generator).requires_grad_()
        expected = plain(x)
        grad = torch.randn(expected.shape, generator=generator)
        (expected_grad,) = torch.autograd.grad(expected, x, grad)
        last = x.detach().movedim(1, -1).contiguous()
        assert torch.equal(ours.forward(last).movedim(-1, 1), expected)
        assert torch.equal(ours.infer(last).movedim(-1, 1), expected)
        x_grad = ours.backward(grad.movedim(1, -1).contiguous())
        assert torch.equal(x_grad.movedim(-1, 1), expected_grad)
        x_grad.fill_(7.0)
