"""The settings of every process that trains: threads, floating-point modes and memory."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from ablate.experiment.spec import Precision

# Environment variables that numeric libraries read when they are loaded. A process has one thread: two threads gain
# little for the small matrix products of a stack, and lose much as soon as another process needs the core.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# Without this setting, the rounding of MKL's small products depends on the alignment of their operands. The bits of a
# run would then depend on its position in a stack.
ENVIRONMENT |= {"MKL_CBWR": "AUTO,STRICT"}
# cuBLAS needs this setting to give the same bits at every call, on any number of streams.
ENVIRONMENT |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}

# Settings of `prepare_process` that affect bits, as written to the metadata of results.
PROCESS = {"threads": "1", "flush_denormal": "true"}

# Parameters of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def set_environment() -> None:
    """Sets the environment variables of `ENVIRONMENT` for this process and the processes that it starts.

    Call this function before torch is imported.
    """
    os.environ.update(ENVIRONMENT)
    # Without this setting, a new Python process imports modules from the current folder first, where any file could
    # replace a module. If ablate itself is imported from the current folder, the setting must be absent.
    with suppress(FileNotFoundError):
        if Path.cwd() != Path(__file__).parents[2]:
            os.environ["PYTHONSAFEPATH"] = "1"


def prepare_process() -> None:
    """Prepares this process for training: one thread, denormal numbers flushed to zero, no autograd, freed memory kept.

    Denormal numbers are flushed to zero, because arithmetic on them takes twice the time. They would occur in the
    running averages that an optimizer keeps for the weights of dead units.
    """
    import torch

    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_grad_enabled(False)


def prepare_cuda(precision: Precision) -> None:
    """Makes a GPU use deterministic kernels, and allows the rounding to TF32 only if `precision` is `tf32`."""
    import torch

    torch.use_deterministic_algorithms(True)
    # By default, the deterministic mode also fills new memory with NaN to reveal invalid reads. This is not needed.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # set through its class
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    single = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = single
    torch.backends.cudnn.conv.fp32_precision = single  # type: ignore[attr-defined]  # torch's stubs lack it


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory for the next buffer; does nothing on systems other than Linux.

    By default, glibc returns freed blocks of several megabytes to the operating system. The next buffer of several
    megabytes then causes a page fault every 4 KiB.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
        libc.mallopt(_M_TOP_PAD, 64 << 20)
