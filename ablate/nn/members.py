"""What a stacked network is made of: its members, one a run, and the shape they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Member:
    """One run's place in a stack: what may differ between the runs of one stack.

    Attributes:
        activation: Name in `activations.ACTIVATIONS`, or `package.module:Name`.
        dropout: One rate a layer, in order: blocks of a convolutional network first, then hidden layers.
        seed: Of the initial weights, the batch order and the dropout uniforms.
    """

    activation: str
    dropout: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class Shape:
    """What all runs of a stack have in common.

    Attributes:
        features: Numbers in one input sample.
        hidden: Widths of the hidden layers.
        classes: Number of outputs.
        norm: off, or before or after the activation.
        standardized: Whether the inputs are samples, of variance 1, and not what an activation has given.
    """

    features: int
    hidden: tuple[int, ...]
    classes: int
    norm: str
    standardized: bool = True

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs of the first layer, then outputs of every linear layer."""
        return (self.features, *self.hidden, self.classes)

    def has_bias(self, layer: int) -> bool:
        """Says whether a linear layer has a bias: not right before batch norm, which would subtract it again."""
        return self.norm != "batch" or layer == len(self.hidden)


@dataclass(frozen=True)
class Segment:
    """Neighbouring runs of a stack, `start` to `stop`, that share an activation."""

    activation: str
    start: int
    stop: int


def segments(members: Sequence[Member]) -> tuple[Segment, ...]:
    """Returns the runs of equal activation that stand side by side, in order."""
    found, start = [], 0
    for activation, group in groupby(members, key=lambda member: member.activation):
        stop = start + len(list(group))
        found.append(Segment(activation, start, stop))
        start = stop
    return tuple(found)


def distinct_seeds(members: Sequence[Member]) -> tuple[int, ...]:
    """Returns the seeds of a stack, each once, in order of appearance."""
    return tuple(dict.fromkeys(member.seed for member in members))
