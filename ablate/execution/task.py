"""The code of a task, which trains one stack on another machine. It does not depend on the system that runs the tasks.

This module does not import torch when it is imported, because the process of the command imports it too.
"""

import os
import platform
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ablate import __version__
from ablate.data.arrays import Arrays
from ablate.errors import SpecError
from ablate.execution.executor import Failed, TooLarge
from ablate.experiment.plan import Stack
from ablate.store.provenance import cpu_model, version_of
from ablate.training.result import MatmulLibrary, StackResult

# Subfolder of a task's working folder with the modules of users' own functions.
_OWN = "own"


@dataclass(frozen=True)
class Done:
    """The last message of a task: the outcome of its stack, and the model of the CPU that computed it."""

    outcome: StackResult | TooLarge | Failed
    cpu: str


def train(
    stack: Stack, arrays: Arrays, device: str, library: MatmulLibrary, expected: Mapping[str, str]
) -> Iterator[int | Done]:
    """Trains a stack. Yields at each evaluation the number of steps since the previous one, and at the end a `Done`.

    Args:
        stack: Runs to train.
        arrays: Samples, whose memory may be read-only.
        device: Name of the device, `cpu` or `cuda:0`.
        library: Library for matrix products (GEMM) on a CPU.
        expected: Versions that this machine must have, in the form of `versions`.

    Raises:
        AblateError: This machine has other versions than `expected`, or cannot train as the other machines do.
    """
    _prepare(expected)
    from ablate.data.dataset import Dataset
    from ablate.execution.worker import in_training

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # torch warns of read-only memory, which nothing here writes to
        dataset = Dataset.of(arrays).to(device)
    outcome = yield from in_training(stack, dataset, device, library)
    yield Done(outcome, cpu_model())


def calibrate(device: str, expected: Mapping[str, str]) -> MatmulLibrary:
    """Returns the fastest library for matrix products (GEMM) on the CPU of this machine.

    Raises:
        SpecError: This machine has other versions than `expected`, or torch cannot use its GPU.
    """
    _prepare(expected)
    from ablate.execution.worker import calibrated

    return calibrated(device)


def versions() -> dict[str, str]:
    """Returns the versions that must be the same on all machines, because results depend on them."""
    # The build (such as `cpu` in 2.15.0+cpu) may differ between machines with and without a GPU.
    found = {"ablate": __version__, "torch": version_of("torch"), "numpy": version_of("numpy")}
    return {name: version.partition("+")[0] for name, version in found.items()}


def copy_modules(functions: Iterable[str], folder: Path) -> None:
    """Copies the modules of users' own functions from the current folder to `folder`, the working folder of tasks.

    Modules that are not in the current folder must be installed on each machine.
    """
    own = folder / _OWN
    own.mkdir()
    for name in {function.partition(":")[0].partition(".")[0] for function in functions} - {""}:
        if Path(f"{name}.py").is_file():
            shutil.copy(f"{name}.py", own)
        elif Path(name).is_dir():
            shutil.copytree(name, own / name, ignore=_all_but_python)


def _all_but_python(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".py") and not Path(folder, name).is_dir()]


@cache
def _prepare_process(own: str) -> None:
    from ablate.execution.worker import prepare

    sys.path.append(own)  # at the end, as in the process of the command
    prepare()


def _prepare(expected: Mapping[str, str]) -> None:
    """Prepares this process for training. Raises SpecError if this machine has other versions than `expected`."""
    here = versions()
    if differing := [name for name in expected if here[name] != expected[name]]:
        found = ", ".join(f"{name} {here[name]}" for name in differing)
        wanted = ", ".join(f"{name} {expected[name]}" for name in differing)
        raise SpecError(
            f"--executor: {platform.node()} in the cluster has {found}, and this machine {wanted}; results need the "
            "same versions on all machines"
        )
    _prepare_process(os.path.join(os.getcwd(), _OWN))
