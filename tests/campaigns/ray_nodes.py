"""Trains a grid on a Ray cluster of two nodes on this machine, and compares it with the local executor.

`python -m tests.campaigns.ray_nodes --count 3 kill --seeds 2` kills one node when half of the runs are stored. The
grid must be complete all the same, with the bits of a local run. A new node takes the place of the killed one.
`python -m tests.campaigns.ray_nodes --count 3 overhead --dataset mnist --seeds 1` trains with both executors in turn
and prints the seconds of the commands, and the ratios within each round.

The options after `kill` and `overhead` are those of `ablate run`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from ablate.store.parquet import ResultsFolder
from ablate.store.schema import TABLES
from tests.execution.raylets import Raylets, raylets

ROOT = Path(__file__).parents[2]


def start(options: list[str], folder: Path, address: str | None = None) -> subprocess.Popen[bytes]:
    """Starts `ablate run` on two CPUs, of the cluster at an address or of this machine."""
    where = ["--executor", "ray", "--ray-address", address] if address else ["--jobs", "2"]
    command = [sys.executable, "-m", "ablate", "run", *options, *where, "-o", str(folder)]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Returns the stored tables without the columns of time."""
    stored = ResultsFolder(folder)
    return {table: stored.read(table).drop(columns="seconds", errors="ignore") for table in TABLES}


def kill_one(options: list[str], folder: Path, cluster: Raylets, runs: int) -> None:
    """Trains a grid on the cluster and kills a node when half of the runs are stored."""
    command = start(options, folder, cluster.address)
    while command.poll() is None and (
        not folder.exists() or len(ResultsFolder(folder).statuses()) < runs / 2
    ):
        time.sleep(0.2)
    assert command.poll() is None, "the command ended before a node was killed"
    cluster.kill_second()
    assert command.wait() == 0, f"exit code {command.returncode}"


def kills(count: int, options: list[str], folder: Path) -> None:
    """Kills a node in each of `count` trainings, and checks the results."""
    assert start(options, folder / "local").wait() == 0
    wanted = tables(folder / "local")
    with raylets(head_cpus=1) as cluster:
        for number in range(count):
            kill_one(options, folder / str(number), cluster, len(wanted["runs"]))
            for table, frame in tables(folder / str(number)).items():
                pd.testing.assert_frame_equal(frame, wanted[table], check_exact=True)
            print(
                f"node {number + 1} killed: {len(wanted['runs'])} runs complete, the bits of a local run",
                flush=True,
            )
            cluster.add_second()


def overhead(count: int, options: list[str], folder: Path) -> None:
    """Prints the seconds of `count` commands of each executor, given in turn, and the ratios."""
    ratios = []
    with raylets(head_cpus=1) as cluster:
        for number in range(count):
            seconds = {}
            for name, address in (("local", None), ("ray", cluster.address)):
                load, began = os.getloadavg()[0], time.perf_counter()
                assert start(options, folder / f"{name}{number}", address).wait() == 0
                seconds[name] = time.perf_counter() - began
                print(f"{name:5} {seconds[name]:6.1f} s, load before {load:.1f}", flush=True)
            ratios.append(seconds["ray"] / seconds["local"])
    print(f"ray / local: median {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("kill", "overhead"))
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("options", nargs=argparse.REMAINDER, help="options of `ablate run`")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (kills if given.what == "kill" else overhead)(given.count, given.options, Path(folder))


if __name__ == "__main__":
    main()
