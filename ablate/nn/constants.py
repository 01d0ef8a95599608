"""Constants as tensors."""

import math
from functools import cache

import torch
from torch import Tensor

# exp(x) = 2 ** (LOG2_E * x), and torch's kernel for powers of two takes a third of the time of its exponential.
LOG2_E = math.log2(math.e)


@cache
def constant(value: float, dtype: torch.dtype) -> Tensor:
    """Returns a number as a tensor without axes, which can be combined with tensors of that dtype on any device.

    torch converts a Python number to a tensor and casts it at every operation, which takes longer than multiplying
    all hidden units of a run by it.
    """
    return torch.tensor(value, dtype=dtype)
