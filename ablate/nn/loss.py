"""Cross-entropy of a stack: one loss per run, and the gradient of their sum."""

import torch
from torch import Tensor

from ablate.nn.constants import constant


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean cross-entropy of each run over its batch, shape (runs,), and the gradient of the logits.

    The gradient is that of the sum over runs of each run's mean, (softmax - onehot) / batch, so that no run's
    gradient depends on how many runs there are.

    Args:
        logits: Shape (runs, classes, batch).
        labels: Shape (runs, batch) or, the same for all runs, (1, batch); int64.
    """
    classes, batch = logits.shape[1:]
    log_probabilities = torch.log_softmax(logits, 1)
    of_labels = log_probabilities.gather(1, labels.expand(len(logits), -1).unsqueeze(1))
    losses = of_labels.view(-1, batch).mean(1).neg_()
    # A comparison and not a scatter, whose additions have no fixed order on CUDA.
    is_label = labels.unsqueeze(1) == torch.arange(classes, device=logits.device).unsqueeze(1)
    grad = log_probabilities.exp_().sub_(is_label.to(logits.dtype))
    return losses, grad.mul_(constant(1 / batch, logits.dtype))
