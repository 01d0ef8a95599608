"""The console to which all commands print."""

from functools import partial
from typing import TextIO

from rich.console import Console

# If the output is a pipe, rich assumes 80 columns and crops wider lines.
_UNLIMITED = 100_000


def console(file: TextIO) -> Console:
    """Returns a rich console that writes to a stream. On a terminal, the console has the terminal's width.

    If the stream is no terminal, the console prints plain text of unlimited width. The environment variables
    `NO_COLOR`, `TERM` and `COLUMNS` have an effect on a terminal. The variable `FORCE_COLOR` is ignored if the stream
    is no terminal, so that logs contain no colours or animations.
    """
    plain = partial(Console, file=file, highlight=False, markup=False, emoji=False)
    if file.isatty():
        return plain()
    return plain(width=_UNLIMITED, force_terminal=False, force_interactive=False)
