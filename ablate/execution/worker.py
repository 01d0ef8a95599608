"""A worker process, which trains the stacks that its parent process sends, until the parent process ends."""

import gc
import signal
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ablate.data.dataset import Dataset
from ablate.errors import AblateError, FunctionError, SpecError
from ablate.execution.executor import Calibrate, Failed, TooLarge, Use
from ablate.experiment.plan import Stack
from ablate.nn.out_of_memory import is_out_of_memory
from ablate.nn.own_functions import resolve
from ablate.store.checkpoints import Checkpoint
from ablate.training import gemm
from ablate.training.backend import prepare_cuda, prepare_process
from ablate.training.checkpoint import Checkpointing, identity
from ablate.training.result import MatmulLibrary, StackResult
from ablate.training.train import finish, training


@dataclass
class MessageHandler:
    """Answers the messages that a worker receives from its parent process, and holds the worker's state.

    Attributes:
        folder: Folder with the files of the dataset, which are complete before the first stack arrives.
        device: Name of the device: `cpu`, `cuda:0`, `cuda:1`, ...
        dataset: Dataset on the device; None until the first stack arrives.
        results: Results folder, in which stacks keep their checkpoints; None without checkpoints.
        library: Library for matrix products (GEMM) on the CPU, `mkl` or `onednn`.
    """

    connection: Connection
    folder: Path
    device: str
    results: Path | None = None
    dataset: Dataset | None = None
    library: MatmulLibrary = "mkl"

    def answer(self, message: object) -> object:
        """Processes a message from the parent process and returns the answer, or None if no answer is expected.

        Raises:
            AblateError: A GPU cannot be used, or a stack cannot be trained.
        """
        match message:
            case Calibrate():
                return Use(calibrated(self.device))
            case Use(library):
                self.library = library
                return None
            case Stack():
                return self._train(message)
            case _:
                raise TypeError(f"a worker has no answer to {message!r}")

    def _train(self, stack: Stack) -> StackResult | TooLarge | Failed:
        if self.dataset is None:
            self.dataset = Dataset.open(self.folder).to(self.device)
        return finish(
            in_training(stack, self.dataset, self.device, self.library, self.results),
            lambda steps: self.connection.send(steps * len(stack.runs)),
        )


def calibrated(device: str) -> MatmulLibrary:
    """Returns the fastest library for matrix products on a CPU; raises SpecError if torch cannot use a GPU."""
    if device == "cpu":
        return gemm.calibrate()
    if not torch.cuda.is_available():
        raise SpecError(
            "--device: there is a GPU, but this torch cannot use it (built for CPUs, or for a newer driver); "
            "legal is cpu"
        )
    return "mkl"


def in_training(
    stack: Stack, dataset: Dataset, device: str, library: MatmulLibrary, results: Path | None = None
) -> Generator[int, None, StackResult | TooLarge | Failed]:
    """Trains a stack in this process on a device that holds the dataset, and returns the outcome.

    The generator yields the number of steps since the last evaluation, as `training` does. With a results folder, the
    stack keeps its checkpoint there.
    """
    run = stack.runs[0]
    if device != "cpu":
        torch.cuda.set_device(device)  # graphs and streams belong to the current device
        prepare_cuda(run.precision)
    chosen = gemm.for_run(library, run, tuple(dataset.x_train.shape[1:]), dataset.classes)
    gemm.ensure_accurate(chosen)
    gemm.use(chosen)
    checkpointing = results and Checkpointing(
        Checkpoint.of(results, [run.run_id for run in stack.runs]), identity(stack, device, library)
    )
    try:
        return (yield from training(stack, dataset, checkpointing or None))
    except FunctionError as error:
        return Failed(str(error), error.activation)
    except Exception as error:  # torch and Python raise several types of error if memory is lacking
        if not is_out_of_memory(error):
            raise
        memory = "the CPU" if device == "cpu" else "the GPU"
        return TooLarge(
            f"a single run does not fit into the memory of {memory}; choose a smaller --batch-size or network"
        )


def work(connection: Connection, folder: Path, device: str, results: Path | None) -> None:
    """Answers the messages that arrive through a connection, until the parent process ends."""
    prepare()
    handler = MessageHandler(connection, folder, device, results)
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


def check_own_function(name: str) -> str | None:
    """Returns the reason why a user's own function cannot be used, or None.

    The user's own function may end this process.
    """
    prepare()
    try:
        resolve(name)
    except FunctionError as error:
        return str(error)
    except Exception as error:  # torch and Python raise several types of error if memory is lacking
        if not is_out_of_memory(error):
            raise
        return f"--activation: {name!r} runs out of memory on a tensor of 48 numbers"
    return None


def prepare() -> None:
    """Prepares this process for training."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends its workers
    prepare_process()
    gc.freeze()  # otherwise every garbage collection would scan all objects of torch


def portable(error: BaseException, note: str) -> BaseException:
    """Returns the error with a note added, in a form that can be sent to another process.

    An error that is not an AblateError is replaced by a RuntimeError with the same text. Otherwise the other process
    would import the module of the error's class, which may be a user's own module.
    """
    if not isinstance(error, AblateError):
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(note)
    return error
