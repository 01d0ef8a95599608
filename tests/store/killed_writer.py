"""A writer that is killed (SIGKILL): before its n-th change on the disk, for every n, or at random instants.

`python -m tests.store.killed_writer stepwise ROOT` leaves a folder `ROOT/<n>` for each n, the last one complete.
`python -m tests.store.killed_writer randomly ROOT SEED` kills writers of `ROOT/results`, and lets the last one end.
Beside each folder, `<folder>.log` has a line for each call that has returned.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ablate.store.parquet import ResultsFolder
from tests.store.stored_frames import METADATA, tables

CHANGING = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
RANDOM_PARTS = tuple((f"{n:02}a", f"{n:02}b") for n in range(30))

# Made once, before any fork.
STORY = {run_ids: tables(run_ids) for run_ids in ("abc", "de", "bf")}
RANDOM = {run_ids: tables(run_ids) for run_ids in RANDOM_PARTS}


def story(path: Path, log: Callable[[str], None]) -> None:
    """Writes, discards and writes again: every kind of change a folder goes through."""
    folder = ResultsFolder(path)
    with folder.writing("seeds = 1"):
        log("ready")
        folder.write_part(STORY["abc"], METADATA)
        log("abc")
        folder.write_part(STORY["de"], METADATA)
        log("abcde")
    with folder.writing("seeds = 2"):
        folder.discard(["b", "d", "e"])
        log("ac")
        folder.write_part(STORY["bf"], METADATA)
        log("abcf")


def resume(path: Path, log: Callable[[str], None]) -> None:
    """Writes whatever parts are missing, as a second call of the same command does."""
    folder = ResultsFolder(path)
    done = set(folder.statuses())
    with folder.writing("seeds = 1"):
        for run_ids, part in RANDOM.items():
            if not set(run_ids) <= done:
                folder.write_part(part, METADATA)
                log(" ".join(run_ids))


def in_child(
    path: Path, write: Callable[[Path, Callable[[str], None]], None], prepare: Callable[[], None]
) -> int:
    """Returns the id of a forked process that writes the folder at `path`."""
    log = os.open(f"{path}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    child = os.fork()
    if child == 0:
        prepare()
        write(path, lambda line: os.write(log, f"{line}\n".encode()) and None)
        os._exit(0)
    os.close(log)
    return child


def die_before(operation: int, root: Path) -> None:
    """Kills this process when it is about to start that operation on files below `root`."""
    left = operation
    sync = os.fsync

    def count(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        changes = event in CHANGING or (event == "open" and int(str(args[2])) & (os.O_WRONLY | os.O_RDWR))
        if changes and str(args[0]).startswith(str(root)):
            step()

    def step() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def counted_sync(descriptor: int) -> None:
        step()
        sync(descriptor)

    os.fsync = counted_sync
    sys.addaudithook(count)


def stepwise(root: Path) -> None:
    for operation in range(1000):
        path = root / str(operation)
        child = in_child(path, story, lambda operation=operation: die_before(operation, root))
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            return
    raise RuntimeError("the story has no end")


def randomly(root: Path, seed: int) -> None:
    draw = random.Random(seed)
    kills = 0
    while True:
        child = in_child(root / "results", resume, lambda: None)
        if kills < 10:
            time.sleep(draw.uniform(0, 0.06))
            os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            print(kills)
            return
        kills += 1


if __name__ == "__main__":
    if sys.argv[1] == "stepwise":
        stepwise(Path(sys.argv[2]))
    else:
        randomly(Path(sys.argv[2]), int(sys.argv[3]))
