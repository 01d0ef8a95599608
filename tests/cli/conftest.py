import signal
import sys

import pytest

from ablate.cli import main as command_line
from ablate.cli.shared.signals import ENDING
from tests.cli.baselines import GRID


@pytest.fixture
def ablate(tmp_path, monkeypatch, capsys):
    """Runs a command line in an empty folder and returns its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ablate", *map(str, arguments)])
        handlers = {number: signal.getsignal(number) for number in ENDING}
        with pytest.raises(SystemExit) as end:
            command_line.main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return run


@pytest.fixture
def output_of(ablate):
    """Runs a command line that succeeds without a word on stderr and returns its stdout."""

    def run(*arguments):
        code, out, err = ablate(*arguments)
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def stored(ablate):
    """A baseline file and the results folder it was made of."""
    ablate("run", *GRID, "--seeds", "6", "-o", "old")
    assert ablate("baseline", "old", "-o", "base.parquet", "--target", "0.8")[0] == 0
    return "base.parquet", "old"
