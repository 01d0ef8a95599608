import sys

import pytest

from ablate.cli import main as command_line


@pytest.fixture
def ablate(tmp_path, monkeypatch, capsys):
    """Runs a command line in an empty folder and returns its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ablate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            command_line.main()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return run
