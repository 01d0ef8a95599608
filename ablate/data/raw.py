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
        x: (samples, *shape), channels first, as stored; with the validation samples, and with the test samples if the
            dataset has no test set of its own.
        y: (samples,), from 0 to classes - 1.
        x_test, y_test: The dataset's own test set, likewise; of 0 samples if it has none.
        classes: Number of labels.
    """

    x: Array
    y: Labels
    x_test: Array
    y_test: Labels
    classes: int
