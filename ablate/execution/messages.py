"""Messages between a command and its worker processes, besides stacks and their results; free of torch."""

from dataclasses import dataclass

from ablate.training.result import MatmulLibrary


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
