"""Generated command lines, experiment files and npz files: exit code 2 with a sentence, or a right run.

`python -m tests.campaigns.inputs --count 10000 --npz 500` calls the command line in this process. Every hundredth case
also runs in a process of its own. A fault is a traceback, exit code 1, more than five seconds of processor time, a file
written by a command that ends with 2, a message 3,000 characters longer than its command line, or a run that is not
stored completely.
"""

import argparse
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from ablate.cli.app import app_for
from ablate.errors import AblateError
from ablate.experiment.grid import expand
from ablate.experiment.partition import shard_of
from ablate.experiment.spec import build
from ablate.experiment.toml import read_toml
from ablate.store.parquet import ResultsFolder
from tests.campaigns.hostile_npz import read_hostile
from tests.campaigns.made_inputs import Case, made_case

SECONDS = 5.0
_HANG = 300  # seconds, for what waits without using the processor
_LARGEST_GRID = (
    40  # runs, and evaluations of a run; a mutation can make a legal grid that takes long to train
)
GRID = ["--activation", "relu,tanh", "--norm", "off", "--dropout", "0", "--epochs", "1", "--executor", "fake"]
LEGAL = {
    "run": (0, 2, 3),
    "merge": (0, 2, 3),
    "gate": (0, 2, 3, 4, 5),
    "report": (0, 2, 5),
    "compare": (0, 2, 5),
    "baseline": (0, 2, 5),
}


class TooLarge(BaseException):
    """A legal grid that is larger than a campaign trains."""


@dataclass
class Ending:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float
    trace: str = ""


