"""Scores of a stack in eval mode: mean cross-entropy and accuracy of every run on a set of samples."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ablate.nn.activation import LANES
from ablate.nn.build import Network

# Samples in one pass. Fixed, since the bits of a product may depend on its width, and a multiple of LANES.
CHUNK = 256


class EvaluationSet:
    """Samples cut into chunks of equal treatment; the last is filled up with zeros to whole registers.

    Args:
        x: Samples as the network reads them, shape (samples, ...).
        y: Labels, shape (samples,), int64.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.samples = len(y)
        self.labels = torch.split(y, CHUNK)
        self.chunks = [_filled(part).unsqueeze(0) for part in torch.split(x, CHUNK)]

    def scores(self, network: Network) -> tuple[Tensor, Tensor]:
        """Returns loss and accuracy of each run, each float64 of shape (runs,)."""
        device = network.parameters.flat.device
        loss = torch.zeros(len(network.members), dtype=torch.float64, device=device)
        correct = torch.zeros(len(network.members), dtype=torch.int64, device=device)
        for x, y in zip(self.chunks, self.labels, strict=True):
            logits = network.logits(x)[:, :, : len(y)]
            index = y.expand(len(logits), 1, -1)
            loss -= torch.log_softmax(logits, 1).gather(1, index).sum((1, 2), dtype=torch.float64)
            correct += _correct(logits, index)
        return loss / self.samples, correct.double() / self.samples


def _correct(logits: Tensor, index: Tensor) -> Tensor:
    """Returns how many samples of each run have their largest logit, the first of equals, at their label.

    As `argmax` says, whose kernel is slower by an order, and which is asked where there are equals or NaN.
    """
    largest = logits.amax(1, keepdim=True)
    is_largest = logits == largest
    hit = is_largest.gather(1, index)
    if bool((is_largest.sum(1) != 1).any()):
        hit = logits.argmax(1, keepdim=True) == index
    return hit.sum((1, 2))


def _filled(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0) * (x.ndim - 1) + (0, -len(x) % LANES))
