"""Start and end of processes that train. It imports no torch."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from typing import Any

from ablate.errors import AblateError

# Exit code that multiprocessing reports if the fork server, which knows the exit code, has died.
_UNKNOWN = 255
# Number of times that a process is started before it is an error that it ends at once.
STARTS = 3


@dataclass(frozen=True)
class Ending:
    """How a process ended, as `ended with SIGKILL`, and whether something outside may have ended it."""

    text: str
    by_signal: bool


def training_context() -> ForkServerContext | SpawnContext:
    """Returns the `multiprocessing` context of processes that train: a fork server, if the system supports one.

    A fork server imports torch once for all processes, and inherits no threads from this process.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ablate.execution.worker"])
    return context


def prepare_to_start(context: ForkServerContext | SpawnContext) -> None:
    """Starts the fork server if there is none or if it has died; returns before it has imported torch.

    The fork server ignores SIGINT. An interrupt thus reaches only this process, which then ends the others.
    """
    if isinstance(context, ForkServerContext):
        with _interrupts_ignored():
            ensure_running()


def started(
    context: ForkServerContext | SpawnContext, target: Callable[..., object], arguments: tuple[Any, ...]
) -> BaseProcess:
    """Starts and returns a process. A fork server that dies meanwhile is replaced.

    Raises:
        AblateError: The fork server dies at every attempt.
    """
    for _ in range(STARTS):
        process = context.Process(target=target, args=arguments, daemon=True)
        # The connection to a fork server that has just died fails in one of several ways.
        with suppress(EOFError, ConnectionError):
            prepare_to_start(context)
            process.start()
            return process
    raise AblateError(
        f"a worker process could not be started in {STARTS} attempts, because the process that starts it ended; out of "
        "memory, or too many processes?"
    )


def ending(process: BaseProcess) -> Ending:
    """Waits for a process to end and returns how it ended."""
    process.join()
    code = process.exitcode or 0
    if code == _UNKNOWN:
        return Ending("ended", by_signal=True)
    if code < 0:
        return Ending(f"ended with {signal.Signals(-code).name}", by_signal=True)
    return Ending(f"ended with exit code {code}", by_signal=False)


def end(process: BaseProcess) -> None:
    """Ends a process if it is still alive, and waits until it has ended."""
    process.terminate()
    process.join()
    if process.exitcode == _UNKNOWN and process.pid:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignores SIGINT in this process and in those that it starts; only the main thread can do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
