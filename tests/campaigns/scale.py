"""Time, memory and files of a folder with very many made-up runs.

`python -m tests.campaigns.scale FOLDER --runs 100000` trains a grid with the fake executor unless the folder has it,
and measures `plan`, the same `run` again and `report`, each in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

VARIANTS = "relu,tanh,gelu,silu,elu,selu,sigmoid,softplus,mish,leaky_relu"
DROPOUTS = "0,0.1,0.2,0.3,0.4"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=100_000)
    given = parser.parse_args()
    seeds = given.runs // (len(VARIANTS.split(",")) * len(DROPOUTS.split(",")))
    grid = ["--activation", VARIANTS, "--norm", "off", "--dropout", DROPOUTS, "--seeds", str(seeds)]
    grid += ["--epochs", "3", "--executor", "fake", "-o", str(given.folder)]
    measured("run", *grid)
    print(f"{sum(path.is_file() for path in given.folder.rglob('*'))} files", flush=True)
    measured("plan", *grid)
    measured("run", *grid)
    measured("report", str(given.folder))


def measured(*arguments: str) -> None:
    """Runs a command and prints its exit code, its CPU and wall time and the most memory that any command used."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    code = subprocess.run(
        [sys.executable, "-m", "ablate", *arguments], capture_output=True, check=False
    ).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall = time.monotonic() - start
    print(
        f"{arguments[0]}: exit {code}, {cpu:.1f} s CPU, {wall:.1f} s, {after.ru_maxrss >> 10} MiB", flush=True
    )


if __name__ == "__main__":
    main()
