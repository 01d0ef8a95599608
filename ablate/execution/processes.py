"""Start and end of processes that train. This module does not import torch."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from typing import Any

from ablate.errors import AblateError
from ablate.execution.scratch import scratch_folder
from ablate.output.streams import guard_streams

# A terminal sends these signals to all processes of a command. Only the main process reacts to them.
_FROM_TERMINAL = [getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
# The longest address of a socket has 107 bytes on Linux and 103 on macOS.
_ADDRESS_BYTES = 103
# A file name as long as that of a socket of multiprocessing.
_ADDRESS = "listener-01234567"
# Exit code that multiprocessing reports if the fork server, which alone knows the real exit code, has died.
_UNKNOWN = 255
# After so many failed attempts to start a process, the failure is an error.
STARTS = 3
# Time for which a killed fork server still counts as running.
_DYING_SECONDS = 0.2


@dataclass(frozen=True)
class Ending:
    """How a process ended: a text, such as `ended with SIGKILL`, and whether a signal may have ended the process."""

    text: str
    by_signal: bool


def training_context() -> ForkServerContext | SpawnContext:
    """Returns the `multiprocessing` context for processes that train: a fork server, if the system supports one.

    A fork server imports torch once for all processes, and inherits no threads from this process.
    """
    address = scratch_folder() / _ADDRESS
    is_too_long = len(os.fsencode(address)) > _ADDRESS_BYTES
    if is_too_long or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ablate.execution.preload"])
    # The folder for the server's socket. By default it is a new folder, which would stay after a SIGKILL.
    multiprocessing.current_process()._config["tempdir"] = str(scratch_folder())  # type: ignore[attr-defined]  # private
    return context


def prepare_to_start(context: ForkServerContext | SpawnContext) -> None:
    """Starts the fork server if there is none or if it has died. Does not wait until the server has imported torch."""
    if isinstance(context, ForkServerContext):
        with _terminal_signals_blocked():
            ensure_running()


def started(
    context: ForkServerContext | SpawnContext, target: Callable[..., object], arguments: tuple[Any, ...]
) -> BaseProcess:
    """Starts and returns a process, which ends when this process ends. If the fork server dies, it is replaced.

    Raises:
        AblateError: The fork server dies at every attempt.
    """
    for _ in range(STARTS):
        process = context.Process(target=_run, args=(target, *arguments), daemon=True)
        # The connection to a fork server that has just died fails in one of several ways.
        with suppress(EOFError, ConnectionError), _terminal_signals_blocked():
            prepare_to_start(context)
            process.start()
            return process
        time.sleep(_DYING_SECONDS)
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
    process.kill()
    process.join()
    if process.exitcode == _UNKNOWN and process.pid:
        with suppress(ProcessLookupError):
            os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


@contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Delays signals of the terminal until the `with` block ends. Processes started in the block never receive them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # now, because its start unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(target: Callable[..., object], *arguments: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError):  # stderr may be closed
        os.dup2(2, 1)  # a user's function may print, and the stdout of a command is for its results
    guard_streams()  # in case nobody reads stderr
    target(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
