"""A writer that is killed (SIGKILL) at random instants, and what a kill would leave before each of its changes.

`python -m tests.store.killed_writer stepwise ROOT` leaves a folder `ROOT/<n>` for each n: what is on the disk before
the n-th change. `python -m tests.store.killed_writer randomly ROOT SEED` kills writers of `ROOT/results`, and lets the
last one end. Beside each folder, `<folder>.log` has a line for each call that has returned.
"""

import os
import random
import shutil
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
            folder.compact()


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
        folder.compact()


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


def stepwise(root: Path) -> None:
    """Copies the folder before each change: a kill leaves what other processes see at that moment."""
    path, log = root / "results", root / "results.log"
    copies = -1  # negative while nothing is copied

    def before(event: str, args: tuple[object, ...]) -> None:
        nonlocal copies
        changes = event in CHANGING or (event == "open" and int(str(args[2])) & (os.O_WRONLY | os.O_RDWR))
        if changes and copies >= 0 and str(args[0]).startswith(f"{path}") and args[0] != str(log):
            number, copies = copies, -1
            shutil.copytree(path, root / str(number)) if path.exists() else (root / str(number)).mkdir()
            shutil.copy(log, root / f"{number}.log")
            copies = number + 1

    os.fsync = lambda descriptor: None  # slow, and a kill does not show it
    sys.addaudithook(before)
    with log.open("a", buffering=1) as lines:
        copies = 0
        story(path, lambda line: print(line, file=lines))
        copies = -1


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
