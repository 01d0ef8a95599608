"""Reading of a user's own arrays from an npz file, with all checks of their values."""

from pathlib import Path

import numpy as np

from ablate.data.raw import Array, RawData
from ablate.errors import DataError
from ablate.experiment.npz_header import UNREADABLE, npz_shapes

_LARGEST = float(np.finfo(np.float32).max)


def read_npz(path: Path) -> RawData:
    """Returns the arrays x_train and y_train of an npz file and, if the file has them, x_test and y_test.

    Labels in the file may be any whole numbers and are replaced, in ascending order, by 0 to classes - 1. No object is
    unpickled, because unpickling could run code.

    Raises:
        DataError: An array is missing, is unreadable or has the wrong shape, or a number is not finite in float32.
            Labels are not whole numbers, or there are fewer than 2 different labels. A label has too few samples to be
            in every split, or occurs in the test set but not in the training set.
    """
    has_test = "x_test" in npz_shapes(path)
    x, y = _numbers(path, "x_train"), _labels(path, "y_train")
    x_test, y_test = (_numbers(path, "x_test"), _labels(path, "y_test")) if has_test else (x[:0], y[:0])
    values, counts = np.unique(y, return_counts=True)
    if len(values) < 2:
        raise _unfit(path, f"has one label, {values[0]}, in y_train; a classification needs at least 2")
    splits = 2 if has_test else 3
    if counts.min() < splits:
        problem = f"has {counts.min()} of label {values[counts.argmin()]} in y_train"
        raise _unfit(path, f"{problem}; a label needs at least {splits} samples, one for each split")
    if len(unknown := np.setdiff1d(y_test, values)):
        problem = f"has label {unknown[0]} in y_test but not in y_train"
        raise _unfit(path, f"{problem}; each test label must be trained")
    y, y_test = (np.searchsorted(values, labels).astype(np.int64) for labels in (y, y_test))
    return RawData(x, y, x_test, y_test, len(values))


def _numbers(path: Path, name: str) -> Array:
    array = _array(path, name, "real numbers")
    # This comparison is false for NaN, inf and numbers outside the range of float32. It compares Python's numbers,
    # because in float16 the limit itself would be inf.
    if not -_LARGEST <= float(array.min()) <= float(array.max()) <= _LARGEST:
        problem = f"has NaN, inf or numbers beyond {_LARGEST:.2g} in {name}"
        raise _unfit(path, f"{problem}; legal are finite float32 numbers")
    return array


def _labels(path: Path, name: str) -> Array:
    array = _array(path, name, "whole numbers")
    if array.dtype.kind == "f" and len(wrong := array[~(np.isfinite(array) & (array == np.floor(array)))]):
        raise _unfit(path, f"has {wrong[0]} in {name}; legal are whole numbers")
    return array


def _array(path: Path, name: str, legal: str) -> Array:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            array: Array = archive[name]
    except UNREADABLE as error:
        raise _unfit(path, f"has no readable {name} ({error}); legal are arrays of numbers") from None
    if array.dtype.kind not in "buif":
        raise _unfit(path, f"has {array.dtype} in {name}; legal are {legal}")
    return array


def _unfit(path: Path, problem: str) -> DataError:
    return DataError(f"--dataset: {str(path)!r} {problem}")
