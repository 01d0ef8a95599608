"""Worker processes on this machine, which share the files of the dataset and train one stack at a time each.

This module does not import torch, because the command imports this module and then prepares the data while the workers
load torch.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from ablate.data.arrays import Arrays
from ablate.errors import AblateError
from ablate.execution.executor import Calibrate, Died, Failed, Outcome, TooLarge, Use
from ablate.execution.pending import Pending
from ablate.execution.processes import STARTS, end, ending, prepare_to_start, started, training_context
from ablate.execution.scratch import holding, temporary_folder
from ablate.experiment.plan import Stack
from ablate.training.result import MatmulLibrary, StackResult


class LocalExecutor:
    """Trains stacks in worker processes; a context manager that ends the workers on exit, even during training.

    When the context is entered, the workers start in the background. The workers load their libraries while the caller
    prepares the data and passes the data to `use`.

    Args:
        jobs: Number of workers.
        gpus: Number of GPUs, which the workers share; 0 means training on the CPU.
        gemm: Library for matrix products (GEMM) on the CPU; if None, the workers use the library that is measured as
            the fastest. Runs that are added to earlier results must use the same library as these results.
    """

    simulated = False

    def __init__(
        self, jobs: int, gpus: int = 0, gemm: MatmulLibrary | None = None, results: Path | None = None
    ) -> None:
        names = [f"cuda:{index}" for index in range(gpus)] or ["cpu"]
        self.devices = [names[index % len(names)] for index in range(jobs)]
        self.jobs, self.has_gpus = jobs, gpus > 0
        self.gemm = Use(gemm) if gemm and not gpus else None
        self.workers: dict[Connection, WorkerProcess] = {}
        self.is_leaving = False
        self.directory = temporary_folder()
        self.folder = Path(self.directory.name)
        self.results = results
        self.context = training_context()
        self.pool = ThreadPoolExecutor(1)
        self.starting: Future[None] | None = None

    def __enter__(self) -> Self:
        prepare_to_start(self.context)
        self.starting = self.pool.submit(self._make_ready)
        return self

    def __exit__(self, *error: object) -> None:
        self.is_leaving = True
        for worker in list(self.workers.values()):
            worker.process.kill()
        try:
            self.pool.shutdown()
        finally:
            for connection in list(self.workers):
                self._dismiss(connection)
            self.directory.cleanup()

    def use(self, arrays: Arrays) -> None:
        """Saves the dataset for the workers; each worker memory-maps the files when its first stack arrives."""
        with holding(f"the data of {arrays.nbytes / 2**20:,.0f} MiB"):
            arrays.save(self.folder)

    def run(
        self, pending: Pending, on_run_steps: Callable[[Stack, int], None]
    ) -> Iterator[tuple[Stack, Outcome]]:
        """Takes stacks from a queue and yields them with their outcomes (see `Executor.run`); replaces dead workers.

        Raises:
            AblateError: A worker sent this error, or a worker died during its start.
        """
        self.wait_for_workers()
        busy = dict[Connection, Stack]()
        error: BaseException | None = None
        while pending or busy or error:
            # The first stack may be a run that is tried again alone and needs the most free memory, so it goes to the
            # newest worker.
            for connection in [free for free in reversed(self.workers) if free not in busy and not error]:
                if (stack := pending.take(len(busy))) is None:
                    break
                busy[connection] = stack
                # If an idle worker has died, the read from its connection below raises an error at once.
                with suppress(BrokenPipeError):
                    connection.send(stack)
            # Before an error is raised, the results that have already arrived are yielded.
            ready = wait(list(busy), timeout=0 if error else None)
            if error and not ready:
                raise error
            for connection in [connection for connection in ready if isinstance(connection, Connection)]:
                match message := self._received(connection):
                    case int():
                        on_run_steps(busy[connection], message)
                    case StackResult():
                        yield busy.pop(connection), message
                    case Died() | TooLarge() | Failed():
                        yield busy.pop(connection), message
                        # Memory may stay allocated, and a function that failed may have changed its process.
                        try:
                            self._replace(connection)
                        except AblateError as problem:
                            error = problem
                    case BaseException():
                        del busy[connection]
                        error = message

    @property
    def numerics(self) -> dict[str, str]:
        """Metadata of the results: the library for matrix products (GEMM) on the CPU; empty for GPUs.

        The library is known once all workers have started (see `wait_for_workers`).
        """
        return {"gemm": self.gemm.library} if self.gemm and not self.has_gpus else {}

    def wait_for_workers(self) -> None:
        """Returns when all workers have started."""
        if self.starting:
            self.starting.result()

    def _make_ready(self) -> None:
        # The start call returns only after the fork server has loaded torch and started the process.
        for device in self.devices:
            if not self.is_leaving:
                self._start_worker(device)
        for connection in list(self.workers):
            if not self.is_leaving:
                self._instruct(connection)

    def _start_worker(self, device: str) -> Connection:
        ours, theirs = self.context.Pipe()
        process = started(self.context, _work, (theirs, self.folder, device, self.results))
        theirs.close()
        self.workers[ours] = WorkerProcess(process, device)
        return ours

    def _instruct(self, connection: Connection, starts: int = STARTS) -> None:
        """Sends a worker the name of the library for matrix products (GEMM) to use.

        If no library is set yet, the first worker measures which library is the fastest, and all workers use that
        library. A worker that dies meanwhile is replaced, at most `starts - 1` times.
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
            how = ending(self.workers[connection].process)
            device = self._dismiss(connection).device
            if starts == 1:
                raise AblateError(
                    f"a worker process {how.text} while it started; out of memory? fewer --jobs take less"
                ) from None
            self._instruct(self._start_worker(device), starts - 1)

    def _received(self, connection: Connection) -> object:
        """Returns the next message of a worker, or `Died` if the worker has died."""
        try:
            return connection.recv()
        except (EOFError, ConnectionResetError):
            how = ending(self.workers[connection].process)
            hint = "; out of memory? a smaller --batch-size or network takes less" if how.by_signal else ""
            return Died(f"the worker process {how.text}{hint}", how.by_signal)

    def _replace(self, connection: Connection) -> None:
        self._instruct(self._start_worker(self._dismiss(connection).device))

    def _dismiss(self, connection: Connection) -> "WorkerProcess":
        worker = self.workers.pop(connection)
        end(worker.process)
        connection.close()
        return worker


@dataclass(frozen=True)
class WorkerProcess:
    """A worker process and its device: `cpu`, `cuda:0`, `cuda:1`, ..."""

    process: BaseProcess
    device: str


def _work(connection: Connection, folder: Path, device: str, results: Path | None) -> None:
    # Imported here, in the worker process, because this module imports torch.
    from ablate.execution.worker import work

    work(connection, folder, device, results)
