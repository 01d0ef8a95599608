"""What is left of a command that is killed: no result is lost, and no process and no file stays."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.campaigns.kills import Scene, campaign

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
LONG = ["--activation", "relu", "--norm", "off", "--dropout", "0", "--seeds", "2", "--epochs", "100000"]


@pytest.fixture
def scene():
    """A scene with paths short enough for the address of a fork server's socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Scene("real", Path(folder) / "x")


def _run(scene, arguments):
    environment = {**os.environ, "KILLED_IN": str(scene.root), "TMPDIR": str(scene.temporary)}
    command = [sys.executable, "-m", "ablate", "run", *arguments, "--jobs", "1", "-o", str(scene.results)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def test_kills_at_random_moments_lose_nothing_and_leave_nothing(tmp_path):
    assert campaign("fast", 20, 0, tmp_path).total() == 20


def test_no_process_outlives_a_killed_command_and_the_next_one_deletes_its_data(scene):
    process = _run(scene, LONG)
    deadline = time.monotonic() + 120
    while not list(scene.temporary.glob("*/*/train_probe.npy")) and time.monotonic() < deadline:
        time.sleep(0.05)
    # The command, its resource tracker, its fork server and a worker; for moments there are more.
    while len(seen := scene.processes()) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(seen) >= 4
    process.kill()
    process.communicate()
    scene.log.touch()
    scene.check_end(-signal.SIGKILL, signal.SIGKILL, (-signal.SIGKILL,))
    assert list(scene.temporary.iterdir())
    _, said = _run(scene, [*LONG[:-1], "1", "--executor", "fake"]).communicate()
    assert not list(scene.temporary.iterdir()), said
