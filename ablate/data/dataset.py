"""A dataset ready for training: split, standardized, as tensors in memory."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ablate.data.raw import Labels, RawData
from ablate.data.sources import read_raw
from ablate.data.split import probe, split
from ablate.data.standardize import fit
from ablate.errors import DataError
from ablate.experiment.datasets import dataset_info
from ablate.experiment.spec import Experiment


@dataclass(frozen=True, eq=False)
class Dataset:
    """The samples of an experiment, in CPU tensors, the same for all its runs.

    Attributes:
        x_train: float32 (samples, *shape), channels first, contiguous, standardized by the training samples.
        y_train: int64 (samples,), from 0 to classes - 1.
        x_val: Validation samples, as x_train.
        y_val: Their labels.
        x_test: Test samples, as x_train.
        y_test: Their labels.
        classes: Number of labels.
        train_probe: int64, ascending indices into x_train of the samples that training scores are taken on,
            as many as there are validation samples (all if there are no more).
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int
    train_probe: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All tensors, in the order of the fields."""
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(value for value in values if isinstance(value, Tensor))

    @property
    def nbytes(self) -> int:
        """Bytes of memory the tensors take."""
        return sum(tensor.nbytes for tensor in self.tensors)

    def save(self, path: Path) -> None:
        """Writes the dataset to a file for `open`, in this version's own form."""
        torch.save({field.name: getattr(self, field.name) for field in fields(self)}, path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Returns a saved dataset whose tensors are mapped from the file: processes that open it share its memory."""
        return cls(**torch.load(path, mmap=True, weights_only=True))


def load(experiment: Experiment, data_dir: Path | None = None) -> Dataset:
    """Returns the dataset of an experiment, split as `split_sizes` says, standardized by its training split.

    Args:
        experiment: Names the dataset, the split and the standardization.
        data_dir: Where torchvision's sets are; None is `data` in the working directory.

    Raises:
        DataError: The data are missing, cannot be downloaded, are unfit, are not as many as the dataset is
            known for, or cannot be split as asked.
    """
    raw = read_raw(experiment.dataset, data_dir)
    _check_sizes(experiment.dataset, raw)
    _, val, test = experiment.split_sizes
    own_test = len(raw.y_test) > 0
    seed = experiment.split_seed
    train_index, val_index, test_index = split(raw.y, val, 0 if own_test else test, seed)
    x_test, y_test = raw.x, raw.y
    if own_test:
        x_test, y_test, test_index = raw.x_test, raw.y_test, np.arange(test, dtype=np.int64)
    standardizer = fit(raw.x, train_index, experiment.standardize)
    return Dataset(
        x_train=standardizer(raw.x, train_index),
        y_train=_tensor(raw.y[train_index]),
        x_val=standardizer(raw.x, val_index),
        y_val=_tensor(raw.y[val_index]),
        x_test=standardizer(x_test, test_index),
        y_test=_tensor(y_test[test_index]),
        classes=raw.classes,
        train_probe=_tensor(probe(raw.y[train_index], val, seed)),
    )


def _tensor(values: Labels) -> Tensor:
    return torch.from_numpy(values)


def _check_sizes(name: str, raw: RawData) -> None:
    info = dataset_info(name)
    if (len(raw.y), len(raw.y_test)) != (info.samples, info.test_samples):
        raise DataError(
            f"--data-dir: {name} has {info.samples} training and {info.test_samples} test samples, and the "
            f"folder holds {len(raw.y)} and {len(raw.y_test)}; put the whole set there"
        )
