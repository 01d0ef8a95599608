"""A dataset with the values as stored, before it is split and standardized."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RawData:
    """The arrays of a dataset before the split: samples x with labels y, and the dataset's own test set.

    The test set is empty if the dataset has none of its own.
    """

    x: Array  # (samples, *shape), channels first, as stored
    y: Labels  # (samples,), from 0 to classes - 1
    x_test: Array
    y_test: Labels
    classes: int
