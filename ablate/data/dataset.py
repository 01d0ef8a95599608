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
    """The samples of an experiment as tensors; on the CPU, the tensors share memory with their source arrays."""

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Returns a dataset whose tensors share memory with these arrays."""
        tensors = {name: torch.from_numpy(array) for name, array in vars(arrays).items() if name != "classes"}
        return cls(**tensors, classes=int(arrays.classes))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Returns the dataset that `Arrays.save` has written to a folder, with tensors memory-mapped from the files."""
        return cls.of(Arrays(**open_arrays(folder)))

    def to(self, device: str) -> Self:
        """Returns the same dataset with its tensors on the given device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if name != "classes"}
        return replace(self, **moved)


def load(experiment: Experiment, data_dir: Path | None = None) -> Dataset:
    """Returns the samples of an experiment as tensors; see `prepare` for the arguments and the errors."""
    return Dataset.of(prepare(experiment, data_dir))
