"""The interface of executors, which train stacks, and their messages to and from worker processes; free of torch."""

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
    """Asks a worker which GEMM library is best on this machine; it answers with `Use`."""


@dataclass(frozen=True)
class Use:
    """Tells a worker which GEMM library to use, so that all workers use the same."""

    library: MatmulLibrary


@dataclass(frozen=True)
class TooLarge:
    """Says that a stack did not fit into the memory of its GPU."""


class Executor(Protocol):
    """Trains stacks, in any order and any number at a time."""

    @property
    def simulated(self) -> bool:
        """Whether results are made up instead of trained."""

    @property
    def numerics(self) -> dict[str, str]:
        """Metadata about what results depend on besides their settings; known once stacks have been run."""

    def run(
        self, stacks: Sequence[Stack], on_run_steps: Callable[[int], None]
    ) -> Iterator[tuple[Stack, StackResult | Died]]:
        """Yields each stack once, when it is done; reports steps, summed over runs, meanwhile."""
