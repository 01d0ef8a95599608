"""The console that all commands print to."""

from functools import partial
from typing import TextIO

from rich.console import Console

# In a pipe rich assumes 80 columns and crops what is wider.
_UNLIMITED = 100_000


def console(file: TextIO) -> Console:
    """Returns a console on a stream: as wide as the terminal; plain and of unlimited width if it is no terminal.

    On a terminal `NO_COLOR`, `TERM` and `COLUMNS` are honoured. Elsewhere nothing forces colours or animations, as
    `FORCE_COLOR` would in logs.
    """
    plain = partial(Console, file=file, highlight=False, markup=False, emoji=False)
    if file.isatty():
        return plain()
    return plain(width=_UNLIMITED, force_terminal=False, force_interactive=False)
