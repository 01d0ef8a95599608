"""A dataset with its stored values, before the split and the standardization."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RawData:
    """The arrays of a dataset: the samples to split, and the dataset's own test set, empty if there is none."""

    x: Array  # (samples, *shape), channels first, as stored
    y: Labels  # (samples,), from 0 to classes - 1
    x_test: Array
    y_test: Labels
    classes: int
