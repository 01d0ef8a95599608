"""Messages on stderr, such as progress and warnings. Only results are printed to stdout."""

import sys


def say(text: str) -> None:
    """Prints a line to stderr and flushes it."""
    print(text, file=sys.stderr, flush=True)
