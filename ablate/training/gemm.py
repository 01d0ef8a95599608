"""The library for float32 matrix products on a CPU, chosen once per command and the same in all its workers.

torch sends products to MKL. On some processors MKL uses older kernels than the processor supports. If bfloat16 is
permitted inside products, torch sends them to oneDNN, which has newer kernels. On a processor with bfloat16 units,
oneDNN rounds to bfloat16; on others it computes in float32. So both accuracy and speed are measured.
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

# Limit of the error of a float32 product against float64, relative to its largest element; with bfloat16 it is 1e-3.
SINGLE_ERROR = 1e-5
# A smaller gain does not justify different bits, and noise could make two calibrations disagree.
WORTHWHILE = 1.6
_ROUNDS = 9


def use(gemm: MatmulLibrary) -> None:
    """Makes torch use a library for the float32 products of this process."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16" if gemm == "onednn" else "none"  # type: ignore[attr-defined]  # not in stubs


def for_run(gemm: MatmulLibrary, run: Run, sample: tuple[int, ...], classes: int) -> MatmulLibrary:
    """Returns the library for the stacks of a run: MKL unless torch would send all products of the run to oneDNN.

    torch decides by the size of a batched product, slices included. A small product could go to one library if a run is
    alone and to the other in a stack, which gives different bits.

    Args:
        gemm: Library chosen by the calibration.
        run: Any run of a stack.
        sample: Shape of one sample.
        classes: Number of outputs.
    """
    widths = (flat_features(run.model, sample, run.channels), *run.hidden, classes)
    smallest = min(before * after for before, after in pairwise(widths)) * min(run.batch_size, LANES)
    return gemm if smallest > SMALL else "mkl"


def calibrate() -> MatmulLibrary:
    """Measures both libraries and returns oneDNN if it is accurate and clearly faster, else MKL."""
    weight, x = _operands()
    seconds = {}
    for gemm in GEMMS:
        use(gemm)
        seconds[gemm] = min(_seconds(weight, x) for _ in range(_ROUNDS))
    return choose(error("onednn"), seconds["mkl"] / seconds["onednn"])


def choose(onednn_error: float, gain: float) -> MatmulLibrary:
    """Returns the library to use, given the error of oneDNN and its gain, the time of MKL over that of oneDNN."""
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
