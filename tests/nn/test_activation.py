import pytest
import torch

from ablate.nn.activation import StackedActivation
from ablate.nn.activations import ACTIVATIONS
from ablate.nn.members import Segment


@pytest.mark.parametrize("batch", [64, 37])
def test_the_bits_of_a_run_do_not_depend_on_its_place_in_a_segment(batch):
    generator = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(9, 10, batch, generator=generator)
    grad = torch.randn(9, 10, batch, generator=generator)
    for name in sorted(ACTIVATIONS):
        whole = StackedActivation([Segment(name, 0, 9)], {})
        y, z_grad = whole.forward(z.clone()), whole.backward(grad.clone())
        for start, stop in [(0, 1), (2, 5), (8, 9)]:
            part = StackedActivation([Segment(name, 0, stop - start)], {})
            assert torch.equal(part.forward(z[start:stop].clone()), y[start:stop]), name
            assert torch.equal(part.backward(grad[start:stop].clone()), z_grad[start:stop]), name
