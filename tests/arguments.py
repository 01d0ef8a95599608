"""Arguments of a command line with some of them given otherwise: an option that is given twice is an error."""

from collections.abc import Sequence


def given(arguments: Sequence[str], *changes: str) -> list[str]:
    """Returns the arguments with options (name, value, name, value) in place of theirs, or behind them."""
    found = list(arguments)
    for name, value in zip(changes[::2], changes[1::2], strict=True):
        if name in found:
            found[found.index(name) + 1] = value
        else:
            found += [name, value]
    return found
