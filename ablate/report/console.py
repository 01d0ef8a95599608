"""The console to which all commands print."""

from collections.abc import Iterable
from functools import partial
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ablate.output.streams import unescaped
from ablate.output.visible import visible_lines

# If the output is a pipe, rich assumes 80 columns and crops wider lines.
_UNLIMITED = 100_000


class _VisibleConsole(Console):
    """A console that writes control characters in texts as visible escapes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            # A control segment is one of rich's own, such as a movement of the cursor.
            yield segment if segment.control else segment._replace(text=visible_lines(segment.text))


def console(file: TextIO) -> Console:
    """Returns a rich console that writes to a stream. On a terminal, the console has the terminal's width.

    If the stream is no terminal, the console prints plain text of unlimited width. The environment variables
    `NO_COLOR`, `TERM` and `COLUMNS` have an effect on a terminal. The variable `FORCE_COLOR` is ignored if the stream
    is no terminal, so that logs contain no colours or animations.
    """
    plain = partial(_VisibleConsole, file=unescaped(file), highlight=False, markup=False, emoji=False)
    if file.isatty():
        return plain()
    return plain(width=_UNLIMITED, force_terminal=False, force_interactive=False)
