"""The split of a dataset into training, validation and test samples, stratified by label and the same for all runs."""

import numpy as np
from numpy.typing import NDArray

from ablate.data.raw import Labels
from ablate.errors import DataError
from ablate.experiment.seeding import derive

Index = NDArray[np.int64]


def split(y: Labels, val: int, test: int, seed: int) -> tuple[Index, Index, Index]:
    """Returns the ascending indices of the training, validation and test samples; no sample is in two splits.

    Each label has the same share of the samples in every split, except for rounding by up to one sample. `val` and
    `test` are numbers of samples; `test` is 0 if the dataset has a test set of its own.

    Raises:
        DataError: A split would have fewer samples than there are labels, or a label has only one sample left to be
            split.
    """
    rest = np.arange(len(y), dtype=np.int64)
    held_out = rest[:0]
    if test:
        _check(y, test, "--test-fraction", "test")
        rest, held_out = _cut(rest, y, test, derive(seed, "split", "test"))
    _check(y[rest], val, "--val-fraction", "validation")
    train, validation = _cut(rest, y[rest], val, derive(seed, "split", "val"))
    return train, validation, held_out


def probe(y: Labels, size: int, seed: int) -> Index:
    """Returns the ascending indices of the training samples on which training scores are computed.

    `y` holds the labels of the training samples, and `size` is the number of validation samples. If there are more than
    `size` training samples, `size` of them are chosen, so that training scores and validation scores are computed on
    equally many samples. The choice is stratified by label if there are enough samples for it, and otherwise random.
    """
    everything = np.arange(len(y), dtype=np.int64)
    if size >= len(y):
        return everything
    stream = derive(seed, "split", "probe")
    counts = np.unique(y, return_counts=True)[1]
    if counts.min() >= 2 and min(size, len(y) - size) >= len(counts):
        return _cut(everything, y, size, stream)[1]
    chosen: Index = np.random.default_rng(stream).choice(everything, size, replace=False)
    return np.sort(chosen)


def _check(y: Labels, size: int, flag: str, part: str) -> None:
    labels, counts = np.unique(y, return_counts=True)
    if min(size, len(y) - size) < len(labels):
        raise DataError(
            f"{flag}: {size} {part} samples of {len(y)} do not leave each of {len(labels)} labels on both "
            f"sides; legal are shares of {len(labels)} to {len(y) - len(labels)} samples"
        )
    if counts.min() < 2:
        raise DataError(
            f"{flag}: only 1 sample is left of label {labels[counts.argmin()]}, too few to be on both sides "
            f"of the {part} split; each label needs 2"
        )


def _cut(index: Index, y: Labels, size: int, stream: int) -> tuple[Index, Index]:
    """Chooses `size` samples, stratified by label, from `index`; returns the remaining and the chosen indices."""
    # Imported here because the import takes a second, and worker processes, which get tensors, do not need it.
    from sklearn.model_selection import train_test_split

    rest, part = train_test_split(
        index, train_size=len(index) - size, test_size=size, random_state=stream % 2**32, stratify=y
    )
    return np.sort(rest), np.sort(part)
