"""Worker processes on this machine: one thread each, a stack at a time, over a dataset they map into memory."""

import multiprocessing
import signal
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from ablate.data.dataset import Dataset
from ablate.execution.executor import Died
from ablate.experiment.plan import Stack
from ablate.training.backend import prepare_process
from ablate.training.result import StackResult
from ablate.training.train import train_stack


class LocalExecutor:
    """Trains stacks in worker processes; a context manager, whose exit ends the workers whatever they are doing.

    Workers start when the context is entered, so that they load their libraries while the caller loads the data.

    Args:
        jobs: Number of workers.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.workers: dict[Connection, BaseProcess] = {}
        self.directory = tempfile.TemporaryDirectory(prefix="ablate-")
        self.dataset_file = Path(self.directory.name) / "dataset.pt"
        # A fork server imports torch once for all workers, and inherits nothing of what this process has started.
        self.context: SpawnContext | ForkServerContext = multiprocessing.get_context("spawn")
        if "forkserver" in multiprocessing.get_all_start_methods():
            self.context = multiprocessing.get_context("forkserver")
            self.context.set_forkserver_preload([__name__])

    def __enter__(self) -> Self:
        # What starts now inherits that it is not to be interrupted: this process is, and ends the others.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for _ in range(self.jobs):
                self._start_worker()
        finally:
            signal.signal(signal.SIGINT, before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, process in self.workers.items():
            process.terminate()
            process.join()
            connection.close()
        self.directory.cleanup()

    def use(self, dataset: Dataset) -> None:
        """Lays the dataset where workers find it; they read it when their first stack arrives."""
        dataset.save(self.dataset_file)

    def run(
        self, stacks: Sequence[Stack], on_run_steps: Callable[[int], None]
    ) -> Iterator[tuple[Stack, StackResult | Died]]:
        """Yields each stack once, when it is done or its worker has died; a dead worker is replaced.

        Raises:
            AblateError: As a worker raised it.
        """
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

    def _start_worker(self) -> None:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(theirs, self.dataset_file), daemon=True)
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


def _work(connection: Connection, dataset_file: Path) -> None:
    """Trains the stacks that come in until the parent goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends its workers
    prepare_process()
    dataset = None
    while True:
        try:
            stack: Stack = connection.recv()
        except EOFError:
            return
        dataset = dataset or Dataset.open(dataset_file)
        on_steps = partial(_report_steps, connection, len(stack.runs))
        try:
            connection.send(train_stack(stack, dataset, on_steps))
        except BrokenPipeError:
            return
        except BaseException as error:
            error.add_note("in a worker process:\n" + traceback.format_exc())
            connection.send(error)
            raise


def _report_steps(connection: Connection, runs: int, steps: int) -> None:
    connection.send(steps * runs)
