"""The exceptions for errors that a user can correct, as a tree of classes.

The message of an exception states the problem, the value received, the legal values and the command-line option to
change. The command line catches only `AblateError` and its subclasses; any other exception is a bug and keeps its
traceback.

The classes, with the exit code of the command line for each:

AblateError
├── SpecError       the requested experiment is not legal             exit 2
│   └── FunctionError   a user's own function cannot be used          exit 2
├── DataError       a dataset is missing, unreadable or unfit         exit 2
├── StoreError      a results folder cannot be read or written        exit 2
└── NothingToShow   the results that a command needs do not exist    exit 5
"""

from collections.abc import Collection
from difflib import get_close_matches
from reprlib import Repr
from typing import ClassVar


class AblateError(Exception):
    """An error that the user can correct. Its message explains the error completely."""

    exit_code: ClassVar[int] = 2


class SpecError(AblateError, ValueError):
    """The requested experiment is not legal."""


class FunctionError(SpecError):
    """A user's own function cannot be imported, raises an error, or does not work as an activation.

    Attributes:
        activation: Name of the function, `package.module:Name`.
    """

    def __init__(self, activation: str, reason: str) -> None:
        super().__init__(activation, reason)
        self.activation, self.reason = activation, reason

    def __str__(self) -> str:
        return f"--activation: {self.activation!r} {self.reason}"


class DataError(AblateError):
    """A dataset is missing, cannot be read or does not fit the experiment."""


class StoreError(AblateError):
    """A results folder cannot be read or written."""


class NothingToShow(AblateError):
    """The results that a command needs do not exist."""

    exit_code = 5


class _Short(Repr):
    """Texts of values as `repr` gives them, but of limited length."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 200
        self.maxlist = self.maxtuple = self.maxdict = 20

    def repr_int(self, x: int, level: int) -> str:
        digits = int(x.bit_length() * 0.30103) + 1
        return repr(x) if digits <= _LONGEST_NUMBER else f"a number of about {digits} digits"


_LONGEST_NUMBER, _LONGEST_WORD = 40, 100
_SHORT = _Short()


def shown(received: object) -> str:
    """Returns a received value as text for a message; long, large and deeply nested values are shortened."""
    return _SHORT.repr(received)


def not_one_of(received: object, legal: Collection[str], *further: str) -> str:
    """Returns an error message for a word that is not legal.

    The message lists the legal words and further legal forms, and suggests the closest legal word.
    """
    hint = did_you_mean(received, legal) if isinstance(received, str) else ""
    return f"{shown(received)} is not one of {', '.join((*legal, *further))}{hint}"


def did_you_mean(received: str, legal: Collection[str]) -> str:
    """Returns `; did you mean 'x'?`, where x is the legal word closest to the received word.

    The result is empty if no legal word is close.
    """
    if len(received) > _LONGEST_WORD:
        return ""
    nearest = get_close_matches(received.lower(), [word.lower() for word in legal], n=1, cutoff=0.5)
    words = {word.lower(): word for word in legal}
    return f"; did you mean {words[nearest[0]]!r}?" if nearest else ""
