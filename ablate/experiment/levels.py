"""Conversion of the levels of factors to the texts in variant names, tables and files."""

from typing import Any

# The level of a factor that a model does not have, for example the channels of a multilayer perceptron.
NONE = "none"


def label(value: Any) -> str:
    """Returns a level as text, for example `0.2`, `100/50` or `relu`, or `none` for an empty tuple of layers.

    The parser of a factor accepts the text of each of the factor's levels.
    """
    if isinstance(value, tuple):
        return "/".join(label(part) for part in value) or NONE
    return f"{value:.12g}" if isinstance(value, float) else str(value)
