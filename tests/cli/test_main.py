"""The command line as a whole: help, interrupts, readers that stop reading."""

import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module

import pytest

from ablate.cli.main import COMMANDS, app_for
from ablate.store.parquet import ResultsFolder
from tests.cli.grids import FAKE, start_run


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_line_in_the_help_is_the_first_of_its_own(name):
    function = getattr(import_module(f"ablate.cli.{name}"), {"list": "list_"}.get(name, name))
    first = re.sub(r"\s+", " ", function.__doc__.strip().split("\n\n")[0])
    assert COMMANDS[name] == first


def test_every_command_is_registered_whichever_is_called():
    for arguments in ([], ["plan"], ["--version"], ["no-such-command"]):
        assert [command.name for command in app_for(arguments).registered_commands] == list(COMMANDS)


def test_a_reader_that_has_seen_enough_is_no_error(ablate, tmp_path):
    ablate("run", *FAKE, "-o", "results/x")
    report = f"{sys.executable} -m ablate report {tmp_path}/results/x --json"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {report} | head -c 1"], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "{", "")


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
