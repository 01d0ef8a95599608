import getpass
import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import ablate
from ablate.store import provenance as module
from ablate.store.provenance import PACKAGES, VARIABLES, provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one committed file, as the working directory."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in no repository."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commit_is_that_of_the_working_directory(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = repository / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert provenance()["git_commit"] == git(repository, "rev-parse", "HEAD")


def test_only_a_change_of_a_tracked_file_makes_the_work_tree_dirty(repository: Path) -> None:
    assert provenance()["git_dirty"] == "false"
    (repository / "results").write_text("untracked, as results are")
    assert provenance()["git_dirty"] == "false"
    (repository / "file").write_text("two")
    assert provenance()["git_dirty"] == "true"
    git(repository, "add", "file")
    assert provenance()["git_dirty"] == "true"


def test_no_repository_and_one_without_commits_are_left_out(nowhere: Path) -> None:
    assert not {"git_commit", "git_dirty"} & set(provenance())
    git(nowhere, "init", "-q")
    assert not {"git_commit", "git_dirty"} & set(provenance())


def test_an_absent_git_is_left_out(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "git_commit" in provenance()
    monkeypatch.setenv("PATH", str(repository))
    assert not {"git_commit", "git_dirty"} & set(provenance())


def test_a_git_that_does_not_end_is_left_out(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_slow(command: tuple[str, ...], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 10)

    monkeypatch.setattr(subprocess, "run", too_slow)
    assert not {"git_commit", "git_dirty"} & set(provenance())


def test_versions_are_those_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = provenance()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {package: found[package] for package in PACKAGES} == {
        package: version(package) for package in PACKAGES
    }
    assert set(PACKAGES) == {"torch", "numpy", "pandas", "pyarrow"}
    assert found["ablate"] == ablate.__version__
    monkeypatch.setattr(module, "PACKAGES", ("no-such-package",))
    assert provenance()["no-such-package"] == "not installed"


def test_the_machine_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    found = provenance()
    assert found["cores"] == str(os.cpu_count())
    assert found["system"].startswith(platform.system())
    assert found["cpu"]
    cpuinfo = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*: (.*)$", cpuinfo.read_text(), re.M) if cpuinfo.is_file() else []
    assert not models or found["cpu"] == models[0].strip()
    # A CPU of which the system knows no model name, as on ARM, and a Mac, which names it in a way of its own.
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert provenance()["cpu"] == "riscv64"
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module, "_output", lambda *command: "Apple M9" if command[0] == "sysctl" else None)
    assert provenance()["cpu"] == "Apple M9"


def test_only_variables_that_are_set_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = provenance()
    assert {name: found[name] for name in VARIABLES if name in found} == {"OMP_NUM_THREADS": "3"}


def test_two_processes_give_the_same_text_without_torch_and_without_what_identifies_anybody(
    tmp_path: Path,
) -> None:
    program = (
        "import json, sys; from ablate.store.provenance import provenance\n"
        "print(json.dumps(provenance())); assert 'torch' not in sys.modules"
    )
    found = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert found[0] == found[1]
    values = json.loads(found[0])
    assert all(isinstance(value, str) for value in values.values())
    for secret in (platform.node(), getpass.getuser(), str(Path.cwd()), str(Path.home()), sys.prefix):
        for key, value in values.items():
            assert secret not in re.split(r"[^\w./-]+", value), key
            assert not value.startswith("/")


def test_a_strangers_repository_runs_no_program_of_its_own(repository: Path) -> None:
    git(repository, "config", "core.fsmonitor", "touch ran; false")
    assert provenance()["git_dirty"] == "false"
    assert not (repository / "ran").exists()
