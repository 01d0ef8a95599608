"""The interface of executors, which train stacks, and the messages between executors and their worker processes.

This module does not import torch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ablate.execution.pending import Pending
from ablate.experiment.plan import Stack
from ablate.training.result import MatmulLibrary, StackResult


@dataclass(frozen=True)
class Died:
    """The outcome of a stack whose worker process died.

    Attributes:
        message: How the worker process ended.
        by_signal: Whether the worker may have been ended from outside, by a signal or by the loss of its node. If so,
            another attempt at a single run may succeed. A worker that exits by itself would exit again.
    """

    message: str
    by_signal: bool


@dataclass(frozen=True)
class TooLarge:
    """The outcome of a stack that did not fit into memory; `message` says which memory was too small."""

    message: str


@dataclass(frozen=True)
class Failed:
    """The outcome of a stack in which a user's own activation function failed; `activation` is the function's name."""

    message: str
    activation: str


Outcome = StackResult | Died | TooLarge | Failed


@dataclass(frozen=True)
class Calibrate:
    """A request to a worker to find the fastest library for matrix products (GEMM); the worker answers with `Use`."""


@dataclass(frozen=True)
class Use:
    """A message that names the library for matrix products (GEMM) that all workers must use."""

    library: MatmulLibrary


class Executor(Protocol):
    """Interface of an executor, which trains several stacks at the same time and makes one attempt at each stack.

    After a failed attempt, `retry.train_stacks` decides whether and how the runs of the stack are trained again.
    """

    @property
    def simulated(self) -> bool:
        """Whether the executor simulates results instead of training."""

    @property
    def numerics(self) -> dict[str, str]:
        """Metadata on how the executor computes results; complete once `run` has yielded an outcome."""

    def run(
        self, pending: Pending, on_run_steps: Callable[[Stack, int], None]
    ) -> Iterator[tuple[Stack, Outcome]]:
        """Trains the stacks of a queue, and yields each stack with its outcome.

        The method takes stacks from `pending` until the queue is empty and no stack is in training. The caller may add
        stacks to `pending` after each yielded outcome. During training, `on_run_steps` is called with a stack and the
        number of training steps since the last call for this stack, summed over the runs of the stack.
        """
