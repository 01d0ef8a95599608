"""Levels as text: the text of a factor's value in names, tables and files."""

from typing import Any

# The level of a factor that a model does not have, for example the channels of an mlp.
NONE = "none"


def label(value: Any) -> str:
    """Returns the text of a level, which its parser accepts: `0.2`, `100/50`, `relu`; `none` for no layers."""
    if isinstance(value, tuple):
        return "/".join(label(part) for part in value) or NONE
    return f"{value:.12g}" if isinstance(value, float) else str(value)
