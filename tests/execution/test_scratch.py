"""Temporary folders: those of dead processes are deleted, those of living ones stay, and nobody else's is touched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.execution.scratch import PREFIX, sweep

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")

_OWNER = (
    "import sys\nfrom ablate.execution.scratch import scratch_folder\n"
    "folder = scratch_folder()\n(folder / 'data').mkdir()\n(folder / 'data' / 'x.npy').write_bytes(b'x')\n"
    "print(folder, flush=True)\nsys.stdin.read()"
)


@pytest.fixture
def start_owner(tmp_path):
    """Starts a process with a temporary folder, which it keeps until its stdin is closed."""
    owners = []

    def start(**environment):
        process = subprocess.Popen(
            [sys.executable, "-c", _OWNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path), **environment},
            text=True,
        )
        owners.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in owners:
        process.kill()
        process.communicate()


def test_the_next_command_deletes_what_a_killed_one_has_left_and_nothing_else(start_owner, tmp_path):
    killed, leftover = start_owner()
    _, living = start_owner()
    killed.kill()
    killed.wait()
    assert (leftover / "data" / "x.npy").exists()
    others = tmp_path / "elsewhere"
    others.mkdir()
    (others / "lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(others)
    (tmp_path / f"{PREFIX}full").mkdir()
    (tmp_path / f"{PREFIX}full" / "without a lock").touch()
    (tmp_path / f"{PREFIX}empty").mkdir()
    third, new = start_owner()
    assert set(tmp_path.iterdir()) == {
        living,
        new,
        others,
        tmp_path / f"{PREFIX}link",
        tmp_path / f"{PREFIX}full",
    }
    assert (others / "lock").exists()
    assert third.communicate()[0] == ""
    assert third.returncode == 0
    assert not new.exists()


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make files of others"
)
def test_a_folder_of_another_user_is_never_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / f"{PREFIX}other"
    folder.mkdir()
    (folder / "lock").touch()
    os.chown(folder, 12345, 12345)
    sweep()
    assert (folder / "lock").exists()
    os.chown(folder, os.getuid(), os.getgid())
    sweep()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["gone", "file"])
def test_an_unusable_tmpdir_is_replaced_by_the_folder_of_the_system(start_owner, tmp_path, name):
    (tmp_path / "file").touch()
    process, folder = start_owner(TMPDIR=str(tmp_path / name))
    assert folder.is_dir()
    assert tmp_path not in folder.parents
    process.communicate()
    assert not folder.exists()


def test_processes_start_also_if_the_path_is_too_long_for_the_address_of_a_socket(tmp_path):
    code = "from ablate.execution.processes import training_context as c; print(c().get_start_method())"
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "TMPDIR": str(folder)}
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stdout == "spawn\n"
    assert list(folder.iterdir()) == []
