"""Worker processes on this machine: one core or GPU each, a stack at a time, over a dataset they map into memory.

This side of them is free of torch: while they load it, the command prepares the data.
"""

import multiprocessing
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from ablate.data.arrays import Arrays
from ablate.errors import AblateError
from ablate.execution.executor import Died
from ablate.execution.messages import Calibrate, TooLarge, Use
from ablate.experiment.plan import Stack, halves
from ablate.training.result import StackResult


class LocalExecutor:
    """Trains stacks in worker processes; a context manager, whose exit ends the workers whatever they are doing.

    Workers start in the background when the context is entered: they load their libraries while the caller prepares
    the data, which `use` lays ready.

    Args:
        jobs: Number of workers.
        gpus: How many GPUs they share out among themselves; with none they train on the CPU.
    """

    def __init__(self, jobs: int, gpus: int = 0) -> None:
        self.jobs = jobs
        self.devices = [f"cuda:{index}" for index in range(gpus)] or ["cpu"]
        self.started = 0
        self.gemm: Use | None = None
        self.workers: dict[Connection, BaseProcess] = {}
        self.directory = tempfile.TemporaryDirectory(prefix="ablate-")
        self.folder = Path(self.directory.name)
        # A fork server imports torch once for all workers, and inherits nothing of what this process has started.
        self.context: SpawnContext | ForkServerContext = multiprocessing.get_context("spawn")
        if "forkserver" in multiprocessing.get_all_start_methods():
            self.context = multiprocessing.get_context("forkserver")
            self.context.set_forkserver_preload(["ablate.execution.worker"])
        self.pool = ThreadPoolExecutor(1)
        self.starting: Future[None] | None = None

    def __enter__(self) -> Self:
        # What starts now inherits that it is not to be interrupted: this process is, and ends the others.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if isinstance(self.context, ForkServerContext):
                ensure_running()
        finally:
            signal.signal(signal.SIGINT, before)
        # A process is started when its server has loaded torch, and only then does the call return.
        self.starting = self.pool.submit(self._start_workers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.shutdown()
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

        A stack too large for the memory of its GPU comes back as two that are half as large.

        Raises:
            AblateError: As a worker raised it, or a single run is too large for its GPU.
        """
        self.wait_for_workers()
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
                    case TooLarge():
                        waiting.extendleft(reversed(_smaller(busy.pop(ready))))
                    case BaseException():
                        raise message

    @property
    def numerics(self) -> dict[str, str]:
        """What of the machine results depend on, as it stands in their metadata; known once stacks are run."""
        return {"gemm": self.gemm.library} if self.gemm and self.devices == ["cpu"] else {}

    def wait_for_workers(self) -> None:
        """Returns when all workers have started."""
        if self.starting:
            self.starting.result()

    def _start_workers(self) -> None:
        """Starts the workers; the first says how to multiply, and all do as it says."""
        for _ in range(self.jobs):
            self._start_worker()

    def _start_worker(self) -> None:
        ours, theirs = self.context.Pipe()
        device = self.devices[self.started % len(self.devices)]
        process = self.context.Process(target=_work, args=(theirs, self.folder, device), daemon=True)
        process.start()
        theirs.close()
        self.started += 1
        if self.gemm is None:
            ours.send(Calibrate())
            answer = ours.recv()
            if not isinstance(answer, Use):
                raise answer
            self.gemm = answer
        ours.send(self.gemm)
        self.workers[ours] = process

    def _bury(self, connection: Connection) -> Died:
        process = self.workers.pop(connection)
        process.join()
        connection.close()
        self._start_worker()
        code = process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Died(f"the worker process ended with {how}; out of memory? fewer --jobs take less")


def _smaller(stack: Stack) -> list[Stack]:
    """Returns the stacks to try instead of one that was too large.

    Raises:
        AblateError: It is a single run.
    """
    if stack.size == 1:
        raise AblateError(
            f"--device: a single run ({stack.label}) does not fit into the memory of the GPU; choose a smaller "
            "--batch-size or network, or --device cpu"
        )
    return halves(stack)


def _work(connection: Connection, folder: Path, device: str) -> None:
    # Imported here, in the worker: it brings torch, which this module's other process can do without.
    from ablate.execution.worker import work

    work(connection, folder, device)
