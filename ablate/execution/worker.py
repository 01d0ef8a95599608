"""A worker process: it trains the stacks that come in through a connection until its parent goes away."""

import signal
import traceback
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ablate.data.dataset import Dataset
from ablate.execution.messages import Calibrate, TooLarge, Use
from ablate.experiment.plan import Stack
from ablate.training import gemm
from ablate.training.backend import prepare_cuda, prepare_process
from ablate.training.result import StackResult
from ablate.training.train import train_stack


@dataclass
class Worker:
    """What a worker process knows between two stacks.

    Attributes:
        connection: To its parent.
        folder: Where the dataset lies before the first stack comes in.
        device: cpu, or cuda:0 and on.
        dataset: On the device, once it has been read.
    """

    connection: Connection
    folder: Path
    device: str
    dataset: Dataset | None = None

    def answer(self, message: object) -> object:
        """Does what a message asks for and returns the answer; None where none is awaited."""
        match message:
            case Calibrate():
                return Use(gemm.calibrate() if self.device == "cpu" else "mkl")
            case Use(library):
                gemm.use(library)
                return None
            case Stack():
                return self._train(message)
            case _:
                raise TypeError(f"a worker does not know what to do with {message!r}")

    def _train(self, stack: Stack) -> StackResult | TooLarge:
        if self.dataset is None:
            self.dataset = Dataset.open(self.folder).to(self.device)
        if self.device != "cpu":
            prepare_cuda(stack.runs[0].precision)
        on_steps = partial(_report_steps, self.connection, len(stack.runs))
        try:
            return train_stack(stack, self.dataset, on_steps)
        except torch.OutOfMemoryError as error:
            message = str(error)
        torch.cuda.empty_cache()
        return TooLarge(message)


def work(connection: Connection, folder: Path, device: str) -> None:
    """Answers messages until the parent goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends its workers
    prepare_process()
    worker = Worker(connection, folder, device)
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        try:
            answer = worker.answer(message)
            if answer is not None:
                connection.send(answer)
        except BrokenPipeError:
            return
        except BaseException as error:
            error.add_note("in a worker process:\n" + traceback.format_exc())
            connection.send(error)
            raise


def _report_steps(connection: Connection, runs: int, steps: int) -> None:
    connection.send(steps * runs)
