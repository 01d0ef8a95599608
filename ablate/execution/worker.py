"""A worker process, which trains the stacks that its parent process sends, until the parent process ends."""

import gc
import pickle
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ablate.data.dataset import Dataset
from ablate.errors import SpecError
from ablate.execution.executor import Calibrate, TooLarge, Use
from ablate.experiment.plan import Stack
from ablate.training import gemm
from ablate.training.backend import prepare_cuda, prepare_process
from ablate.training.result import MatmulLibrary, StackResult
from ablate.training.train import train_stack


@dataclass
class MessageHandler:
    """Answers the messages that a worker receives from its parent process, and holds the worker's state.

    Attributes:
        folder: Folder with the files of the dataset, which are complete before the first stack arrives.
        device: Name of the device: `cpu`, `cuda:0`, `cuda:1`, ...
        dataset: Dataset on the device; None until the first stack arrives.
        library: Library for matrix products (GEMM) on the CPU, `mkl` or `onednn`.
    """

    connection: Connection
    folder: Path
    device: str
    dataset: Dataset | None = None
    library: MatmulLibrary = "mkl"

    def answer(self, message: object) -> object:
        """Processes a message from the parent process and returns the answer, or None if no answer is expected.

        Raises:
            AblateError: A GPU cannot be used, or a stack cannot be trained.
        """
        match message:
            case Calibrate():
                return Use(self._calibrated())
            case Use(library):
                self.library = library
                return None
            case Stack():
                return self._train(message)
            case _:
                raise TypeError(f"a worker has no answer to {message!r}")

    def _calibrated(self) -> MatmulLibrary:
        if self.device == "cpu":
            return gemm.calibrate()
        if not torch.cuda.is_available():
            raise SpecError(
                "--device: there is a GPU, but this torch cannot use it (built for CPUs, or for a newer driver); "
                "legal is cpu"
            )
        return "mkl"

    def _train(self, stack: Stack) -> StackResult | TooLarge:
        run = stack.runs[0]
        if self.device != "cpu":
            torch.cuda.set_device(self.device)  # graphs and streams belong to the current device
            prepare_cuda(run.precision)
        if self.dataset is None:
            self.dataset = Dataset.open(self.folder).to(self.device)
        sample, classes = tuple(self.dataset.x_train.shape[1:]), self.dataset.classes
        gemm.use(gemm.for_run(self.library, run, sample, classes))
        try:
            return train_stack(
                stack, self.dataset, lambda steps: self.connection.send(steps * len(stack.runs))
            )
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return TooLarge(
                "a single run does not fit into the memory of the GPU; choose a smaller --batch-size or network, "
                "or --device cpu"
            )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Returns whether an error means that a GPU is out of memory; torch raises several types of error in this case."""
    words = ("CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "StreamCaptureInvalidated")
    return any(
        isinstance(cause, torch.OutOfMemoryError) or any(word in str(cause) for word in words)
        for cause in (error, error.__context__)
    )


def work(connection: Connection, folder: Path, device: str) -> None:
    """Answers the messages that arrive through a connection, until the parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends its workers
    prepare_process()
    gc.freeze()  # otherwise every garbage collection would scan all objects of torch
    handler = MessageHandler(connection, folder, device)
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        try:
            answer = handler.answer(message)
            if answer is not None:
                connection.send(answer)
        except BrokenPipeError:
            return
        except BaseException as error:
            connection.send(portable(error, "in a worker process:\n" + traceback.format_exc()))
            raise


def portable(error: BaseException, note: str) -> BaseException:
    """Returns an error that can be sent to another process, with a note added.

    An error that cannot be pickled is replaced by a RuntimeError with the same text.
    """
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # pickling a class of another library may raise any exception
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(note)
    return error
