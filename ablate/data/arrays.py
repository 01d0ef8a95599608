"""The samples of an experiment as numpy arrays, split and standardized.

This module does not import torch, so that the command can prepare the data while its worker processes load torch.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from ablate.data.raw import Array
from ablate.data.sources import read_raw
from ablate.data.split import probe, split
from ablate.data.standardize import fit
from ablate.errors import DataError
from ablate.experiment.datasets import dataset_info
from ablate.experiment.spec import Experiment

A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class Samples(Generic[A]):
    """The samples of an experiment, split and standardized, in arrays of type A. All runs use the same samples.

    `x_train`, `x_val` and `x_test` hold the samples as contiguous float32 arrays of shape (samples, *shape), with the
    channels first. They are standardized with the mean and the standard deviation of the training samples. `y_train`,
    `y_val` and `y_test` hold the labels from 0 to classes - 1 as int64 arrays of shape (samples,). `train_probe` holds
    the int64 indices of the training samples on which training scores are computed, in ascending order: as many as
    there are validation samples, but at most all training samples.
    """

    x_train: A
    y_train: A
    x_val: A
    y_val: A
    x_test: A
    y_test: A
    classes: int
    train_probe: A


@dataclass(frozen=True, eq=False)
class Arrays(Samples[Array]):
    """The samples of an experiment as numpy arrays."""

    @property
    def nbytes(self) -> int:
        """The size of all arrays in bytes."""
        return sum(array.nbytes for array in vars(self).values() if isinstance(array, np.ndarray))

    def save(self, folder: Path) -> None:
        """Writes one file per field into an existing folder, from which `open_arrays` can read the arrays."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))


def open_arrays(folder: Path) -> dict[str, Any]:
    """Returns the arrays that `Arrays.save` has written, by name of the field.

    The arrays are memory-mapped from their files, so that all processes that open them share the memory.
    """
    return {field.name: np.load(folder / f"{field.name}.npy", mmap_mode="c") for field in fields(Samples)}


def prepare(experiment: Experiment, data_dir: Path | None = None) -> Arrays:
    """Returns the samples of an experiment, split into the requested sizes and standardized with training statistics.

    `data_dir` is the folder that holds torchvision's dataset folders; None means `data` in the working directory.

    Raises:
        DataError: The data are missing, are invalid or cannot be downloaded, the number of samples differs from
            `dataset_info`, or there are too few samples for the requested split.
    """
    raw, info = read_raw(experiment.dataset, data_dir), dataset_info(experiment.dataset)
    if (len(raw.y), len(raw.y_test)) != (info.samples, info.test_samples):
        raise DataError(
            f"--data-dir: {experiment.dataset} has {info.samples} training and {info.test_samples} test samples, and "
            f"the folder holds {len(raw.y)} and {len(raw.y_test)}; put the whole set there"
        )
    own_test, seed = info.test_samples > 0, experiment.split_seed
    _, val, test = experiment.split_sizes
    train_index, val_index, test_index = split(raw.y, val, 0 if own_test else test, seed)
    x_test, y_test = raw.x, raw.y
    if own_test:
        x_test, y_test, test_index = raw.x_test, raw.y_test, np.arange(test, dtype=np.int64)
    standardizer = fit(raw.x, train_index, experiment.standardize)
    return Arrays(
        x_train=standardizer(raw.x, train_index),
        y_train=raw.y[train_index],
        x_val=standardizer(raw.x, val_index),
        y_val=raw.y[val_index],
        x_test=standardizer(x_test, test_index),
        y_test=y_test[test_index],
        classes=raw.classes,
        train_probe=probe(raw.y[train_index], val, seed),
    )
