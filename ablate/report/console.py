"""The console that all commands print to."""

from functools import partial
from typing import TextIO

from rich.console import Console

# In a pipe, rich assumes 80 columns and crops wider lines.
_UNLIMITED = 100_000


def console(file: TextIO) -> Console:
    """Returns a console on a stream. It has the terminal's width; without a terminal it is plain and unlimited.

    On a terminal, `NO_COLOR`, `TERM` and `COLUMNS` are honoured. Without a terminal, `FORCE_COLOR` is ignored, so that
    logs contain no colours or animations.
    """
    plain = partial(Console, file=file, highlight=False, markup=False, emoji=False)
    if file.isatty():
        return plain()
    return plain(width=_UNLIMITED, force_terminal=False, force_interactive=False)
