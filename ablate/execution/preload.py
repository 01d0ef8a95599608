"""Imports torch and the code of a worker into the fork server, which then starts the workers as forks of itself.

The import takes seconds. If the command ends meanwhile, a thread ends the fork server. The thread ends with the import.
"""

import os
import threading

_SECONDS = 0.1


def _end_with_parent(parent: int, is_loaded: threading.Event) -> None:
    while not is_loaded.wait(_SECONDS):
        if os.getppid() != parent:
            os._exit(1)


_is_loaded = threading.Event()
_watcher = threading.Thread(target=_end_with_parent, args=(os.getppid(), _is_loaded))
_watcher.start()
try:
    import ablate.execution.worker  # noqa: F401
finally:
    _is_loaded.set()
    _watcher.join()
