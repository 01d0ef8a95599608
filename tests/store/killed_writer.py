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
from tests.store.stored_frames import METADATA, plain, tables, versions

CHANGING = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
RANDOM_PARTS = tuple((f"{n:02}a", f"{n:02}b") for n in range(30))
# Trained again, two runs at a time, of which half are of two parts.
FORCED_PARTS = tuple(
    pair
    for n in range(0, 30, 2)
    for pair in ((f"{n:02}a'", f"{n:02}b'"), (f"{n:02}b''", f"{n + 1:02}a'"), (f"{n + 1:02}b'",))
)

# The parts of each session of a writer. Later parts replace runs of two parts, with one that is new, and a whole part.
SESSIONS = (("a b c", "d e"), ("b' d' f", "a' c'"))

# Made once, before any fork.
STORY = {part: tables(part.split()) for session in SESSIONS for part in session}
RANDOM = {run_ids: tables(run_ids) for run_ids in RANDOM_PARTS + FORCED_PARTS}


def states() -> list[str]:
    """Returns what is stored after each part of the story, and before the first: runs with their versions."""
    stored: dict[str, str] = {}
    found = [""]
    for part in STORY:
        stored |= {plain(run_id): run_id for run_id in part.split()}
        found.append(" ".join(stored[run_id] for run_id in sorted(stored)))
    return found


def story(path: Path, log: Callable[[str], None]) -> None:
    """Writes, and writes anew: every kind of change a folder goes through."""
    folder, after = ResultsFolder(path), iter(states())
    log(next(after))
    for session in SESSIONS:
        with folder.writing(f"session = {len(session)}"):
            for part in session:
                folder.write_part(STORY[part], METADATA)
                log(next(after))


def resume(path: Path, log: Callable[[str], None]) -> None:
    """Writes whatever parts are missing, as a second call of the same command does."""
    folder = ResultsFolder(path)
    done = set(folder.statuses())
    with folder.writing("seeds = 1"):
        for run_ids in RANDOM_PARTS:
            if not set(run_ids) <= done:
                folder.write_part(RANDOM[run_ids], METADATA)
                log(" ".join(run_ids))


def force(path: Path, log: Callable[[str], None]) -> None:
    """Writes all runs again, as a command with `--force` does."""
    folder = ResultsFolder(path)
    with folder.writing("seeds = 1"):
        for run_ids in FORCED_PARTS:
            folder.write_part(RANDOM[run_ids], METADATA)


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

    def count(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        changes = event in CHANGING or (event == "open" and int(str(args[2])) & (os.O_WRONLY | os.O_RDWR))
        if changes and str(args[0]).startswith(str(root)):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    os.fsync = lambda descriptor: None  # slow, and changes nothing that a kill can show
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
    path = root / "results"
    print(killed(path, resume, draw), killed(path, force, draw))


def killed(path: Path, write: Callable[[Path, Callable[[str], None]], None], draw: random.Random) -> int:
    """Kills writers of a folder ten times and lets the last one end. Returns how many were killed."""
    kills = 0
    while True:
        child = in_child(path, write, lambda: None)
        if kills < 10:
            time.sleep(draw.uniform(0, 0.06))
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if write is force:
            assert len(versions(ResultsFolder(path))) == 2 * len(RANDOM_PARTS)
        if code == 0:
            return kills
        kills += 1


if __name__ == "__main__":
    if sys.argv[1] == "stepwise":
        stepwise(Path(sys.argv[2]))
    else:
        randomly(Path(sys.argv[2]), int(sys.argv[3]))
