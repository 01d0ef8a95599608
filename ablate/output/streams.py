"""Standard streams that never fail: output that nobody reads is dropped, and a full disk is reported at the end."""

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from ablate.output.visible import visible_lines

# How systems report that nobody reads: a closed pipe (on Windows EINVAL), a lost connection, a closed descriptor.
_NOBODY_READS = (errno.EPIPE, errno.EINVAL, errno.ECONNRESET, errno.EBADF)


class Tolerant(io.RawIOBase):
    """A raw stream whose writes raise no OSError. After the first OSError of the system, all output is dropped.

    Attributes:
        error: This OSError, or None.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Writes or drops bytes. Returns the number of written or dropped bytes."""
        if self.error is None:
            try:
                # A full pipe returns None if another program has made it non-blocking.
                while (written := self._raw.write(data)) is None:
                    select.select([], [self._raw], [])
                return written
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes

    def writable(self) -> bool:
        """Returns True."""
        return True

    def fileno(self) -> int:
        """Returns the descriptor."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Returns whether this is a terminal."""
        return self._raw.isatty()


class Shown(io.TextIOBase):
    """A text stream that writes control characters as visible escapes; only newlines and tabs stay.

    Attributes:
        unescaped: A stream to the same output in which control sequences, such as colours, stay as they are.
    """

    def __init__(self, raw: Tolerant, encoding: str, line_buffering: bool) -> None:
        self._tolerant = raw
        # Text passes through at once, so that writes to this stream and to `unescaped` keep their order.
        self.unescaped = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding,
            "backslashreplace",
            line_buffering=line_buffering,
            write_through=True,
        )

    def write(self, text: str) -> int:
        """Writes text."""
        self.unescaped.write(visible_lines(text))
        return len(text)

    def flush(self) -> None:
        """Writes what is buffered."""
        if not self.unescaped.closed:
            self.unescaped.flush()

    def writable(self) -> bool:
        """Returns True."""
        return True

    def fileno(self) -> int:
        """Returns the descriptor."""
        return self.unescaped.fileno()

    def isatty(self) -> bool:
        """Returns whether this is a terminal."""
        return self.unescaped.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed declares an attribute
        """The encoding."""
        return self.unescaped.encoding

    @property
    def fault(self) -> OSError | None:
        """The error that made the output incomplete, such as a full disk; None if there is none or if nobody reads."""
        error = self._tolerant.error
        if error is None or error.errno in _NOBODY_READS or self._tolerant.isatty():
            return None
        return error


def guard_streams() -> None:
    """Replaces stdout and stderr by streams that never fail, and opens closed standard descriptors on the null device.

    The next file to be opened would otherwise get a closed descriptor, and prints would be written into the file.
    Streams that an embedding program has already replaced are kept.
    """
    for descriptor, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # gets the lowest free number, this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  # stays open
    if sys.stdout is sys.__stdout__:
        sys.stdout = _guarded(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _guarded(sys.stderr, 2)


def unescaped(stream: TextIO) -> TextIO:
    """Returns a stream to which control sequences can be written: `stream`, unless `guard_streams` has made it."""
    return stream.unescaped if isinstance(stream, Shown) else stream


def fault(stream: TextIO) -> OSError | None:
    """Flushes a stream and returns the error that made its output incomplete, or None."""
    stream.flush()
    return stream.fault if isinstance(stream, Shown) else None


def _guarded(stream: Any, descriptor: int) -> Any:
    """Returns a stream that never fails, with the settings of `stream`, which is None if `descriptor` was closed."""
    if stream is None:
        return Shown(Tolerant(io.FileIO(descriptor, "w", closefd=False)), "utf-8", line_buffering=False)
    stream.flush()
    raw = getattr(stream.buffer, "raw", stream.buffer)
    return Shown(Tolerant(raw), stream.encoding, stream.line_buffering or stream.write_through)
