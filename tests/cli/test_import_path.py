"""What a command imports from the folder it is called in: nothing, except a user's own activation."""

import os
import subprocess
import sys

import pytest

from ablate.store.parquet import ResultsFolder

STRANGE = ("html", "scipy", "pandas", "torch", "rich", "socket", "selectors", "pickle", "bottleneck")
RUN = ["--norm", "off", "--dropout", "0", "--seeds", "1", "--epochs", "1"]
OWN = (
    "import sys, torch\n\n\ndef twice(z):\n    print('x' * 5000, flush=True)\n"
    "    print('x' * 5000, file=sys.stderr, flush=True)\n    return torch.relu(2 * z)\n"
)


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """A folder of files that are named like modules and leave a trace if they are run."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in STRANGE:
        (tmp_path / f"{name}.py").write_text(f"open('trace', 'a').write('{name} ')\nraise SystemExit(7)\n")
    return tmp_path


def test_a_strangers_file_is_never_run_although_it_has_a_modules_name(strangers):
    ablate = [sys.executable, "-m", "ablate"]
    run = ["run", "--activation", "relu", *RUN, "--executor", "fake", "-o", "x"]
    for command in (run, ["report", "x", "--html", "page.html"]):
        done = subprocess.run([*ablate, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert not (strangers / "trace").exists()


def test_a_users_own_activation_is_found_behind_all_that_is_installed_and_may_print_to_nobody(strangers):
    (strangers / "mine.py").write_text(OWN)
    (strangers / "bottleneck.py").unlink()  # pandas takes it where it is; it is not installed
    command = f"{sys.executable} -m ablate run --activation mine:twice {' '.join(RUN)} -o x"
    pipeline = f"set -o pipefail; {command} 2>&1 | head -1"
    done = subprocess.run(["bash", "-c", pipeline], stdout=subprocess.DEVNULL)
    assert done.returncode == 0
    assert list(ResultsFolder(strangers / "x").statuses().values()) == ["finished"]
    assert not (strangers / "trace").exists()


@pytest.mark.parametrize("name", ["html", "scipy"])
def test_an_own_file_with_the_name_of_another_module_is_told(ablate, tmp_path, monkeypatch, name):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / f"{name}.py").write_text(OWN)
    code, out, err = ablate("plan", "--activation", f"{name}:twice")
    assert (code, out) == (2, "")
    assert err == (
        f"ablate: --activation: '{name}:twice' names another module than '{name}.py' of the current folder, as Python "
        f"or an installed package has a module '{name}' too; rename the file and give its new name\n"
    )


def test_without_a_name_with_a_colon_the_import_path_stays(ablate, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = list(sys.path)
    assert ablate("plan", "--activation", "relu")[0] == 0
    assert sys.path == before
    assert os.getcwd() not in before
