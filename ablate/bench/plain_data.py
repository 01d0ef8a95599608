"""A dataset in the memory layout that the networks of the rivals take as input."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.experiment.grid import Run

# torch's channels-last memory format, by the number of axes of a batch of pictures or videos.
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


@dataclass(frozen=True)
class PlainData:
    """The samples and labels that a rival trains on and is scored on, as tensors on the device.

    `x` and `y` are the training samples and their labels. `sets` holds the samples and labels of the two sets that are
    scored: a subset of the training data, and the validation set.
    """

    x: Tensor
    y: Tensor
    sets: tuple[tuple[Tensor, Tensor], ...]
    classes: int
    evals_per_epoch: int

    @classmethod
    def of(cls, dataset: Dataset, run: Run, evals_per_epoch: int, device: str) -> "PlainData":
        """Returns the data for a run's model: samples are flattened for an MLP and unchanged for other models."""
        flat = run.model == "mlp"
        x, x_val = (part.flatten(1) if flat else part for part in (dataset.x_train, dataset.x_val))
        y, probe = dataset.y_train, dataset.train_probe
        # The data are copied: tensors mapped from a file would be read from disk at their first use.
        train, subset, val = (
            (samples.clone().to(device), labels.clone().to(device))
            for samples, labels in ((x, y), (x[probe], y[probe]), (x_val, dataset.y_val))
        )
        return cls(*train, (subset, val), dataset.classes, evals_per_epoch)

    def head(self, samples: int) -> "PlainData":
        """Returns the same data, but with only the first `samples` training samples."""
        return replace(self, x=self.x[:samples], y=self.y[:samples])

    def with_channels_last(self) -> "PlainData":
        """Returns the same pictures or videos in the channels-last memory format."""
        layout = CHANNELS_LAST[self.x.ndim]
        sets = tuple((x.contiguous(memory_format=layout), y) for x, y in self.sets)
        return replace(self, x=self.x.contiguous(memory_format=layout), sets=sets)

    def order(self, epoch: int) -> Tensor:
        """Returns the indices of all training samples in a new random order for an epoch."""
        del epoch
        return torch.randperm(len(self.y), device=self.y.device)

    def batches(self, size: int, epoch: int) -> Tensor:
        """Returns the sample indices of all full batches of an epoch, shape (batches, size)."""
        return self.order(epoch)[: len(self.y) // size * size].view(-1, size)
