"""Which library multiplies float32 matrices on a CPU: calibrated once a command, and the same in all its workers.

torch sends products to MKL, which on some processors runs older kernels than they are made for; where it is permitted
bfloat16 inside a product, it sends them to oneDNN instead, which has newer ones. With a unit for bfloat16 oneDNN
really rounds; without one it computes in float32 as asked. So accuracy is measured first, and then speed.
"""

import time
from itertools import pairwise
from typing import get_args

import torch

from ablate.experiment.grid import Run
from ablate.experiment.models import flat_features
from ablate.nn.activation import LANES
from ablate.training.result import MatmulLibrary

GEMMS: tuple[MatmulLibrary, ...] = get_args(MatmulLibrary)

# Largest error of a float32 product against float64, as a share of its largest element; bfloat16 makes 1e-3 of it.
SINGLE_ERROR = 1e-5
# Gains below this are not worth other bits, and too near to noise for two calibrations to agree.
WORTHWHILE = 1.6
_ROUNDS = 9
# torch leaves batched products to MKL up to this many of slices * rows * inner * columns (ATen's mkldnn/Matmul.cpp).
SMALL = 4096


def use(gemm: MatmulLibrary) -> None:
    """Sends the float32 products of this process to a library."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16" if gemm == "onednn" else "none"  # type: ignore[attr-defined]  # not in stubs


def for_run(gemm: MatmulLibrary, run: Run, sample: tuple[int, ...], classes: int) -> MatmulLibrary:
    """Returns the library for the stacks of a run: MKL where torch would not send each of its products to oneDNN alone.

    It counts the slices of a batched product too, so that a small product goes to one library alone and to the other in
    a stack, which gives other bits; a single row or column has kernels of its own in either.

    Args:
        gemm: What calibration has chosen.
        run: Any of a stack.
        sample: Shape of one sample.
        classes: Number of outputs.
    """
    widths = (flat_features(run.model, sample, run.channels), *run.hidden, classes)
    smallest = min(before * after for before, after in pairwise(widths)) * min(run.batch_size, LANES)
    return gemm if smallest > SMALL else "mkl"


def calibrate() -> MatmulLibrary:
    """Returns the library to use, after trying both: oneDNN where its float32 is exact and clearly faster, else MKL."""
    weight, x = _operands()
    seconds = {}
    for gemm in GEMMS:
        use(gemm)
        seconds[gemm] = min(_seconds(weight, x) for _ in range(_ROUNDS))
    return choose(error("onednn"), seconds["mkl"] / seconds["onednn"])


def choose(onednn_error: float, gain: float) -> MatmulLibrary:
    """Returns the library to use.

    Args:
        onednn_error: As `error` finds it.
        gain: MKL's time over oneDNN's.
    """
    return "onednn" if onednn_error < SINGLE_ERROR and gain > WORTHWHILE else "mkl"


def error(gemm: MatmulLibrary) -> float:
    """Returns the largest error of a library's float32 product against float64, over the largest element."""
    weight, x = _operands()
    exact = weight.double() @ x.double()
    use(gemm)
    return float(((weight @ x) - exact).abs().max() / exact.abs().max())


def _operands() -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the weights and inputs of a layer of a stack."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 100, 784, generator=generator), torch.randn(8, 784, 64, generator=generator)


def _seconds(weight: torch.Tensor, x: torch.Tensor) -> float:
    start = time.perf_counter()
    for _ in range(3):
        torch.bmm(weight, x)
    return time.perf_counter() - start
