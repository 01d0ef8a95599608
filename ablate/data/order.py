"""The order in which a run sees its training samples."""

import torch
from torch import Tensor

from ablate.experiment.seeding import derive


def epoch_order(seed: int, epoch: int, samples: int) -> Tensor:
    """Returns the permutation of the training samples for one epoch, counted from 0; int64 of shape (samples,).

    The result depends only on the arguments, so all variants with the same seed see the same batches. Torch's global
    generator is neither read nor changed.
    """
    return torch.randperm(samples, generator=torch.Generator().manual_seed(derive(seed, "order", epoch)))
