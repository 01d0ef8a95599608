"""The process that trains: threads and floating-point modes, set once and the same for every result."""

import os

# What the numeric libraries read when they are loaded: one thread a process, because two threads in a stack of small
# products gain little and lose much as soon as another process wants the core.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def set_thread_environment() -> None:
    """Asks for one thread a process, in this process and those it starts; call before torch is imported."""
    os.environ.update(ONE_THREAD)


def prepare_process() -> None:
    """Sets what bits and speed depend on in a process that trains.

    Denormal numbers are flushed to zero: the moments of dead units decay into them, and they cost twice the time.
    """
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_grad_enabled(False)
