"""The entry point of the command line: guards the output streams, handles signals and errors, sets the exit code.

This module imports nothing large, so that the process handles signals from its start.
"""

import sys
from typing import NoReturn

from ablate.cli.shared.signals import EndingSignals

USAGE = 2


def main() -> NoReturn:
    """Runs the command line and exits."""
    signals = EndingSignals()
    signals.catch()
    code = 0
    try:
        code = _run(sys.argv[1:])
    except BaseException:
        # After a signal, an interrupted import or a closing file may raise any exception. The cause is the signal.
        if signals.received is None:
            raise
    finally:
        signals.release()
    if signals.received is not None:
        _tell_interrupt(signals.received.name)
        code = 128 + signals.received
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Runs one command line with guarded output streams, and returns the exit code."""
    # Imported here, after signals are handled.
    from ablate.output.streams import fault, guard_streams
    from ablate.output.visible import visible

    guard_streams()
    from ablate.cli.app import app_for
    from ablate.cli.shared.stderr import say
    from ablate.errors import AblateError

    code: object = 0
    try:
        app_for(arguments)()
    except AblateError as error:
        say(visible(f"ablate: {error}"))
        code = error.exit_code
    except SystemExit as end:
        code = end.code or 0
    if incomplete := fault(sys.stdout):
        say(f"ablate: standard output cannot be written ({incomplete.strerror}); the rest of it was dropped")
        code = code or USAGE
    return code if isinstance(code, int) else 1


def _tell_interrupt(name: str) -> None:
    from ablate.cli.shared.stderr import say

    resume = "; what is stored stays, the same command goes on from there"
    how = "interrupted" if name == "SIGINT" else f"ended by {name}"
    say(f"ablate: {how}{resume if sys.argv[1:2] == ['run'] else ''}")
