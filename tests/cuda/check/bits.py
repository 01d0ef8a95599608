"""Stage correctness: whether a run has the same bits whatever it is trained with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ablate.experiment.grid import Run
from ablate.experiment.plan import Stack
from ablate.training.train import train_stack
from tests.cuda.check.changes import never_recorded
from tests.cuda.check.checks import Check
from tests.cuda.check.engine import Curves, curves, first_samples, load, runs_of, stack_for
from tests.cuda.check.report import Report

GRID = {"activation": "sigmoid,relu,prelu,mish,gelu", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}
DRY_GRID = GRID | {"activation": "relu,prelu", "epochs": 1}
# Other sizes than the planned one, for which equal bits are not promised.
SIZES = (20, 32, 64, 256)


def other_bits(trained: Curves, expected: Curves, runs: Sequence[Run]) -> dict[str, float]:
    """Returns the largest difference from the expected curves by activation, without those of equal bits."""
    activations = {run.run_id: run.activation for run in runs}
    other: dict[str, float] = {}
    for run_id, columns in trained.items():
        for column, values in columns.items():
            if not np.array_equal(values, expected[run_id][column], equal_nan=True):
                apart = float(np.nanmax(np.abs(values - expected[run_id][column]), initial=0))
                other[activations[run_id]] = max(other.get(activations[run_id], 0.0), apart)
    return other


def subsets(runs: Sequence[Run]) -> dict[str, tuple[Run, ...]]:
    """Returns parts of a stack by name."""
    return {
        "every third run": tuple(runs[1::3]),
        "one run alone": tuple(runs[3:4]),
        "the runs of one seed": tuple(run for run in runs if run.seed == runs[0].seed),
    }


def _described(other: Mapping[str, float]) -> str:
    if not other:
        return "same bits"
    return "other bits in " + ", ".join(f"{name} (by {apart:.0e})" for name, apart in other.items())


def _bits_of_mlps(device: str, report: Report) -> None:
    variants: dict[str, dict[str, Any]] = {
        "norm=batch": {"norm": "batch"},
        "norm=off, adam, cosine": {"norm": "off", "optimizer": "adam", "schedule": "cosine"},
        "norm=batch-post, batches of 50": {"norm": "batch-post", "batch_size": 50},
    }
    for name, settings in variants.items():
        with report.attempt(name):
            full = stack_for((GRID if device == "cuda" else DRY_GRID) | settings, device)
            expected = curves(full, load("digits"), device)
            _compare_repeats(name, full, expected, device, report)
            for part, runs in subsets(full.runs).items():
                stack = Stack(runs, 1, full.size - len(runs))
                other = other_bits(curves(stack, load("digits"), device), expected, runs)
                text = f"{name}: {part}, padded to {full.size}: {_described(other)}"
                report.expect(not other, text)


def _compare_repeats(name: str, full: Stack, expected: Curves, device: str, report: Report) -> None:
    again = other_bits(curves(full, load("digits"), device), expected, full.runs)
    report.expect(not again, f"{name}: trained again: {_described(again)}")
    with never_recorded():
        eager = other_bits(curves(full, load("digits"), device), expected, full.runs)
    report.expect(not eager, f"{name}: without a CUDA graph: {_described(eager)}")


def _bits_by_size(device: str, report: Report) -> None:
    full = stack_for((GRID if device == "cuda" else DRY_GRID) | {"norm": "batch"}, device)
    expected = curves(full, load("digits"), device)
    for size in SIZES if device == "cuda" else (9,):
        stack = Stack(full.runs, 1, size - len(full.runs))
        other = other_bits(curves(stack, load("digits"), device), expected, full.runs)
        report.measured(f"in a stack of {size} instead of {full.size}: {_described(other)}", other=len(other))
    alone = full.runs[3:4]
    other = other_bits(curves(Stack(alone, 1), load("digits"), device), expected, alone)
    report.measured(f"in a stack of 1 instead of {full.size}: {_described(other)}", other=len(other))


def _bits_of_convolutions(device: str, report: Report) -> None:
    is_dry = device == "cpu"
    for model, dataset in (("cnn", "digits"), ("cnn3d", "moving-digits")):
        grid = {"model": model, "dataset": dataset, "norm": "batch", "channels": 4, "seeds": 1, "epochs": 1}
        grid |= {"activation": "relu,prelu" if is_dry else "relu,mish,prelu", "dropout": "0,0.5"}
        with report.attempt(model):
            full = stack_for(grid, device, dry_size=4)
            data = first_samples(load(dataset), 128) if is_dry else load(dataset)
            expected = curves(full, data, device)
            again = other_bits(curves(full, data, device), expected, full.runs)
            report.expect(not again, f"{model}: trained again: {_described(again)}")
            alone = Stack(full.runs[2:3], 1, full.size - 1)
            other = other_bits(curves(alone, data, device), expected, alone.runs)
            report.expect(not other, f"{model}: one run alone, padded to {full.size}: {_described(other)}")


def _divergence(device: str, report: Report) -> None:
    grid = {"activation": "relu", "norm": "off", "dropout": 0, "seeds": "3-3", "epochs": 2}
    (run,) = runs_of(grid)
    # A function of the user's: it is recorded in the graph like any other.
    (wild,) = runs_of(grid | {"activation": "tests.cuda.check.bits:overflowing", "seeds": "2-2"})
    padding = 126 if device == "cuda" else 0
    digits = load("digits").to(device)
    result = train_stack(Stack((run, wild), 1, padding), digits)
    alone = train_stack(Stack((run,), 1, padding + 1), digits)
    report.expect(result.divergences[1] is not None, f"a run diverges: {result.divergences[1]}")
    report.expect(result.divergences[0] is None, "the run beside it does not")
    same = np.array_equal(result.curves["val_loss"][:, 0], alone.curves["val_loss"][:, 0])
    report.expect(same, "and has the bits that it has without the other")


def overflowing(z: Any) -> Any:
    """Returns a polynomial of z under which every network diverges."""
    return 3 * z + 3 * z**5


CHECKS = {
    "bits of MLPs": Check(_bits_of_mlps, 60),
    "bits of MLPs by size of the stack": Check(_bits_by_size, 30),
    "bits of convolutional networks": Check(_bits_of_convolutions, 40),
    "a diverging run beside another": Check(_divergence, 20),
}
