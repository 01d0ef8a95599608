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
from dataclasses import dataclass
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
from ablate.training.result import Gemm, StackResult


class LocalExecutor:
    """Trains stacks in worker processes; a context manager, whose exit ends the workers whatever they are doing.

    Workers start in the background when the context is entered: they load their libraries while the caller prepares
    the data, which `use` lays ready.

    Args:
        jobs: Number of workers.
        gpus: How many GPUs they share out among themselves; with none they train on the CPU.
        gemm: The library that multiplied what is to be gone on with; None calibrates.
    """

    def __init__(self, jobs: int, gpus: int = 0, gemm: Gemm | None = None) -> None:
        gpu_names = [f"cuda:{index}" for index in range(gpus)] or ["cpu"]
        self.devices = [gpu_names[place % len(gpu_names)] for place in range(jobs)]
        self.jobs, self.has_gpus = jobs, gpus > 0
        self.gemm = Use(gemm) if gemm and not gpus else None
        self.workers: dict[Connection, Worker] = {}
        self.is_leaving = False
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
            else:
                for device in self.devices:
                    self._start_worker(device)
        finally:
            signal.signal(signal.SIGINT, before)
        self.starting = self.pool.submit(self._make_ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_leaving = True
        try:
            self.pool.shutdown()
        finally:
            for connection in list(self.workers):
                self._dismiss(connection)
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
                        # Its memory is not what it was: a step that was being recorded may have kept its own.
                        self._replace(ready)
                    case BaseException():
                        raise message

    @property
    def numerics(self) -> dict[str, str]:
        """What of the machine results depend on, as it stands in their metadata; known once stacks are run."""
        return {"gemm": self.gemm.library} if self.gemm and not self.has_gpus else {}

    def wait_for_workers(self) -> None:
        """Returns when all workers have started."""
        if self.starting:
            self.starting.result()

    def _make_ready(self) -> None:
        # With a fork server a process is started when that has loaded torch, and only then does the call return.
        for device in self.devices[len(self.workers) :]:
            if not self.is_leaving:
                self._start_worker(device)
        for connection in list(self.workers):
            if not self.is_leaving:
                self._instruct(connection)

    def _start_worker(self, device: str) -> Connection:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(theirs, self.folder, device), daemon=True)
        process.start()
        theirs.close()
        self.workers[ours] = Worker(process, device)
        return ours

    def _instruct(self, connection: Connection) -> None:
        """Tells a worker how to multiply; the first is asked, and all do as it says.

        Raises:
            AblateError: The worker has ended, or cannot work.
        """
        try:
            if self.gemm is None:
                connection.send(Calibrate())
                answer = connection.recv()
                if not isinstance(answer, Use):
                    raise answer
                self.gemm = answer
            connection.send(self.gemm)
        except (EOFError, ConnectionError):
            raise AblateError(
                f"a worker process {_ending(self.workers[connection].process)} while it started; out of memory? "
                "fewer --jobs take less"
            ) from None

    def _bury(self, connection: Connection) -> Died:
        how = _ending(self.workers[connection].process)
        self._replace(connection)
        return Died(f"the worker process {how}; out of memory? fewer --jobs take less")

    def _replace(self, connection: Connection) -> None:
        self._instruct(self._start_worker(self._dismiss(connection).device))

    def _dismiss(self, connection: Connection) -> "Worker":
        worker = self.workers.pop(connection)
        worker.process.terminate()
        worker.process.join()
        connection.close()
        return worker


@dataclass(frozen=True)
class Worker:
    """A process and what it trains on."""

    process: BaseProcess
    device: str


def _ending(process: BaseProcess) -> str:
    process.join()
    code = process.exitcode or 0
    return f"ended with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"


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
