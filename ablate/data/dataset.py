"""A dataset ready for training, as tensors in memory."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from ablate.data.arrays import Arrays, Samples, open_arrays, prepare
from ablate.experiment.spec import Experiment


@dataclass(frozen=True, eq=False)
class Dataset(Samples[Tensor]):
    """The samples of an experiment as tensors; on the CPU they share memory with their source arrays."""

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Returns the dataset of these arrays."""
        tensors = {name: torch.from_numpy(array) for name, array in vars(arrays).items() if name != "classes"}
        return cls(**tensors, classes=int(arrays.classes))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Returns the dataset that `Arrays.save` has written; its tensors are memory-mapped from the files."""
        return cls.of(Arrays(**open_arrays(folder)))

    def to(self, device: str) -> Self:
        """Returns the dataset with its tensors on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if name != "classes"}
        return replace(self, **moved)


def load(experiment: Experiment, data_dir: Path | None = None) -> Dataset:
    """Returns the dataset that `prepare` makes for an experiment; raises the same errors as `prepare`."""
    return Dataset.of(prepare(experiment, data_dir))
