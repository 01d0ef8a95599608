"""Types of the arrays that statistics are computed from."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Numbers of steps, as whole numbers or as read from a column of floats.
Steps = NDArray[np.int64] | Floats
