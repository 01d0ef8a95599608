"""The library for float32 matrix products (GEMM) on a CPU, chosen once per command and the same in all its workers.

By default, torch computes matrix products with MKL. On some processors, MKL uses older kernels than the processor
supports. torch uses oneDNN, which has newer kernels, only if a setting allows bfloat16 inside float32 products. With
this setting, oneDNN rounds to bfloat16 on processors with bfloat16 units, and computes in float32 on all other
processors. Therefore both the accuracy and the speed of oneDNN are measured before oneDNN is chosen.
"""

import platform
import time
from functools import cache
from itertools import pairwise
from typing import get_args

import torch

from ablate.errors import AblateError
from ablate.experiment.grid import Run
from ablate.experiment.models import flat_features
from ablate.nn.activation import LANES
from ablate.nn.linear import SMALL
from ablate.training.result import MatmulLibrary

GEMMS: tuple[MatmulLibrary, ...] = get_args(MatmulLibrary)

# Limit of the error of a float32 product against float64, relative to the largest element of the product. Products
# with bfloat16 have an error of about 1e-3.
SINGLE_ERROR = 1e-5
# Smallest speed-up for which oneDNN is chosen. A smaller speed-up does not justify different bits, and noise could make
# two calibrations disagree.
WORTHWHILE = 1.6
_ROUNDS = 9


def use(gemm: MatmulLibrary) -> None:
    """Makes torch use the given library (MKL or oneDNN) for the float32 matrix products of this process."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16" if gemm == "onednn" else "none"  # type: ignore[attr-defined]  # not in stubs


@cache
def ensure_accurate(gemm: MatmulLibrary) -> None:
    """Raises AblateError if `gemm`, chosen on another processor, rounds float32 products to bfloat16 on this one."""
    if gemm == "onednn" and error(gemm) >= SINGLE_ERROR:
        raise AblateError(
            "float32 products are computed with oneDNN, as another processor has chosen, and the processor of "
            f"{platform.node()} would round them to bfloat16; train on machines of one kind, or into another folder"
        )


def for_run(gemm: MatmulLibrary, run: Run, sample: tuple[int, ...], classes: int) -> MatmulLibrary:
    """Returns the library (MKL or oneDNN) for stacks with runs like the given run.

    Even if oneDNN is chosen, torch computes small batched matrix products with another library. The size of a batched
    product grows with the number of runs in a stack. A run could therefore use different libraries alone and in a
    stack, and get different bits. To prevent this, the function returns oneDNN only if every product of a single run
    is large enough for oneDNN.

    Args:
        gemm: Library that the calibration has chosen.
        run: Any run of a stack.
        sample: Shape of one sample.
        classes: Number of outputs.
    """
    widths = (flat_features(run.model, sample, run.channels), *run.hidden, classes)
    smallest = min(before * after for before, after in pairwise(widths)) * min(run.batch_size, LANES)
    return gemm if smallest > SMALL else "mkl"


def calibrate() -> MatmulLibrary:
    """Measures MKL and oneDNN on this machine and returns oneDNN if it is accurate and clearly faster, else MKL."""
    weight, x = _operands()
    seconds = {}
    for gemm in GEMMS:
        use(gemm)
        seconds[gemm] = min(_seconds(weight, x) for _ in range(_ROUNDS))
    return choose(error("onednn"), seconds["mkl"] / seconds["onednn"])


def choose(onednn_error: float, gain: float) -> MatmulLibrary:
    """Returns the library to use, given the error of oneDNN and its speed-up over MKL.

    The speed-up, `gain`, is the time of MKL divided by the time of oneDNN.
    """
    return "onednn" if onednn_error < SINGLE_ERROR and gain > WORTHWHILE else "mkl"


def error(gemm: MatmulLibrary) -> float:
    """Returns the largest error of a library's float32 product, relative to the largest element of the product.

    The error is the difference from the product in float64.
    """
    weight, x = _operands()
    exact = weight.double() @ x.double()
    use(gemm)
    return float(((weight @ x) - exact).abs().max() / exact.abs().max())


def _operands() -> tuple[torch.Tensor, torch.Tensor]:
    """Returns random weights and inputs in the shapes that a linear layer of a stack has."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 100, 784, generator=generator), torch.randn(8, 784, 64, generator=generator)


def _seconds(weight: torch.Tensor, x: torch.Tensor) -> float:
    start = time.perf_counter()
    for _ in range(3):
        torch.bmm(weight, x)
    return time.perf_counter() - start
