"""Kills `ablate run` at random moments, gives the command again, and compares what is stored with an undisturbed run.

`python -m tests.campaigns.kills fast --count 1000` interrupts made-up training, in forks of this process.
`python -m tests.campaigns.kills real --count 100` interrupts real training: the command, a worker or the fork server.

After each kill: nothing that was stored is lost, all stored bits are those of the undisturbed run, no process of the
command is left, and after any signal but SIGKILL no temporary folder either. After the command has been given to its
end: the grid is complete, and there is no leftover at all. Needs Linux.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.store.parquet import ResultsFolder
from ablate.store.schema import TABLES

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
KILLS_A_FOLDER = 10
# On an idle machine, all processes of a killed command have ended within two seconds.
WAIT_SECONDS = 10
_GRID = ["--activation", "relu", "--dropout", "0", "--seeds", "2", "--lr", "0.1,0.2,0.3,0.4"]
GRIDS = {
    "fast": [*_GRID, "--norm", "off", "--epochs", "3", "--executor", "fake"],
    "real": [*_GRID, "--norm", "off,batch", "--epochs", "60", "--jobs", "2"],
}


@dataclass
class Scene:
    """A results folder, the temporary folder of the commands that write it, and what they must store."""

    kind: str
    root: Path
    wanted: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.results, self.temporary, self.log = (self.root / name for name in ("results", "tmp", "log"))
        self.temporary.mkdir(parents=True)
        self.marker = f"KILLED_IN={self.root}"

    def start(self, *options: str) -> "subprocess.Popen[str] | Fork":
        """Starts `ablate run` of the grid."""
        arguments = ["run", *GRIDS[self.kind], "-o", str(self.results), *options]
        if self.kind == "fast":
            return Fork(arguments, self.temporary, self.log)
        name, _, value = self.marker.partition("=")
        with self.log.open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ablate", *arguments],
                env={**os.environ, name: value, "TMPDIR": str(self.temporary)},
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    def processes(self) -> list[int]:
        """Returns the ids of the living processes of this scene's commands, in the order of their start."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = self.marker.encode() in (folder / "environ").read_bytes().split(b"\0")
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if is_ours and state != "Z":
                found.append(int(folder.name))
        return sorted(found)

    def stored(self) -> dict[str, pd.DataFrame]:
        """Returns the stored tables, without the columns of time."""
        folder = ResultsFolder(self.results)
        if not folder.statuses():
            return {}
        return {table: folder.read(table).drop(columns="seconds", errors="ignore") for table in TABLES}

    def check_stored(self, before: set[str]) -> set[str]:
        """Checks that nothing is lost and all bits are right; returns the ids of the stored runs."""
        tables = self.stored()
        held = set(tables["runs"]["run_id"]) if tables else set()
        assert before <= held, f"lost: {before - held}"
        for table, frame in tables.items():
            wanted = self.wanted[table]
            expected = wanted[wanted["run_id"].isin(held)].reset_index(drop=True)
            pd.testing.assert_frame_equal(frame, expected, check_exact=True)
        return held

    def check_end(self, code: int, number: int, legal: tuple[int, ...]) -> None:
        """Checks the exit code and the messages of a command that has ended, and what it has left."""
        said = self.log.read_text()
        assert code in legal, f"exit code {code} after {signal.Signals(number).name}: {said}"
        assert "Traceback" not in said, said
        deadline = time.monotonic() + WAIT_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, f"left by {signal.Signals(number).name}: {[_kind(pid) for pid in left]}: {said}"
        if code != -signal.SIGKILL:
            assert not list(self.temporary.iterdir()), f"left: {list(self.temporary.iterdir())}"


class Fork:
    """`ablate run` in a fork of this process, which has loaded the modules."""

    def __init__(self, arguments: list[str], temporary: Path, log: Path) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            self._run(arguments, temporary, log)

    def wait(self) -> int:
        """Returns the exit code, or minus the signal that ended the process."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _run(self, arguments: list[str], temporary: Path, log: Path) -> None:
        for number in SIGNALS[1:]:
            signal.signal(number, signal.SIG_DFL)
        for stream, path in ((1, os.devnull), (2, log)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        tempfile.tempdir = str(temporary)
        sys.argv = ["ablate", *arguments]
        from ablate.cli.main import main

        code: Any = 1
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.stderr.flush()
            os._exit(code)


def campaign(kind: str, count: int, seed: int, root: Path) -> Counter[str]:
    """Kills `count` commands and returns how often each kind of process and signal was hit, and how often too late."""
    if kind == "fast":
        load_modules(root / "loaded")
    draw, hits = random.Random(seed), Counter[str]()
    undisturbed = Scene(kind, root / "undisturbed")
    began = time.monotonic()
    assert undisturbed.start().wait() == 0, undisturbed.log.read_text()
    duration, wanted = time.monotonic() - began, undisturbed.stored()
    kills = 0
    while kills < count:
        scene = Scene(kind, root / str(kills), wanted)
        stored: set[str] = set()
        for _ in range(min(KILLS_A_FOLDER, count - kills)):
            kills += 1
            force = ["--force"] if stored and draw.random() < 0.3 else []
            hits[_kill(scene, draw, duration, force)] += 1
            stored = scene.check_stored(stored)
        assert scene.start().wait() == 0, scene.log.read_text()
        stored = scene.check_stored(stored)
        assert len(stored) == len(wanted["runs"])
        assert not list(scene.temporary.iterdir())
        strange = [path.name for path in scene.results.rglob(".*") if path.name != ".lock"]
        assert not strange, f"left in the results folder: {strange}"
        if kills % (10 * KILLS_A_FOLDER) == 0:
            print(kills, dict(hits), flush=True)
    return hits


def load_modules(folder: Path) -> None:
    """Runs the fast grid in this process, so that its forks find all modules loaded."""
    from ablate.cli.app import app_for

    arguments = ["run", *GRIDS["fast"], "-o", str(folder)]
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        app_for(arguments)(arguments, standalone_mode=False)


def _kill(scene: Scene, draw: random.Random, duration: float, options: list[str]) -> str:
    """Starts the command, sends a signal to one of its processes at a random moment, and checks how it ends."""
    number = draw.choice(SIGNALS)
    process = scene.start(*options)
    time.sleep(draw.uniform(0.0, 1.1 * duration))
    if scene.kind == "fast":
        os.kill(process.pid, number)
        victim = "command"
    else:
        others = [pid for pid in scene.processes() if pid != process.pid]
        chosen = draw.choice([process.pid, process.pid, *others])
        victim = "command" if chosen == process.pid else _kind(chosen)
        try:
            os.kill(chosen, number)
        except ProcessLookupError:
            victim = "nobody"
    code = process.wait()
    # A signal that comes before the first line of ablate ends the process at once, and one at the end comes too late.
    legal = (0, -number, 128 + number) if victim == "command" else (0,)
    scene.check_end(code, number, legal)
    return f"{victim} {signal.Signals(number).name}" + ("" if code else ", went on to its end")


def _kind(pid: int) -> str:
    """Returns what a process of a command is: its fork server, its resource tracker, or a worker."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        above = Path(f"/proc/{parent}/cmdline").read_text()
    except (OSError, ValueError):
        return "nobody"
    if "resource_tracker" in command:
        return "resource tracker"
    if "forkserver" not in command:
        return "command"
    return "worker" if "forkserver" in above else "fork server"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(GRIDS))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(dict(campaign(given.kind, given.count, given.seed, Path(folder))))
