"""Measurement of the wall time of a function call."""

import time
from collections.abc import Callable

import torch


def seconds_of(work: Callable[[], object], device: str = "cpu") -> float:
    """Returns the wall time of a function call in seconds, on CUDA including the kernels that the call launched."""
    start = _now(device)
    work()
    return _now(device) - start


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
