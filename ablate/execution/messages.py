"""What a command and its workers say to each other, besides stacks and their results; free of torch."""

from dataclasses import dataclass

from ablate.training.result import Gemm


@dataclass(frozen=True)
class Calibrate:
    """Asks a worker which library is to multiply matrices here; it answers with `Use`."""


@dataclass(frozen=True)
class Use:
    """Tells a worker which library is to multiply matrices, so that all do it alike."""

    library: Gemm


@dataclass(frozen=True)
class TooLarge:
    """A stack did not fit into the memory of its GPU."""

    message: str
