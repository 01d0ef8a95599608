"""The command `ablate run` on the GPU, from its start to its tables, against the same grid on the CPU."""

import shutil
import time
from pathlib import Path

import pandas as pd

from tests.cuda.check.checks import Check
from tests.cuda.check.programs import run_python
from tests.cuda.check.report import Report

GRID = ("--activation", "relu,gelu,prelu", "--dropout", "0,0.5", "--seeds", "3", "--epochs", "5")
# In a dry run nothing is trained: the tests of the executor do that on a CPU.
DRY_GRID = ("--activation", "relu", "--dropout", "0", "--seeds", "1", "--epochs", "1", "--executor", "fake")
CNN = ("--model", "cnn", "--channels", "8/16", "--norm", "batch")
# Devices round differently, and training amplifies that. A wrong gradient costs far more than this.
MEAN_DIFFERENCE, LARGEST_DIFFERENCE = 0.02, 0.1


def _run_mlps(device: str, report: Report) -> None:
    _compare_devices(device, report.folder / "mlp", ("--model", "mlp"), report)


def _run_cnns(device: str, report: Report) -> None:
    if device != "cuda":
        report.skipped("needs a GPU; a dry run tries the command with MLPs alone")
        return
    _compare_devices(device, report.folder / "cnn", CNN, report)


def _compare_devices(device: str, folder: Path, options: tuple[str, ...], report: Report) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    command = ["-m", "ablate", "run", *(GRID if device == "cuda" else DRY_GRID), *options]
    on_device, on_cpu = folder / "device", folder / "cpu"
    first = [*command, "--device", device, "--output", str(on_device)]
    begin = time.perf_counter()
    run_python(first, report, lines=0)
    seconds = time.perf_counter() - begin
    report.measured(f"the whole command took {seconds:.1f} s", seconds=seconds)
    stored = sorted(on_device.glob("runs/*"))
    run_python(first, report, lines=0)
    report.expect(
        bool(stored) and sorted(on_device.glob("runs/*")) == stored, "a second command trains nothing"
    )
    run_python([*command, "--device", "cpu", "--output", str(on_cpu)], report, lines=0)
    _compare_accuracies(on_device, on_cpu, report)


def _compare_accuracies(on_device: Path, on_cpu: Path, report: Report) -> None:
    runs, others = (pd.read_parquet(folder / "runs").set_index("run_id") for folder in (on_device, on_cpu))
    statuses = runs["status"].value_counts().to_dict()
    report.expect(set(runs.index) == set(others.index), f"both hold the same {len(runs)} runs, {statuses}")
    apart = (runs["best_val_accuracy"] - others["best_val_accuracy"].reindex(runs.index)).abs()
    mean, largest = float(apart.mean()), float(apart.max())
    report.expect(
        mean < MEAN_DIFFERENCE and largest < LARGEST_DIFFERENCE,
        f"best validation accuracy differs from the CPU's by {mean:.4f} on average, {largest:.4f} at most",
        mean=mean,
        largest=largest,
    )


CHECKS = {"ablate run, mlp": Check(_run_mlps, 30), "ablate run, cnn": Check(_run_cnns, 30)}
