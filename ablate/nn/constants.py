"""Numbers that are tensors already."""

import math
from functools import cache

import torch
from torch import Tensor

# exp(x) = 2 ** (LOG2_E * x), and torch's kernel of the power of two takes a third of the time of its exponential.
LOG2_E = math.log2(math.e)


@cache
def constant(value: float, dtype: torch.dtype) -> Tensor:
    """Returns a number as a tensor of no axes, to operate with tensors of that dtype on any device.

    A Python number in an operation is made a tensor and cast anew each time, which takes longer than to multiply all
    hidden units of a run by it.
    """
    return torch.tensor(value, dtype=dtype)
