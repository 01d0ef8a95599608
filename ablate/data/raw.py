"""A dataset as it is stored, before it is split and standardized."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RawData:
    """The arrays of a dataset.

    Attributes:
        x: (samples, *shape), channels first, with the stored values. It includes the validation samples, and the test
            samples if the dataset has no test set of its own.
        y: (samples,), from 0 to classes - 1.
        x_test: The dataset's own test set, (test_samples, *shape); of 0 samples if it has none.
        y_test: (test_samples,).
        classes: Number of labels.
    """

    x: Array
    y: Labels
    x_test: Array
    y_test: Labels
    classes: int
