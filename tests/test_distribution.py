"""The distribution: its name, version and license."""

import subprocess
import sys
import tomllib
from pathlib import Path

import ablate

ROOT = Path(ablate.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_distribution_has_a_name_of_its_own_and_the_command_keeps_its_name():
    assert PROJECT["name"] == "ablate-grid"
    assert PROJECT["scripts"] == {"ablate": "ablate.cli.main:main"}


def test_the_version_is_known_without_installed_metadata():
    code = "import sys; sys.modules['importlib.metadata'] = None; import ablate; print(ablate.__version__)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (ended.stdout.strip(), ended.stderr) == (ablate.__version__, "")


def test_the_license_is_mit_by_file_and_expression():
    assert (PROJECT["license"], PROJECT["license-files"]) == ("MIT", ["LICENSE"])
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n\nCopyright (c) 2026 the ablate authors\n")
    assert "urls" not in PROJECT
