"""Stage correctness: what errors while a step is recorded are taken for. They leave CUDA in disorder."""

import sys
import tempfile
from pathlib import Path

import torch

from ablate.execution.worker import is_out_of_memory
from ablate.experiment.plan import Stack
from ablate.training.train import train_stack
from tests.cuda.check.changes import before_recording
from tests.cuda.check.checks import Check
from tests.cuda.check.engine import load, runs_of, stack_for
from tests.cuda.check.report import Report

SYNCHRONIZING = "def activation(z):\n    return z * (1.0 + 0.0 * float(z.detach().sum()))\n"


def _memory_runs_out(device: str, report: Report) -> None:
    grid = {"activation": "gelu,mish", "norm": "batch", "dropout": "0,0.5", "seeds": 2, "epochs": 1}
    with before_recording(_leave_no_memory):
        error = _error_of(stack_for(grid, device), device)
    if device != "cuda":
        report.expect(error is None, "on a CPU nothing is recorded, and training succeeds")
    elif error is None:
        report.skipped("the step fitted into the memory that was reserved")
    else:
        taken = is_out_of_memory(error)
        report.expect(taken, f"taken for a lack of memory: {taken}; {chain(error)}")
    if device == "cuda":
        torch.cuda.set_per_process_memory_fraction(1.0)


def _leave_no_memory() -> None:
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    share = torch.cuda.memory_allocated() / torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(share)


def _activation_synchronizes(device: str, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "synchronizing.py").write_text(SYNCHRONIZING)
        sys.path.insert(0, folder)
        try:
            grid = {"activation": "synchronizing:activation", "norm": "off", "dropout": 0, "seeds": 1}
            error = _error_of(Stack(runs_of(grid | {"epochs": 1}), 1, 7), device)
        finally:
            sys.path.remove(folder)
    if device != "cuda":
        report.expect(error is None, "on a CPU such an activation trains")
        return
    report.expect(error is not None, "a function that reads the device cannot be recorded")
    if error:
        taken = is_out_of_memory(error)
        report.expect(not taken, f"taken for a lack of memory: {taken}; {chain(error)}")


def _error_of(stack: Stack, device: str) -> RuntimeError | None:
    try:
        train_stack(stack, load("digits").to(device))
    except RuntimeError as error:
        return error
    return None


def chain(error: BaseException | None) -> str:
    """Returns the type and the first words of an error, and of those it was raised from."""
    texts: list[str] = []
    while error and len(texts) < 4:
        texts.append(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:110]}")
        error = error.__cause__ or error.__context__
    return " <- ".join(texts)


CHECKS = {
    "memory runs out while a step is recorded": Check(_memory_runs_out, 20),
    "an activation that synchronizes": Check(_activation_synchronizes, 20),
}
