"""Types of the arrays from which the analysis computes statistics."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Numbers of steps, as integers or as floats from a column of a data frame.
Steps = NDArray[np.int64] | Floats
