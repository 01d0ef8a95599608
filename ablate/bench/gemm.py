"""The machine's own rate of matrix products in float32, in one process of one thread or on its GPU."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from ablate.training.gemm import GEMMS, SINGLE_ERROR, error, use
from ablate.training.result import Gemm

# Rows and columns: large enough for the best rate, small enough for a fraction of a second.
_SIZE = {"cpu": 1024, "cuda": 8192}
_PRODUCTS = 12

Rates = dict[str, float]


def prepare_gemm(device: str) -> Callable[[], Rates]:
    """Returns what measures operations a second of one large square product, by backend.

    On the CPU oneDNN counts only where it keeps the precision of float32, as on a processor without bf16 units.
    """
    torch.set_grad_enabled(False)
    generator = torch.Generator().manual_seed(0)
    names = usable_backends() if device == "cpu" else ("cuBLAS",)
    size = _SIZE[device]
    a, b = (torch.randn(size, size, generator=generator).to(device) for _ in range(2))
    return partial(_rates, a, b, names)


def usable_backends() -> tuple[Gemm, ...]:
    """Returns the libraries whose products on the CPU are float32's."""
    return tuple(gemm for gemm in GEMMS if error(gemm) < SINGLE_ERROR)


def faster(measured: Sequence[Rates]) -> tuple[str, float]:
    """Returns the backend that is the faster in all processes together, and its rate, summed over them."""
    common = set.intersection(*(set(rates) for rates in measured))
    totals = {name: sum(rates[name] for rates in measured) for name in sorted(common)}
    best = max(totals, key=lambda name: totals[name])
    return best, totals[best]


def _rates(a: Tensor, b: Tensor, names: Sequence[str]) -> Rates:
    found = {}
    for name in names:
        if name in GEMMS:
            use(name)
        found[name] = _rate(a, b)
    return found


def _rate(a: Tensor, b: Tensor) -> float:
    out = a @ b
    _wait_for(a)
    start = time.perf_counter()
    for _ in range(_PRODUCTS):
        torch.mm(a, b, out=out)
    _wait_for(a)
    return _PRODUCTS * 2 * len(a) ** 3 / (time.perf_counter() - start)


def _wait_for(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()
