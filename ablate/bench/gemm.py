"""The machine's own rate of matrix products in float32, in one process of one thread or on its GPU."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

# Rows and columns: large enough for the best rate, small enough for a fraction of a second.
_SIZE = {"cpu": 1024, "cuda": 8192}
_PRODUCTS = 12
_CHECKED_SIZE = 384
# Of the error against float64, over that of torch's default backend, that still counts as float32.
_SAME_LEVEL = 4.0

# What makes torch take each backend for products of float32 on the CPU.
BACKENDS = {"default": "none", "mkldnn": "bf16"}

Rates = dict[str, float]


def prepare_gemm(device: str) -> Callable[[], Rates]:
    """Returns what measures operations a second of one large square product, by backend.

    On the CPU oneDNN counts only where it keeps the precision of float32, as on a processor without bf16 units.
    """
    torch.set_grad_enabled(False)
    generator = torch.Generator().manual_seed(0)
    names = usable_backends(generator) if device == "cpu" else ("cuBLAS",)
    size = _SIZE[device]
    a, b = (torch.randn(size, size, generator=generator).to(device) for _ in range(2))
    return partial(_rates, a, b, names)


def usable_backends(generator: torch.Generator) -> tuple[str, ...]:
    """Returns the CPU backends whose products are as near to those of float64 as float32 allows."""
    a, b = (torch.randn(_CHECKED_SIZE, _CHECKED_SIZE, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()
    errors = {}
    for name in BACKENDS:
        with _backend(name):
            errors[name] = float((a @ b - exact).abs().max())
    return tuple(name for name, error in errors.items() if error <= _SAME_LEVEL * errors["default"])


def faster(measured: Sequence[Rates]) -> tuple[str, float]:
    """Returns the backend that is the faster in all processes together, and its rate, summed over them."""
    common = set.intersection(*(set(rates) for rates in measured))
    totals = {name: sum(rates[name] for rates in measured) for name in sorted(common)}
    best = max(totals, key=lambda name: totals[name])
    return best, totals[best]


def _rates(a: Tensor, b: Tensor, names: Sequence[str]) -> Rates:
    found = {}
    for name in names:
        with _backend(name):
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


@contextmanager
def _backend(name: str) -> Iterator[None]:
    matmul = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # set up by torch at import
    before = matmul.fp32_precision
    matmul.fp32_precision = BACKENDS.get(name, "none")
    try:
        yield
    finally:
        matmul.fp32_precision = before
