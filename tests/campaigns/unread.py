"""Runs command lines whose output nobody reads or a full disk holds, and prints each exit code that is wrong.

`python -m tests.campaigns.unread --count N` runs the first N of `COMMANDS`. The modules are loaded once, and each
command line runs in a fork of this process, with one of its streams spoiled.
"""

import argparse
import os
import subprocess
import sys
import tempfile

from tests.cli.baselines import GRID, changed_baseline, worse

FAKE = "--activation relu --norm off --dropout 0 --seeds 2 --epochs 2 --executor fake"
# Command lines, with their undisturbed exit code and whether they write to stdout; the quick ones come first.
COMMANDS = {
    "--help": (0, True),
    "no-such-command": (2, False),
    "run --lr": (2, False),
    "run --lr nonsense": (2, False),
    "gate none old": (5, False),
    "report none": (5, False),
    f"run {FAKE} -o new --force": (0, True),
    "gate base.parquet worse.parquet": (4, True),
    "--version": (0, True),
    "run --help": (0, True),
    "list activations": (0, True),
    f"plan {FAKE} -o old": (0, True),
    "baseline old -o again.parquet": (0, False),
    "compare base.parquet old": (0, True),
    "merge old -o merged": (0, True),
    "gate base.parquet old": (0, True),
    "gate base.parquet worse.parquet --json": (4, True),
    "report old": (0, True),
    "report old --json": (0, True),
    "report old --html page.html": (0, True),
    "gate base.parquet --self-test": (0, True),
    "plot old": (0, True),
}
_COMMAND_MODULES = (
    "app",
    "baseline",
    "compare",
    "gate",
    "list",
    "merge",
    "plan",
    "report",
    "run",
    "shared.training",
)
MODULES = ("ablate.execution.fake", *(f"ablate.cli.{name}" for name in _COMMAND_MODULES))
SPOILS = ("closed", "full disk", "no reader", "reader of one line")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=len(COMMANDS))
    count = parser.parse_args().count
    for module in MODULES:
        __import__(module)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        _make_results()
        for command, (code, writes_to_stdout) in list(COMMANDS.items())[:count]:
            for stream in (1, 2):
                for spoil in SPOILS:
                    is_told = writes_to_stdout and (stream, spoil) == (1, "full disk")
                    wanted = code or 2 * is_told
                    got, other = outcome(command, stream, spoil)
                    if got != wanted or "Traceback" in other or is_told is not ("cannot be written" in other):
                        print(f"{command!r} with {spoil} on {stream}: {got} and not {wanted}; {other!r}")


def _make_results() -> None:
    ablate = [sys.executable, "-m", "ablate"]
    grid = [*GRID, "--seeds", "6", "-o", "old"]
    for command in (["run", *grid], ["baseline", "old", "-o", "base.parquet", "--target", "0.8"]):
        subprocess.run([*ablate, *command], check=True, capture_output=True)
    changed_baseline("base.parquet", "worse.parquet", worse)


def outcome(command: str, stream: int, spoil: str) -> tuple[int, str]:
    """Returns the exit code of a command line and what it wrote to its other stream."""
    reader, writer = os.pipe()
    with tempfile.TemporaryFile("w+") as other:
        child = os.fork()
        if not child:
            os.close(reader)
            os.dup2(other.fileno(), 3 - stream)
            _spoil(stream, spoil, writer)
            os.close(writer)
            _run(command)
        os.close(writer)
        with os.fdopen(reader) as file:
            if spoil == "reader of one line":
                file.readline()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        other.seek(0)
        return code, other.read()


def _spoil(stream: int, spoil: str, writer: int) -> None:
    if spoil == "closed":
        os.close(stream)
    elif spoil == "full disk":
        os.dup2(os.open("/dev/full", os.O_WRONLY), stream)
    elif spoil == "no reader":
        reader, closed = os.pipe()
        os.close(reader)
        os.dup2(closed, stream)
    else:
        os.dup2(writer, stream)


def _run(command: str) -> None:
    from ablate.cli.main import main

    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        try:
            os.fstat(descriptor)
            stream = open(descriptor, "w", closefd=False)  # noqa: SIM115  # Python opens it like this at its start
        except OSError:
            stream = None
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = ["ablate", *command.split()]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
