"""Conversion of the levels of factors to the texts in variant names, tables and files."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

# The level of a factor that a model does not have, for example the channels of a multilayer perceptron.
NONE = "none"


def label(value: Any) -> str:
    """Returns a level as text, for example `0.2`, `100/50` or `relu`, or `none` for an empty tuple of layers.

    The parser of the level's factor accepts this text.
    """
    if isinstance(value, tuple):
        return "/".join(label(part) for part in value) or NONE
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def spans(numbers: Iterable[int]) -> str:
    """Returns whole numbers as a text of ranges, such as `0-4, 7`."""
    # Consecutive numbers all have the same difference from their index.
    runs = groupby(enumerate(sorted(set(numbers))), key=lambda pair: pair[1] - pair[0])
    parts = [[number for _, number in run] for _, run in runs]
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
