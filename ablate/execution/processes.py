"""How processes that train are started, and how they ended. It imports no torch."""

import multiprocessing
import signal
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess


def training_context() -> ForkServerContext | SpawnContext:
    """Returns the context that starts processes with torch: a fork server imports it once, where there is one.

    A fork server also inherits no threads from this process.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ablate.execution.worker"])
    return context


def ending(process: BaseProcess) -> str:
    """Waits for a process to end and returns how it ended: `ended with SIGKILL`, `ended with exit code 1`."""
    process.join()
    code = process.exitcode or 0
    return f"ended with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
