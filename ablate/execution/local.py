"""Worker processes on this machine: one thread each, a stack at a time, over a dataset they map into memory.

This side of them is free of torch: while they load it, the command prepares the data.
"""

import multiprocessing
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from ablate.data.arrays import Arrays
from ablate.execution.executor import Died
from ablate.experiment.plan import Stack
from ablate.training.result import StackResult


class LocalExecutor:
    """Trains stacks in worker processes; a context manager, whose exit ends the workers whatever they are doing.

    Workers start in the background when the context is entered: they load their libraries while the caller prepares
    the data, which `use` lays ready.

    Args:
        jobs: Number of workers.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.workers: dict[Connection, BaseProcess] = {}
        self.directory = tempfile.TemporaryDirectory(prefix="ablate-")
        self.folder = Path(self.directory.name)
        # A fork server imports torch once for all workers, and inherits nothing of what this process has started.
        self.context: SpawnContext | ForkServerContext = multiprocessing.get_context("spawn")
        if "forkserver" in multiprocessing.get_all_start_methods():
            self.context = multiprocessing.get_context("forkserver")
            self.context.set_forkserver_preload(["ablate.execution.worker"])
        self.starting = threading.Thread(target=self._start_workers)

    def __enter__(self) -> Self:
        # What starts now inherits that it is not to be interrupted: this process is, and ends the others.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if isinstance(self.context, ForkServerContext):
                ensure_running()
        finally:
            signal.signal(signal.SIGINT, before)
        # A process is started when its server has loaded torch, and only then does the call return.
        self.starting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.starting.join()
        for connection, process in self.workers.items():
            process.terminate()
            process.join()
            connection.close()
        self.directory.cleanup()

    def use(self, arrays: Arrays) -> None:
        """Lays the data where workers find them; they are mapped when the first stack arrives."""
        arrays.save(self.folder)

    def run(
        self, stacks: Sequence[Stack], on_run_steps: Callable[[int], None]
    ) -> Iterator[tuple[Stack, StackResult | Died]]:
        """Yields each stack once, when it is done or its worker has died; a dead worker is replaced.

        Raises:
            AblateError: As a worker raised it.
        """
        self.starting.join()
        waiting, busy = deque(stacks), dict[Connection, Stack]()
        while waiting or busy:
            for connection in [free for free in self.workers if free not in busy][: len(waiting)]:
                busy[connection] = waiting.popleft()
                # A worker that died idle is found out below, like any other: reading from it ends at once.
                with suppress(BrokenPipeError):
                    connection.send(busy[connection])
            for ready in [each for each in wait(list(busy)) if isinstance(each, Connection)]:
                try:
                    message = ready.recv()
                except (EOFError, ConnectionResetError):
                    yield busy.pop(ready), self._bury(ready)
                    continue
                match message:
                    case int():
                        on_run_steps(message)
                    case StackResult():
                        yield busy.pop(ready), message
                    case BaseException():
                        raise message

    def _start_workers(self) -> None:
        for _ in range(self.jobs):
            self._start_worker()

    def _start_worker(self) -> None:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(theirs, self.folder), daemon=True)
        process.start()
        theirs.close()
        self.workers[ours] = process

    def _bury(self, connection: Connection) -> Died:
        process = self.workers.pop(connection)
        process.join()
        connection.close()
        self._start_worker()
        code = process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Died(f"the worker process ended with {how}; out of memory? fewer --jobs take less")


def _work(connection: Connection, folder: Path) -> None:
    # Imported here, in the worker: it brings torch, which this module's other process can do without.
    from ablate.execution.worker import work

    work(connection, folder)
