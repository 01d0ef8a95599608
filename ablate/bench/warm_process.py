"""A process that prepares once and then performs the same task on each request, so that only the task is timed."""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Generic, Self, TypeVar, cast

from ablate.errors import AblateError
from ablate.execution.processes import started, training_context
from ablate.execution.worker import portable
from ablate.training.backend import ENVIRONMENT, prepare_process

T = TypeVar("T")


class WarmProcess(Generic[T]):
    """A process that performs its task on each request; a context manager that ends the process on exit.

    `prepare` is a picklable function that returns the task, which is a function as well. The process calls `prepare`
    once, at its start. If `is_tuned` is true, the process has one thread and the other settings of ablate's worker
    processes. Otherwise the process has torch's defaults.
    """

    def __init__(self, name: str, prepare: Callable[[], Callable[[], T]], is_tuned: bool = True) -> None:
        self.name, self.prepare, self.is_tuned = name, prepare, is_tuned

    def __enter__(self) -> Self:
        # The fork server has loaded torch with one thread. A process with torch's defaults must be a new process that
        # loads torch without the environment variables that set the numeric libraries to one thread.
        context = training_context() if self.is_tuned else multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        names = () if self.is_tuned else ENVIRONMENT
        hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
        try:
            self.process = started(context, _serve, (theirs, self.prepare, self.is_tuned))
        finally:
            os.environ.update(hidden)
        theirs.close()
        self.answer()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()

    def ask(self) -> None:
        """Requests that the process performs its task."""
        self.connection.send(None)

    def answer(self) -> T:
        """Waits until the process has performed its task and returns the result of the task.

        Raises:
            AblateError: The process has died.
        """
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            raise AblateError(
                f"the process of {self.name} ended with exit code {self.process.exitcode}; out of memory?"
            ) from None
        if isinstance(message, BaseException):
            raise message
        return cast(T, message)

    def __call__(self) -> T:
        """Lets the process perform its task once and returns the result of the task."""
        self.ask()
        return self.answer()


def peak_bytes(pid: int | None) -> int | None:
    """Returns the peak resident memory of a process in bytes, or None if the system does not report it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _serve(connection: Connection, prepare: Callable[[], Callable[[], object]], is_tuned: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process receives SIGINT and ends this process
    try:
        if is_tuned:
            prepare_process()
        work = prepare()
        connection.send(None)
        while True:
            connection.recv()
            connection.send(work())
    except (EOFError, BrokenPipeError):
        return
    except BaseException as error:
        connection.send(portable(error, "in a warm process:\n" + traceback.format_exc()))
        raise
