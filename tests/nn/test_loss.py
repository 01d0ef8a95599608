"""The loss of a stack against torch's own cross-entropy and autograd, run by run."""

import math

import torch
from torch.nn import functional

from ablate.nn.loss import cross_entropy
from tests.tolerances import ORACLE


def test_losses_and_gradients_equal_torchs_for_each_run():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 7, dtype=torch.float64, generator=generator)
    labels = torch.randint(5, (3, 7), generator=generator)
    losses, grad = cross_entropy(logits, labels)
    for run, of_run in enumerate(logits):
        plain = of_run.T.clone().requires_grad_()
        loss = functional.cross_entropy(plain, labels[run])
        loss.backward()
        torch.testing.assert_close(losses[run], loss.detach(), rtol=0, atol=ORACLE)
        torch.testing.assert_close(grad[run], plain.grad.T, rtol=0, atol=ORACLE)


def test_equal_logits_lose_the_logarithm_of_the_number_of_classes():
    losses, grad = cross_entropy(
        torch.zeros(2, 4, 8, dtype=torch.float64), torch.zeros(1, 8, dtype=torch.int64)
    )
    torch.testing.assert_close(losses, torch.full((2,), math.log(4), dtype=torch.float64))
    torch.testing.assert_close(grad[:, 0], torch.full((2, 8), (1 / 4 - 1) / 8, dtype=torch.float64))
    torch.testing.assert_close(grad.sum(1), torch.zeros(2, 8, dtype=torch.float64))


def test_labels_shared_by_all_runs_give_what_labels_of_each_run_give():
    logits = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(7).remainder(5).view(1, 7)
    for shared, repeated in zip(
        cross_entropy(logits, labels), cross_entropy(logits, labels.repeat(3, 1)), strict=True
    ):
        assert torch.equal(shared, repeated)
