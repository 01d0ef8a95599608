"""The process that trains: threads, floating-point modes and memory, set once and the same for every result."""

import ctypes
import os
import sys

from ablate.experiment.spec import Precision

# What the numeric libraries read when they are loaded: one thread a process, because two threads in a stack of small
# products gain little and lose much as soon as another process wants the core.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# MKL's small products round by where in memory their operands begin, unless it is told not to: a run's bits would then
# depend on its place in a stack.
ENVIRONMENT |= {"MKL_CBWR": "AUTO,STRICT"}
# What cuBLAS needs to give the same bits at every call, on any number of streams.
ENVIRONMENT |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}

# What of `prepare_process` bits depend on, as it stands in the metadata of results.
PROCESS = {"threads": "1", "flush_denormal": "true"}

# Parameters of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def set_environment() -> None:
    """Asks for one thread a process, in this process and those it starts; call before torch is imported."""
    os.environ.update(ENVIRONMENT)


def prepare_process() -> None:
    """Sets what bits and speed depend on in a process that trains.

    Denormal numbers are flushed to zero: the moments of dead units decay into them, and they cost twice the time.
    """
    import torch

    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_grad_enabled(False)


def prepare_cuda(precision: Precision) -> None:
    """Sets what bits on a GPU depend on: deterministic kernels, and TF32 only where it was asked for."""
    import torch

    torch.use_deterministic_algorithms(True)
    # This mode fills fresh memory with NaN to show where it is read before it is written: a pass for nothing here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # set through its class
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    single = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = single
    torch.backends.cudnn.conv.fp32_precision = single  # type: ignore[attr-defined]  # torch's stubs lack it


def keep_freed_memory() -> None:
    """Tells glibc to keep freed memory for the next buffer; elsewhere does nothing.

    By default it returns every block of some megabytes to the system and takes a page fault for each 4 KiB of the next.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
        libc.mallopt(_M_TOP_PAD, 64 << 20)
