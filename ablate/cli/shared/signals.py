"""Signals that end the command: the first one unwinds it, so that workers are stopped and temporary files deleted."""

import signal
import time

# Without SIGHUP on Windows. A signal that is ignored from the start, as under `nohup`, stays ignored.
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# For this long, further signals do not disturb the cleaning up. After that, foreign code may have swallowed the first.
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
        """Handles the signals from now on."""
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._interrupt)

    def release(self) -> None:
        """Lets the signals end the process at once, as there is nothing left to clean up."""
        for number in ENDING:
            if signal.getsignal(number) == self._interrupt:
                signal.signal(number, signal.SIG_DFL)

    def _interrupt(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.received is None or now - self._raised > _PATIENCE_SECONDS:
            self.received, self._raised = self.received or signal.Signals(number), now
            raise KeyboardInterrupt
