"""Checks of users' own activation functions before training, in processes that a function can end without harm."""

from collections.abc import Iterable
from multiprocessing.connection import Connection, wait

from ablate.errors import SpecError
from ablate.execution.processes import ending, started, training_context

# Time limit for the import and the call of a function. An import from a network drive can take long.
_LIMIT_SECONDS = 120.0


def check_own_functions(activations: Iterable[str]) -> None:
    """Imports each of these functions in a separate process and calls the function on a small tensor.

    Raises:
        SpecError: A function cannot be used, ends its process, or does not return in time.
    """
    for name in dict.fromkeys(activations):
        if problem := _problem(name):
            raise SpecError(problem)


def _problem(name: str) -> str | None:
    """Returns the reason why a function cannot be used, or None."""
    context = training_context()
    ours, theirs = context.Pipe(duplex=False)
    process = started(context, _check, (theirs, name))
    theirs.close()
    try:
        # The sentinel reports the end of the process even if a child of the process keeps the connection open.
        if not wait([ours, process.sentinel], _LIMIT_SECONDS):
            return f"--activation: {name!r} does not return within {_LIMIT_SECONDS:.0f} seconds"
        if ours.poll():
            message: str | None = ours.recv()
            return message
    except (EOFError, ConnectionResetError):
        pass
    finally:
        process.kill()
        process.join()
        ours.close()
    return (
        f"--activation: {name!r} ends its process (which imported and called it, and {ending(process).text}); legal "
        "is a function that returns a tensor"
    )


def _check(connection: Connection, name: str) -> None:
    # Imported only here, in the new process, because `worker` imports torch.
    from ablate.execution.worker import check_own_function

    connection.send(check_own_function(name))
