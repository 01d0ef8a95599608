"""Cross-entropy of a stack: one loss for each run, and the gradient of the sum of all runs' losses."""

import torch
from torch import Tensor

from ablate.nn.constants import constant


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean cross-entropy of each run over its batch, shape (runs,), and the gradient of the logits.

    The gradient is that of the sum of all runs' mean losses. For each run, it is (softmax - onehot) / batch, which does
    not depend on the number of runs.

    Args:
        logits: Logits of shape (runs, classes, batch).
        labels: Labels of shape (runs, batch), or (1, batch) if all runs have the same labels; int64.
    """
    classes, batch = logits.shape[1:]
    log_probabilities = torch.log_softmax(logits, 1)
    of_labels = log_probabilities.gather(1, labels.expand(len(logits), -1).unsqueeze(1))
    losses = of_labels.view(-1, batch).mean(1).neg_()
    # The one-hot labels come from a comparison, because a scatter on CUDA adds in no fixed order.
    is_label = labels.unsqueeze(1) == torch.arange(classes, device=logits.device).unsqueeze(1)
    grad = log_probabilities.exp_().sub_(is_label.to(logits.dtype))
    return losses, grad.mul_(constant(1 / batch, logits.dtype))
