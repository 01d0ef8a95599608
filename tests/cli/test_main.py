"""The command line as a whole: help, interrupts, readers that stop reading."""

import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from ablate.cli.app import COMMANDS, app_for
from ablate.store.parquet import ResultsFolder
from tests.cli.baselines import changed_baseline, worse
from tests.cli.grids import FAKE, start_run


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_line_in_the_help_is_the_first_of_its_own(name):
    function = getattr(import_module(f"ablate.cli.{name}"), {"list": "list_"}.get(name, name))
    first = re.sub(r"\s+", " ", function.__doc__.strip().split("\n\n")[0])
    assert COMMANDS[name] == first


def test_every_command_is_registered_whichever_is_called():
    for arguments in ([], ["plan"], ["--version"], ["no-such-command"]):
        assert [command.name for command in app_for(arguments).registered_commands] == list(COMMANDS)


@pytest.fixture
def sides(stored, tmp_path):
    """A folder with a baseline, the results it was made of, and worse results."""
    changed_baseline(tmp_path / "base.parquet", tmp_path / "worse.parquet", worse)
    return tmp_path


@pytest.mark.skipif(not hasattr(os, "fork") or not os.path.exists("/dev/full"), reason="needs Linux")
def test_output_that_nobody_reads_changes_no_exit_code_and_a_full_disk_is_told():
    campaign = [sys.executable, "-m", "tests.campaigns.unread", "--count", "6"]
    done = subprocess.run(campaign, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_pipeline_that_stops_reading_still_fails_on_a_regression(sides):
    gate = f"{sys.executable} -m ablate gate base.parquet worse.parquet"
    pipeline = f"set -o pipefail; {gate} 2>&1 | grep -q regress"
    assert subprocess.run(["bash", "-c", pipeline], cwd=sides).returncode == 4


@pytest.mark.parametrize("spoiled", ["2>&1 | head -1", "<&- >&- 2>&-"])
def test_a_grid_is_trained_although_nobody_reads(spoiled, tmp_path):
    run = f"{sys.executable} -m ablate run {' '.join(FAKE)} -o x"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {run} {spoiled}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert len(ResultsFolder(tmp_path / "x").statuses()) == 16


def test_a_full_disk_under_stdout_is_told_after_the_work(tmp_path):
    run = f"{sys.executable} -m ablate run {' '.join(FAKE)} -o x >/dev/full"
    done = subprocess.run(["bash", "-c", run], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "ablate: standard output cannot be written (No space left on device)" in done.stderr
    assert len(ResultsFolder(tmp_path / "x").statuses()) == 16


def test_an_interrupted_grid_keeps_its_finished_stacks_and_goes_on_later(tmp_path):
    grid = ["--activation", "relu", "--dropout", "0", "--norm", "off", "--seeds", "70", "--jobs", "1"]
    process = start_run(tmp_path / "x", *grid, "--epochs", "150", start_new_session=True)
    runs = tmp_path / "x" / "runs"
    deadline = time.monotonic() + 120
    while not (runs.is_dir() and list(runs.glob("*.parquet"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "the same command goes on from there" in err
    stored = ResultsFolder(tmp_path / "x").statuses()
    assert 0 < len(stored) < 70
    del out


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_modules_are_imported_ends_the_command_without_a_traceback(name, tmp_path):
    number = signal.Signals[name]
    process = start_run(tmp_path / "x", "--epochs", "100")
    _wait_until_handled(process, signal.SIGTERM)
    os.kill(process.pid, number)
    out, err = process.communicate()
    assert (process.returncode, out) == (128 + number, "")
    how = "interrupted" if number == signal.SIGINT else f"ended by {name}"
    assert err == f"ablate: {how}; what is stored stays, the same command goes on from there\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_signal_that_is_ignored_from_the_start_stays_ignored(tmp_path):
    command = [sys.executable, "-m", "ablate", "list", "models"]
    process = subprocess.Popen(["nohup", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_until_handled(process, signal.SIGTERM)
    os.kill(process.pid, signal.SIGHUP)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert out.startswith("mlp")


def _wait_until_handled(process, number):
    """Waits until a process has a handler for a signal."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(re.search(r"^SigCgt:\t(.*)$", status, re.M)[1], 16)
        if caught >> (number - 1) & 1:
            return
    raise AssertionError(f"{signal.Signals(number).name} was never handled")
