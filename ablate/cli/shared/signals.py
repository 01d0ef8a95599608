"""Handling of the signals that end a command.

The first signal raises an exception, so that the command stops its workers and deletes its temporary files.
"""

import signal
import time

# Windows has no SIGHUP. A signal that is ignored from the start, as under `nohup`, stays ignored.
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# Further signals within this time are ignored, so that they do not disturb the cleaning up. A later signal raises the
# exception again, because foreign code may have swallowed the first exception.
_PATIENCE_SECONDS = 10.0


class EndingSignals:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a `KeyboardInterrupt`.

    Attributes:
        received: The first signal, or None.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._raised = 0.0

    def catch(self) -> None:
        """Starts to handle the signals."""
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._interrupt)

    def release(self) -> None:
        """Restores the default handling, in which a signal ends the process immediately."""
        for number in ENDING:
            if signal.getsignal(number) == self._interrupt:
                signal.signal(number, signal.SIG_DFL)

    def _interrupt(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.received is None or now - self._raised > _PATIENCE_SECONDS:
            self.received, self._raised = self.received or signal.Signals(number), now
            raise KeyboardInterrupt
