"""A dataset ready for training, as tensors in memory."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from ablate.data.arrays import Arrays, open_arrays, prepare
from ablate.experiment.spec import Experiment


@dataclass(frozen=True, eq=False)
class Dataset:
    """The samples of an experiment, in CPU tensors that share their memory with the arrays they are made of.

    Attributes:
        x_train: float32 (samples, *shape); these fields are those of `Arrays`.
        y_train: int64 (samples,).
        x_val: float32 (samples, *shape).
        y_val: int64 (samples,).
        x_test: float32 (samples, *shape).
        y_test: int64 (samples,).
        classes: Number of labels.
        train_probe: int64, indices into x_train.
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int
    train_probe: Tensor

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Returns the dataset that `Arrays.save` has written; its tensors are mapped from the files."""
        arrays = open_arrays(folder)
        classes = int(arrays.pop("classes"))
        return cls(**{name: torch.from_numpy(values) for name, values in arrays.items()}, classes=classes)

    def to(self, device: str) -> Self:
        """Returns the dataset with its tensors on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if name != "classes"}
        return replace(self, **moved)

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Returns the dataset of these arrays."""
        found = {name: torch.from_numpy(value) for name, value in vars(arrays).items() if name != "classes"}
        return cls(**found, classes=arrays.classes)


def load(experiment: Experiment, data_dir: Path | None = None) -> Dataset:
    """Returns the dataset of an experiment, as `prepare` makes it.

    Raises:
        DataError: As `prepare`.
    """
    return Dataset.of(prepare(experiment, data_dir))
