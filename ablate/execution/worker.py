"""A worker process: it trains the stacks that come in through a connection until its parent goes away."""

import signal
import traceback
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from ablate.data.dataset import Dataset
from ablate.experiment.plan import Stack
from ablate.training.backend import prepare_process
from ablate.training.train import train_stack


def work(connection: Connection, folder: Path) -> None:
    """Trains stacks on the dataset in a folder, which is there before the first of them comes in."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends its workers
    prepare_process()
    dataset = None
    while True:
        try:
            stack: Stack = connection.recv()
        except EOFError:
            return
        dataset = dataset or Dataset.open(folder)
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
