"""The members of a stack, one per run, and the groups of runs with the same activation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Member:
    """The properties that may differ between the runs of one stack.

    Attributes:
        activation: Name in `experiment.activations.ACTIVATIONS`, or `package.module:Name`.
        dropout: Dropout rate of each layer: first the blocks of a convolutional network, then the hidden layers.
        seed: Seed of the initial weights, the batch order and the dropout uniforms.
    """

    activation: str
    dropout: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class Segment:
    """Adjacent runs of a stack with the same activation, from `start` to `stop`, which is excluded."""

    activation: str
    start: int
    stop: int


def segments(members: Sequence[Member]) -> tuple[Segment, ...]:
    """Returns the groups of adjacent runs with equal activation, in order."""
    groups, start = [], 0
    for activation, group in groupby(members, key=lambda member: member.activation):
        stop = start + len(list(group))
        groups.append(Segment(activation, start, stop))
        start = stop
    return tuple(groups)


def distinct_seeds(members: Sequence[Member]) -> tuple[int, ...]:
    """Returns the seeds of a stack without repetition, in order of appearance."""
    return tuple(dict.fromkeys(member.seed for member in members))
