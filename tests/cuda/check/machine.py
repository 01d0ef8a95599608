"""What the machine has: GPU, driver, Python and packages, and whether the project can be imported there."""

import platform
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.cuda.check.checks import Check
from tests.cuda.check.programs import run_python
from tests.cuda.check.report import Report

IMPORTS = "import torch, ablate.cli.app, ablate.training.train"
# A dry run is done by a process that has imported the rest.
DRY_IMPORTS = "import ablate.cli.app"


def _show_gpu(device: str, report: Report) -> None:
    if device != "cuda":
        report.skipped("needs a GPU")
        return
    query = "name,memory.total,driver_version,clocks.max.sm,power.limit"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    report.measured(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def _show_versions(device: str, report: Report) -> None:
    versions = {name: _version(name) for name in (*_dependencies(), "triton", "pytest")}
    report.measured(
        f"Python {platform.python_version()}, " + ", ".join(f"{k} {v}" for k, v in versions.items())
    )
    if device != "cuda":
        run_python(["-c", DRY_IMPORTS], report, lines=4)
        return
    question = f"{IMPORTS}; print(torch.version.cuda, torch.cuda.is_available())"
    printed = run_python(["-c", question], report, lines=4)
    report.expect(printed.endswith("True\n"), f"torch can use the GPU; CUDA {printed.strip()}")


def _dependencies() -> list[str]:
    """Returns the names of the packages that the project needs."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    return [re.split(r"[^\w-]", requirement)[0] for requirement in project["dependencies"]]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "MISSING"


CHECKS = {"GPU and driver": Check(_show_gpu, 20), "packages": Check(_show_versions, 40)}
