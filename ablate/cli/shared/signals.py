"""Handling of the signals that end a command.

The first signal raises an exception, so that the command stops its workers and deletes its temporary files.
"""

import _thread
import signal
import sys
import threading
import time

# Windows has neither SIGHUP nor SIGQUIT.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
ENDING = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
# After an exception, signals are ignored for this long, so that the command can clean up. A later signal raises the
# exception again, because foreign code may have swallowed the first one.
_PATIENCE_SECONDS = 10.0
_REPEAT_SECONDS = 0.01


class Ended(KeyboardInterrupt):
    """The exception that a signal raises.

    It has a class of its own, because Python kills itself at its exit if a plain `KeyboardInterrupt` has passed through
    `exec`, even if the exception was handled.
    """


class EndingSignals:
    """Turns the first SIGINT, SIGTERM, SIGHUP or SIGQUIT into an exception, `Ended`.

    Attributes:
        received: The first signal; None before any.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._raised = 0.0

    def catch(self) -> None:
        """Starts to handle the signals."""
        # A signal that is ignored from the start, such as SIGHUP under `nohup`, stays ignored.
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._interrupt)
        sys.unraisablehook = self._raise_again

    def release(self) -> None:
        """Ignores the signals from now on, so that the process can delete its temporary files at its end."""
        for number in ENDING:
            if signal.getsignal(number) == self._interrupt:
                signal.signal(number, signal.SIG_IGN)

    def _interrupt(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.received is None or now - self._raised > _PATIENCE_SECONDS:
            self.received, self._raised = self.received or signal.Signals(number), now
            raise Ended

    def _raise_again(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Raises `Ended` again if it was raised where Python ignores exceptions, such as in a destructor."""
        if self.received is None or not issubclass(unraisable.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
            return
        self._raised = -_PATIENCE_SECONDS
        threading.Timer(_REPEAT_SECONDS, _signal_main_thread, [self.received]).start()


def _signal_main_thread(number: signal.Signals) -> None:
    if hasattr(signal, "pthread_kill"):  # which also wakes a main thread that waits
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(number)
