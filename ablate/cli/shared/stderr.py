"""Messages on stderr, such as progress and warnings. Only results are printed to stdout."""

import sys


def say(text: str) -> None:
    """Prints a line of text to stderr immediately."""
    print(text, file=sys.stderr, flush=True)
