"""Wall time of a piece of work."""

import time
from collections.abc import Callable


def seconds_of(work: Callable[[], object], device: str = "cpu") -> float:
    """Returns the wall time of a call; on CUDA, until the kernels that it launched have finished."""
    _synchronize(device)
    start = time.perf_counter()
    work()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
