"""The rate of float32 matrix products (GEMM) on a GPU, or in several single-threaded processes on a CPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ablate.bench.timing import seconds_of
from ablate.bench.warm_process import WarmProcess
from ablate.training.gemm import GEMMS, SINGLE_ERROR, error, use
from ablate.training.result import MatmulLibrary

# Number of rows and columns of the matrices, by device: large enough for the highest rate, and small enough that a
# product takes less than a second.
_SIZE = {"cpu": 1024, "cuda": 8192}
_PRODUCTS = 12

# Floating-point operations per second, by the name of the library.
Rates = dict[str, float]


@dataclass
class GemmProbe:
    """Measures the rate at which the machine computes matrix products in several processes at once.

    `backends` holds the name of the fastest library in each measurement so far.
    """

    processes: Sequence[WarmProcess[Rates]]
    backends: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        """Returns the number of floating-point operations per second, summed over the processes."""
        for process in self.processes:
            process.ask()
        backend, rate = faster([process.answer() for process in self.processes])
        self.backends.append(backend)
        return rate

    @property
    def usual_backend(self) -> str:
        """The name of the library that was the fastest in most measurements."""
        return max(self.backends, key=self.backends.count)


def prepare_gemm(device: str) -> Callable[[], Rates]:
    """Returns a function that measures the rate of a large square matrix product with each library.

    On the CPU, oneDNN is measured only if its products have float32 precision, as on CPUs without bfloat16 units.
    """
    torch.set_grad_enabled(False)
    generator = torch.Generator().manual_seed(0)
    names = usable_backends() if device == "cpu" else ("cuBLAS",)
    size = _SIZE[device]
    a, b = (torch.randn(size, size, generator=generator).to(device) for _ in range(2))
    return lambda: {name: _rate(name, a, b) for name in names}


def usable_backends() -> tuple[MatmulLibrary, ...]:
    """Returns the libraries whose matrix products on the CPU have float32 precision."""
    return tuple(gemm for gemm in GEMMS if error(gemm) < SINGLE_ERROR)


def faster(measured: Sequence[Rates]) -> tuple[str, float]:
    """Returns the library with the highest total rate of all processes, and this total rate."""
    common = set.intersection(*(set(rates) for rates in measured))
    totals = {name: sum(rates[name] for rates in measured) for name in sorted(common)}
    return max(totals.items(), key=lambda total: total[1])


def _rate(library: str, a: Tensor, b: Tensor) -> float:
    if library in GEMMS:
        use(library)
    out = a @ b
    seconds = seconds_of(lambda: [torch.mm(a, b, out=out) for _ in range(_PRODUCTS)], a.device.type)
    return _PRODUCTS * 2 * len(a) ** 3 / seconds
