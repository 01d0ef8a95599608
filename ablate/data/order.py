"""The random order in which a run sees its training samples."""

import torch
from torch import Tensor

from ablate.experiment.seeding import derive


def epoch_order(seed: int, epoch: int, samples: int) -> Tensor:
    """Returns the random order of the training samples in one epoch, as int64 indices of shape (samples,).

    Epochs are counted from 0. The order depends only on the arguments, so all variants with the same seed see the same
    batches. torch's global random generator is neither read nor changed.
    """
    return torch.randperm(samples, generator=torch.Generator().manual_seed(derive(seed, "order", epoch)))
