"""Grids that the tests of several commands train, and a process that trains one."""

import subprocess
import sys

GRID = ["--activation", "relu,tanh", "--dropout", "0,0.5", "--seeds", "2", "--epochs", "2"]
FAKE = [*GRID, "--executor", "fake"]


def start_run(folder, *arguments, **options):
    """Starts `ablate run` in a process of its own, with stdout and stderr as text in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "ablate", "run", *arguments, "-o", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
