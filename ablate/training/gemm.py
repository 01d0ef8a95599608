"""The library that multiplies float32 matrices on a CPU: calibrated once per command, the same in all its workers.

torch sends products to MKL, which on some processors uses older kernels than they support. If bfloat16 is permitted
inside products, torch sends them to oneDNN instead, which has newer kernels. On a processor with bfloat16 units oneDNN
does round to bfloat16; on others it computes in float32. So accuracy is measured first, and then speed.
"""

import time
from itertools import pairwise
from typing import get_args

import torch

from ablate.experiment.grid import Run
from ablate.experiment.models import flat_features
from ablate.nn.activation import LANES
from ablate.nn.linear import SMALL
from ablate.training.result import MatmulLibrary

GEMMS: tuple[MatmulLibrary, ...] = get_args(MatmulLibrary)

# Largest error of a float32 product against float64, relative to its largest element; with bfloat16 it is 1e-3.
SINGLE_ERROR = 1e-5
# A smaller gain is not worth different bits, and too close to noise for two calibrations to agree.
WORTHWHILE = 1.6
_ROUNDS = 9


def use(gemm: MatmulLibrary) -> None:
    """Sends the float32 products of this process to a library."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16" if gemm == "onednn" else "none"  # type: ignore[attr-defined]  # not in stubs


def for_run(gemm: MatmulLibrary, run: Run, sample: tuple[int, ...], classes: int) -> MatmulLibrary:
    """Returns the library for the stacks of a run: MKL unless torch sends all of its products to oneDNN.

    torch decides by the size of a batched product, slices included. A small product would go to one library in a run
    alone and to the other in a stack, which gives different bits.

    Args:
        gemm: The choice of the calibration.
        run: Any of a stack.
        sample: Shape of one sample.
        classes: Number of outputs.
    """
    widths = (flat_features(run.model, sample, run.channels), *run.hidden, classes)
    smallest = min(before * after for before, after in pairwise(widths)) * min(run.batch_size, LANES)
    return gemm if smallest > SMALL else "mkl"


def calibrate() -> MatmulLibrary:
    """Returns the library to use after trying both: oneDNN if it is accurate and clearly faster, else MKL."""
    weight, x = _operands()
    seconds = {}
    for gemm in GEMMS:
        use(gemm)
        seconds[gemm] = min(_seconds(weight, x) for _ in range(_ROUNDS))
    return choose(error("onednn"), seconds["mkl"] / seconds["onednn"])


def choose(onednn_error: float, gain: float) -> MatmulLibrary:
    """Returns the library to use for oneDNN's `error`, and its gain, the time of MKL over that of oneDNN."""
    return "onednn" if onednn_error < SINGLE_ERROR and gain > WORTHWHILE else "mkl"


def error(gemm: MatmulLibrary) -> float:
    """Returns the largest error of a library's float32 product against float64, relative to the largest element."""
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
