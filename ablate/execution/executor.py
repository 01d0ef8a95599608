"""The interface of executors, which train stacks, and their messages to and from workers; imports no torch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ablate.experiment.plan import Stack
from ablate.training.result import MatmulLibrary, StackResult


@dataclass(frozen=True)
class Died:
    """The outcome of a stack whose worker process was killed."""

    message: str


@dataclass(frozen=True)
class Calibrate:
    """A request to a worker to find the fastest GEMM library on this machine; the worker answers with `Use`."""


@dataclass(frozen=True)
class Use:
    """A message to a worker with the GEMM library to use, so that all workers use the same library."""

    library: MatmulLibrary


@dataclass(frozen=True)
class TooLarge:
    """A worker's message that a stack did not fit into the memory of its GPU."""


class Executor(Protocol):
    """Trains stacks in any order; several stacks may be trained at the same time."""

    @property
    def simulated(self) -> bool:
        """Whether results are simulated instead of trained."""

    @property
    def numerics(self) -> dict[str, str]:
        """Metadata on what results depend on besides settings; available after stacks have been run."""

    def run(
        self, stacks: Sequence[Stack], on_run_steps: Callable[[int], None]
    ) -> Iterator[tuple[Stack, StackResult | Died]]:
        """Yields each stack with its result when it is done; meanwhile reports steps summed over runs."""
