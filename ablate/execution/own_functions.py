"""Validation of users' own functions before training, in processes whose end does not end the command."""

from collections.abc import Iterable
from multiprocessing.connection import Connection, wait

from ablate.errors import SpecError
from ablate.execution.processes import ending, training_context

# Importing a module can take long on a network drive; a function that takes longer is taken to hang.
_LIMIT_SECONDS = 120.0


def check_own_functions(activations: Iterable[str]) -> None:
    """Imports each function in a process of its own, and calls it on a small tensor there.

    Raises:
        SpecError: A function cannot be used; its process ended or does not answer.
    """
    for name in dict.fromkeys(activations):
        if problem := _problem(name):
            raise SpecError(problem)


def _problem(name: str) -> str | None:
    """Returns why a function cannot be used, or None."""
    context = training_context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_check, args=(theirs, name), daemon=True)
    process.start()
    theirs.close()
    try:
        # The end of the process is also noticed if a process that it started keeps the connection open.
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
        f"--activation: {name!r} ends its process: the one that imported and called it {ending(process)}; legal is a "
        "function that returns a tensor"
    )


def _check(connection: Connection, name: str) -> None:
    # Imported here, in the new process, because this module imports torch.
    from ablate.execution.worker import check_own_function

    connection.send(check_own_function(name))