def prepare(root: Path) -> None:
    """Makes the files that generated command lines refer to."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 1, 8, 8)), np.tile(np.arange(3), 20)
    np.savez(root / "good.npz", x_train=x, y_train=y)
    np.savez_compressed(root / "tested.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    (root / "torn.npz").write_bytes((root / "good.npz").read_bytes()[:2000])
    (root / "empty").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "fifo")
    case = root / "case"
    for arguments in (
        ["run", *GRID, "--seeds", "6", "-o", "../stored"],
        ["run", *GRID, "--seeds", "6", "--shard", "1/2", "-o", "../shard1"],
        ["baseline", "../stored", "-o", "../base.parquet"],
    ):
        case.mkdir()
        ending = called(Case(arguments), case)
        assert ending.code == 0, ending
        shutil.rmtree(case)


def called(case: Case, folder: Path) -> Ending:
    """Calls the command line in this process, in a folder with the files of the case."""
    start, here, out, err = time.process_time(), Path.cwd(), io.StringIO(), io.StringIO()
    code, trace = 0, ""
    signal.signal(signal.SIGALRM, _ring)
    signal.alarm(_HANG)
    try:
        os.chdir(folder)
        with (
            mock.patch.dict(os.environ, case.environment),
            mock.patch.object(sys, "argv", ["ablate", *case.arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            app_for(case.arguments)()
    except AblateError as error:
        err.write(f"ablate: {error}\n")
        code = error.exit_code
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except TooLarge:
        code = -1
    except BaseException:
        code, trace = 1, traceback.format_exc()
    finally:
        signal.alarm(0)
        os.chdir(here)
    return Ending(code, out.getvalue(), err.getvalue(), time.process_time() - start, trace)


class Hang(BaseException):
    """A command that neither ends nor uses the processor."""


def _ring(number: int, frame: object) -> None:
    raise Hang


def files_in(root: Path) -> dict[str, tuple[int, int]]:
    """Returns the size and time of each file below a folder, and of the folders that hold files."""
    return {
        str(path.relative_to(root)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        if not path.is_dir()
        else (0, 0)
        for path in sorted(root.rglob("*"))
        if path.name not in ("__pycache__",)
    }


def fault_of(case: Case, ending: Ending, before: dict[str, tuple[int, int]], root: Path) -> str:
    """Returns what is wrong with the end of a command; empty if nothing is."""
    command = next((word for word in case.arguments if not word.startswith("-")), "")
    if ending.code == -1:
        return ""
    if ending.trace:
        return ending.trace
    if ending.seconds > SECONDS:
        return f"{ending.seconds:.1f} seconds of processor time"
    if ending.code not in LEGAL.get(command, (0, 2)):
        return f"exit code {ending.code}"
    if ending.code and not ending.err and not ending.out:
        return "no word"
    if "Traceback" in ending.err + ending.out:
        return "a traceback is printed"
    given = sum(map(len, case.arguments))  # a message may repeat a long path
    if ending.code == 2 and len(ending.err) > 3000 + given:
        return f"a message of {len(ending.err)} characters"
    if ending.code == 2 and files_in(root) != before:
        return f"files written: {set(files_in(root).items()) ^ set(before.items())}"
    if command == "plan" and files_in(root) != before:
        return "plan writes files"
    return ""


def wrong_run(case: Case, ending: Ending, folder: Path) -> str:
    """Returns what is wrong with the results of a run with exit code 0; empty if all of its runs are stored."""
    stored = next(iter(sorted(folder.rglob("experiment.toml"), key=lambda path: len(path.parts))), None)
    if case.arguments[:1] != ["run"] or ending.code != 0 or "--help" in case.arguments or stored is None:
        return ""
    here = Path.cwd()
    os.chdir(folder)
    try:
        experiment = build(read_toml(stored) | {"tune": ""})
        if "../stored" in case.arguments or read_toml(stored)["tune"]:
            return ""
        wanted = {run.run_id for run in shard_of(experiment, expand(experiment, simulated=True))}
        statuses = ResultsFolder(stored.parent).statuses()
    finally:
        os.chdir(here)
    return (
        ""
        if set(statuses) == wanted and set(statuses.values()) <= {"finished"}
        else "not all runs are stored"
    )


def only_small(limit: int):
    """Returns a context in which grids of more than `limit` runs or evaluations are not expanded."""
    from ablate.cli.shared import grid

    expanding = grid.runs_of

    def runs_of(experiment, simulated=False):
        if experiment.size > limit or max(experiment.epochs) * experiment.evals_per_epoch > limit:
            raise TooLarge
        return expanding(experiment, simulated)

    return mock.patch.object(grid, "runs_of", runs_of)


def try_cases(seeds: range, in_process_of_its_own: int = 100) -> tuple[Counter[str], list[str]]:
    """Tries the cases of these seeds. Returns how often which exit code came, and the faults."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as temporary, only_small(_LARGEST_GRID):
        root = Path(temporary).resolve()
        prepare(root)
        kept = files_in(root)
        for seed in seeds:
            case, folder = made_case(seed), root / "case"
            if case.arguments and "run" in case.arguments and "--executor" not in case.arguments:
                case.arguments += ["--executor", "fake"]
            folder.mkdir()
            for name, content in case.files.items():
                (folder / name).write_bytes(content)
            before = files_in(root)
            ending = called(case, folder)
            counts[str(ending.code)] += 1
            fault = fault_of(case, ending, before, root) or wrong_run(case, ending, folder)
            if (
                not fault
                and in_process_of_its_own
                and seed % in_process_of_its_own == 0
                and ending.code != -1
            ):
                shutil.rmtree(folder)
                folder.mkdir()
                fault = _alone(case, folder, ending.code)
                counts["alone"] += 1
            if fault:
                faults.append(f"seed {seed}: {_shortened(case)}\n{fault[-1500:]}")
                print(faults[-1], flush=True)
            shutil.rmtree(folder)
            if files_in(root) != kept:  # a command may write to them, as `run -o ../stored`
                for path in root.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                prepare(root)
                kept = files_in(root)
    return counts, faults


def _alone(case: Case, folder: Path, expected: int) -> str:
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    environment = os.environ | case.environment | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    command = [sys.executable, "-m", "ablate", *case.arguments]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=_HANG,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return "hangs in a process of its own"
    if done.returncode != expected or b"Traceback" in done.stderr:
        return (
            f"exit code {done.returncode} and not {expected} in a process of its own: {done.stderr[-1000:]!r}"
        )
    return ""


def _shortened(case: Case) -> str:
    words = [word if len(word) < 80 else f"{word[:40]}...({len(word)})" for word in case.arguments]
    files = {name: content[:200] for name, content in case.files.items()}
    return f"{words!r} {files or ''} { {name: value[:80] for name, value in case.environment.items()} or '' }"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("count", 10_000), ("npz", 500), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    counts, faults = try_cases(range(options.first, options.first + options.count))
    print(f"{options.count} command lines: exit codes {dict(counts)}, {len(faults)} faults", flush=True)
    read, refused, npz_faults = read_hostile(range(options.first, options.first + options.npz))
    print(f"{options.npz} npz files: {read} read, {refused} refused, {len(npz_faults)} faults")
    print(*npz_faults, sep="\n")
    sys.exit(bool(faults or npz_faults))
