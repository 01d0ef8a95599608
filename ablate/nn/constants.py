"""Constants as tensors."""

import math
from functools import cache

import torch
from torch import Tensor

# exp(x) = 2 ** (LOG2_E * x). torch's kernel for powers of two takes a third of the time of its exponential kernel.
LOG2_E = math.log2(math.e)


@cache
def constant(value: float, dtype: torch.dtype) -> Tensor:
    """Returns a number as a zero-dimensional tensor, for operations with tensors of this dtype on any device.

    In an operation with a Python number, torch first converts the number to a tensor and casts the tensor. This
    conversion takes longer than multiplying all hidden units of a run by the number.
    """
    return torch.tensor(value, dtype=dtype)
