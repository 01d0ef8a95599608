"""The interface of executors, which train stacks, and their messages to and from workers; imports no torch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ablate.execution.pending import Pending
from ablate.experiment.plan import Stack
from ablate.training.result import MatmulLibrary, StackResult


@dataclass(frozen=True)
class Died:
    """The outcome of a stack whose worker died.

    Attributes:
        message: How the worker ended.
        by_signal: Whether something outside may have ended it (a signal, a lost node), so that another attempt of a
            single run may succeed. A worker that exits by itself will do so again.
    """

    message: str
    by_signal: bool


@dataclass(frozen=True)
class TooLarge:
    """The outcome of a stack that did not fit into memory; the message says which memory."""

    message: str


@dataclass(frozen=True)
class Failed:
    """The outcome of a stack in which the user's function `activation` failed."""

    message: str
    activation: str


Outcome = StackResult | Died | TooLarge | Failed


@dataclass(frozen=True)
class Calibrate:
    """A request to a worker to find the fastest GEMM library on this machine; the worker answers with `Use`."""


@dataclass(frozen=True)
class Use:
    """A message to a worker with the GEMM library to use, so that all workers use the same library."""

    library: MatmulLibrary


class Executor(Protocol):
    """Makes one attempt at each stack, several at the same time. `retry.train_stacks` decides what follows."""

    @property
    def simulated(self) -> bool:
        """Whether results are simulated instead of trained."""

    @property
    def numerics(self) -> dict[str, str]:
        """Metadata on what results depend on besides settings; available after stacks have been run."""

    def run(
        self, pending: Pending, on_run_steps: Callable[[Stack, int], None]
    ) -> Iterator[tuple[Stack, Outcome]]:
        """Takes stacks from `pending` until it is empty and none is in training, and yields each with its outcome.

        Stacks may be added to `pending` after each yielded outcome. Meanwhile `on_run_steps` receives the steps done of
        a stack since the last call, summed over its runs.
        """
