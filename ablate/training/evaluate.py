"""Scores of a stack in eval mode: the mean cross-entropy and the accuracy of each run on a set of samples."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ablate.nn.activation import LANES
from ablate.nn.stacked import StackedNetwork

# Number of samples in one forward pass, a multiple of LANES. The number is fixed, because the bits of a matrix product
# may depend on its number of columns.
CHUNK = 256


class EvaluationSet:
    """A set of samples on which runs are scored, in chunks of `CHUNK` samples.

    The last chunk is padded with zeros to a multiple of `LANES`.

    Args:
        name: Prefix of the score columns, `train` or `val`.
        x: Samples in the layout that the network reads, shape (samples, ...).
        y: Labels, shape (samples,), int64.
    """

    def __init__(self, name: str, x: Tensor, y: Tensor) -> None:
        self.name = name
        self.samples = len(y)
        self.labels = torch.split(y, CHUNK)
        self.chunks = [_padded(part).unsqueeze(0) for part in torch.split(x, CHUNK)]

    def scores(self, network: StackedNetwork) -> dict[str, Tensor]:
        """Returns the scores of each run, by column name in the table `curves`, each float64 of shape (runs,)."""
        device = network.parameters.flat.device
        loss = torch.zeros(len(network.members), dtype=torch.float64, device=device)
        correct = torch.zeros(len(network.members), dtype=torch.int64, device=device)
        for x, y in zip(self.chunks, self.labels, strict=True):
            logits = network.logits(x)[:, :, : len(y)]
            index = y.expand(len(logits), 1, -1)
            loss -= torch.log_softmax(logits, 1).gather(1, index).sum((1, 2), dtype=torch.float64)
            correct += _correct(logits, index)
        return {
            f"{self.name}_loss": loss / self.samples,
            f"{self.name}_accuracy": correct.double() / self.samples,
        }


def _correct(logits: Tensor, index: Tensor) -> Tensor:
    """Returns the number of correctly classified samples per run, shape (runs,).

    If the largest logit occurs several times, its first occurrence is the prediction, as for `argmax`. torch's kernel
    for `argmax` is ten times slower than the kernels for a comparison with the largest logit. Therefore `argmax` is
    called only if the largest logit occurs several times or a logit is NaN.
    """
    largest = logits.amax(1, keepdim=True)
    is_largest = logits == largest
    hit = is_largest.gather(1, index)
    if bool((is_largest.sum(1) != 1).any()):
        hit = logits.argmax(1, keepdim=True) == index
    return hit.sum((1, 2))


def _padded(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0) * (x.ndim - 1) + (0, -len(x) % LANES))
