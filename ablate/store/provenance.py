"""The provenance of results: git commit, software versions and machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ablate import __version__

PACKAGES = ("torch", "numpy", "pandas", "pyarrow")

# Environment variables of threads, CPU kernels and CUDA that affect the speed or the last bits of results.
_THREADS = ("OMP_NUM_THREADS", "OMP_DYNAMIC", "MKL_NUM_THREADS", "MKL_DYNAMIC", "OPENBLAS_NUM_THREADS")
_KERNELS = ("MKL_CBWR", "OPENBLAS_CORETYPE", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
VARIABLES = (*_THREADS, *_KERNELS, "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE")


def provenance() -> dict[str, str]:
    """Returns the provenance of results that are computed now. The function does not import torch.

    The keys `python`, `ablate` and the names in `PACKAGES` map to software versions. If the working directory is in a
    git repository, the result also has the keys `git_commit` and `git_dirty` (`true` if tracked files have changed,
    else `false`). The other keys are `system`, `cpu`, `cores` and the name of each environment variable in `VARIABLES`
    that is set. No value contains a time, a host name, a user name or a path.
    """
    versions = {"python": platform.python_version(), "ablate": __version__}
    versions |= {package: version_of(package) for package in PACKAGES}
    machine = {"system": platform.platform(), "cpu": cpu_model(), "cores": str(os.cpu_count())}
    variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return _git() | versions | machine | variables


def _git() -> dict[str, str]:
    commit = _output("git", "rev-parse", "--verify", "HEAD")
    # A stranger's repository may name a program as its file system monitor, which `git status` would run.
    without_monitor = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")
    changes = _output(*without_monitor, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return {}
    return {"git_commit": commit, "git_dirty": "true" if changes else "false"}


def version_of(package: str) -> str:
    """Returns the version of an installed package, or `not installed`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def cpu_model() -> str:
    """Returns the model name of the CPU, or the CPU architecture if the system reports no model name."""
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def _output(*command: str) -> str | None:
    """Returns the output of a command, or None if the command is missing, fails or takes more than ten seconds."""
    try:
        return subprocess.check_output(
            command, stderr=subprocess.DEVNULL, text=True, errors="replace", timeout=10
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return None
