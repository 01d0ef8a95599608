"""Messages on stderr, such as progress and warnings. Only results are printed to stdout."""

import sys

from ablate.store.remote import with_addresses


def say(text: str) -> None:
    """Prints a line of text to stderr immediately."""
    print(with_addresses(text), file=sys.stderr, flush=True)
