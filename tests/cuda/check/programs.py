"""Runs other programs as a user does, and shows the end of what they print."""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.cuda.check.report import Report

# What is printed is read in a log and not on a terminal.
PLAIN = {"NO_COLOR": "1", "COLUMNS": "150"}
WIDTH = 330


def run_python(arguments: Sequence[str], report: Report, lines: int, **environment: str) -> str:
    """Runs `python ARGUMENTS`, records whether it succeeds, and returns what it printed.

    Args:
        arguments: Of the interpreter.
        report: Shows the last lines; the whole text goes to `programs.txt` in its folder.
        lines: How many to show; at least six where it fails.
        environment: Variables to add.
    """
    text = "python " + " ".join(arguments)
    log, code = report.folder / "programs.txt", None
    with log.open("ab") as file:
        file.write(f"$ {text}\n".encode())
        file.flush()
        start = file.tell()
        try:
            code = subprocess.run(
                [sys.executable, *arguments],
                env=os.environ | PLAIN | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            ).returncode
        finally:  # also where it has taken too long
            printed = log.read_bytes()[start:].decode(errors="replace")
            count = lines if code == 0 else max(lines, 6)
            for line in [line for line in printed.splitlines() if line.strip()][::-1][:count][::-1]:
                report.say("    " + line[:WIDTH])
    report.expect(code == 0, f"{text[:WIDTH]}: exit code {code}")
    return printed
