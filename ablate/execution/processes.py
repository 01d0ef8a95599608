"""The start and the end of processes that train.

This module does not import torch.
"""

import multiprocessing
import signal
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess


def training_context() -> ForkServerContext | SpawnContext:
    """Returns the `multiprocessing` context of processes that train: a fork server, if the system supports one.

    A fork server imports torch once for all processes, and inherits no threads from this process.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ablate.execution.worker"])
    return context


def ending(process: BaseProcess) -> str:
    """Waits until a process ends and returns how it ended, such as `ended with SIGKILL` or `ended with exit code 1`."""
    process.join()
    code = process.exitcode or 0
    return f"ended with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
