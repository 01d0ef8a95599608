"""Levels as text: what a value of a factor is called in names, tables and files."""

from typing import Any

# The level of a factor that a model does not have, as the channels of an mlp.
NONE = "none"


def label(value: Any) -> str:
    """Returns the text of a level, which its parser reads back: `0.2`, `100/50`, `relu`; `none` for no layers."""
    if isinstance(value, tuple):
        return "/".join(label(part) for part in value) or NONE
    return f"{value:.12g}" if isinstance(value, float) else str(value)
