import errno
import io
import os
import subprocess
import sys

import pytest

from ablate.output.streams import Shown, Tolerant, unescaped


class Failing(io.RawIOBase):
    """A raw stream that takes ten bytes and then fails."""

    def __init__(self, number, terminal=False):
        self.number, self.terminal, self.written = number, terminal, b""

    def write(self, data):
        if len(self.written) >= 10:
            raise OSError(self.number, os.strerror(self.number))
        self.written += bytes(data[:10])
        return min(10, len(data))

    def isatty(self):
        return self.terminal


def shown(raw):
    return Shown(Tolerant(raw), "utf-8", line_buffering=False)


@pytest.mark.parametrize(
    ("number", "terminal", "is_fault"),
    [
        (errno.EPIPE, False, False),
        (errno.EBADF, False, False),
        (errno.ECONNRESET, False, False),
        (errno.EIO, True, False),
        (errno.ENOSPC, False, True),
        (errno.EFBIG, False, True),
        (errno.EIO, False, True),
    ],
)
def test_what_cannot_be_written_is_dropped_and_told_only_where_somebody_wants_it(number, terminal, is_fault):
    raw = Failing(number, terminal)
    stream = shown(raw)
    for _ in range(3):
        assert stream.write("0123456789abc\n") == 14
        stream.flush()
    assert raw.written == b"0123456789"
    assert (stream.fault is not None) is is_fault


def test_escapes_pass_only_through_the_stream_for_them():
    file = io.BytesIO()
    stream = shown(file)
    stream.write("\x1b[31m\n")
    unescaped(stream).write("\x1b[32m\n")
    stream.write("\udcff last\n")
    stream.flush()
    assert file.getvalue() == b"\\x1b[31m\n\x1b[32m\n\\udcff last\n"


def test_text_that_the_encoding_lacks_is_escaped():
    file = io.BytesIO()
    stream = Shown(Tolerant(file), "ascii", line_buffering=False)
    stream.write("≥ 3")
    stream.flush()
    assert file.getvalue() == b"\\u2265 3"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_file_never_gets_the_descriptor_of_a_closed_stream(closed, tmp_path):
    code = (
        "import sys; from ablate.output.streams import guard_streams; guard_streams()\n"
        "file = open('file', 'w'); assert file.fileno() > 2\n"
        "print('out', flush=True); print('err', file=sys.stderr); assert sys.stdin.read() == ''\n"
        "import subprocess; subprocess.run(['sh', '-c', 'echo more; echo more >&2'], check=True)"
    )
    given = "" if "<&-" in closed else "</dev/null"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {closed} {given}', sys.executable, code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_text() == ""


def test_a_pipe_that_is_full_and_does_not_block_is_waited_for():
    reader, writer = os.pipe()
    code = (
        "import os; os.set_blocking(1, False)\n"
        "from ablate.output.streams import guard_streams; guard_streams(); print('x' * 1_000_000)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=writer)
    os.close(writer)
    with open(reader) as file:
        assert len(file.read()) == 1_000_001
    assert process.wait() == 0
