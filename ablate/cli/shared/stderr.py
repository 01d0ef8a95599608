"""Lines for people on stderr, where progress and warnings go; stdout is for results."""

import sys


def say(text: str) -> None:
    """Prints a line to stderr at once."""
    print(text, file=sys.stderr, flush=True)
