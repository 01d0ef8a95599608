"""The members of a stack, one for each run, and the groups of adjacent runs with the same activation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Member:
    """The properties in which the runs of one stack may differ.

    Attributes:
        activation: Name of the activation in `experiment.activations.ACTIVATIONS`, or `package.module:Name` of a
            function.
        dropout: Dropout rate of each layer: first the blocks of a convolutional network, then the hidden layers.
        seed: Seed of the initial weights, the batch order and the random numbers of dropout.
    """

    activation: str
    dropout: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class Segment:
    """Adjacent runs of a stack with the same activation, from index `start` up to, but not including, index `stop`."""

    activation: str
    start: int
    stop: int


def segments(members: Sequence[Member]) -> tuple[Segment, ...]:
    """Returns the groups of adjacent runs with the same activation, in the order of the stack."""
    groups, start = [], 0
    for activation, group in groupby(members, key=lambda member: member.activation):
        stop = start + len(list(group))
        groups.append(Segment(activation, start, stop))
        start = stop
    return tuple(groups)


def distinct_seeds(members: Sequence[Member]) -> tuple[int, ...]:
    """Returns the seeds of a stack without repetition, in order of appearance."""
    return tuple(dict.fromkeys(member.seed for member in members))
