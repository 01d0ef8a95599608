"""Exit codes of many small commands, one after the other in a few loops: each must be 0.

`python -m tests.campaigns.exits --count 3000 --real 300` runs 2,700 grids of made-up and 300 of real training.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cli.grids import FAKE

REAL = ["--activation", "relu", "--dropout", "0", "--seeds", "2", "--epochs", "1", "--jobs", "1"]


def exit_code(folder: Path, grid: list[str]) -> int:
    """Returns the exit code of `ablate run` in a new folder; prints what a command that fails has said."""
    command = [sys.executable, "-m", "ablate", "run", *grid, "-o", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"exit code {done.returncode}: {done.stderr[-500:]}", flush=True)
    return done.returncode


def exit_codes(count: int, real: int, loops: int, root: Path) -> Counter[int]:
    """Returns how many commands ended with each exit code."""
    grids = [REAL if number < real else FAKE for number in range(count)]
    with ThreadPoolExecutor(loops) as pool:
        codes: Counter[int] = Counter()
        for code in pool.map(exit_code, (root / str(number) for number in range(count)), grids):
            codes[code] += 1
            if codes.total() % 100 == 0:
                print(dict(codes), flush=True)
    return codes


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("count", 3000), ("real", 0), ("loops", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        found = exit_codes(options.count, options.real, options.loops, Path(root))
    # With no failure in n commands, the rate is below 3/n at 95 %.
    print(dict(found), f"rate below {3 / options.count:.2%}" if set(found) == {0} else "")
    sys.exit(set(found) != {0})
