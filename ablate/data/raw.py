"""A dataset as it is stored, before it is split and standardized."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RawData:
    """The arrays of a dataset: samples to split, and the dataset's own test set, of 0 samples if it has none."""

    x: Array  # (samples, *shape), channels first, as stored
    y: Labels  # (samples,), from 0 to classes - 1
    x_test: Array
    y_test: Labels
    classes: int
