"""Stage correctness: whether the GPU computes what the CPU computes.

In float64 both agree to rounding, whatever the order of a sum; in float32 they agree to what training makes of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.grid import Run
from ablate.experiment.norms import NORM_LEVELS
from ablate.experiment.plan import Stack
from ablate.nn.dropout import uniforms
from tests.cuda.check.checks import Check
from tests.cuda.check.engine import (
    Curves,
    Trained,
    as_double,
    curves,
    first_samples,
    load,
    multiplying_in,
    runs_of,
    stack_for,
    train_steps,
)
from tests.cuda.check.report import Report
from tests.tolerances import ORACLE

# A rate that a schedule changes is a float32 on the GPU: 1e-9 is what that costs after some steps.
SCHEDULED = 1e-9
# Of states in float32 after five steps.
SINGLE_STATE = 1e-3
# Of validation loss (nats) and accuracy in float32 after some epochs: training amplifies rounding.
LOSS, ACCURACY = 0.2, 0.05

# Where many optimizers, precisions or types are compared these levels stand for all.
FEW_NORMS = NORM_LEVELS[:3]
# Rates are powers of two where the GPU reads them as float32.
OPTIMIZERS = {
    "sgd": {"optimizer": "sgd"},
    "sgd, cosine": {"optimizer": "sgd", "schedule": "cosine"},
    "sgd with momentum and decay": {"momentum": 0.9, "weight_decay": 2.0**-7, "learning_rate": 2.0**-4},
    "adam": {"optimizer": "adam", "learning_rate": 2.0**-10},
    "adam, cosine": {"optimizer": "adam", "schedule": "cosine", "learning_rate": 2.0**-10},
    "adamw": {"optimizer": "adamw", "learning_rate": 2.0**-10},
}


class Difference(NamedTuple):
    """The largest differences between two trainings of the same stack.

    Attributes:
        loss: Of the losses of all steps.
        state: Of parameters and running statistics after the last step.
        worst: The run with the largest difference of states.
    """

    loss: float
    state: float
    worst: Run

    def __str__(self) -> str:
        name = f"{self.worst.activation} dropout={self.worst.dropout[0]}"
        return f"losses differ by {self.loss:.1e}, states by {self.state:.1e} (most: {name})"


def difference(one: Trained, other: Trained, runs: Sequence[Run]) -> Difference:
    """Returns how far two trainings lie apart; NaN where either holds one."""
    states = torch.stack(
        [
            torch.stack([(state[name] - others[name]).abs().max() for name in state]).max()
            for state, others in zip(one.states, other.states, strict=True)
        ]
    )
    worst = int(torch.nan_to_num(states, nan=torch.inf).argmax())
    return Difference(float((one.losses - other.losses).abs().max()), float(states.max()), runs[worst])


def mlp_runs(norm: str, optimizer: str, activations: Sequence[str]) -> tuple[Run, ...]:
    """Returns small MLPs with all of what may differ inside a stack."""
    grid = {"activation": list(activations), "norm": norm, "dropout": "0,0.5", "seeds": 2, "hidden": "9/7"}
    return runs_of(grid | OPTIMIZERS[optimizer])


def _mlps_in_double(device: str, report: Report) -> None:
    digits, is_dry = as_double(load("digits")), device == "cpu"
    for optimizer in ("sgd", "adam, cosine") if is_dry else OPTIMIZERS:
        for norm in NORM_LEVELS if optimizer == "sgd" and not is_dry else FEW_NORMS:
            with report.attempt(f"{optimizer}, norm={norm}"):
                runs = mlp_runs(norm, optimizer, ("relu", "prelu") if is_dry else tuple(ACTIVATIONS))
                cpu, other = (
                    train_steps(runs, digits, where, 5 if is_dry else 10) for where in ("cpu", device)
                )
                apart = difference(cpu, other, runs)
                limit = SCHEDULED if "cosine" in optimizer else ORACLE
                report.expect(
                    apart.loss < limit and apart.state < limit,
                    f"{optimizer}, norm={norm}: {apart}",
                    loss=apart.loss,
                    state=apart.state,
                )


def _convolutions(device: str, report: Report) -> None:
    is_dry = device == "cpu"
    for model, dataset, channels in (("cnn", "digits", "4/8"), ("cnn3d", "moving-digits", "4")):
        grid = {"model": model, "dataset": dataset, "channels": channels, "hidden": "9"}
        grid |= {"dropout": "0,0.5", "seeds": 1 if is_dry else 2}
        grid |= {"activation": "relu" if is_dry else "tanh,relu,prelu,gelu"}
        for dtype, limit in ((torch.float64, ORACLE), (torch.float32, SINGLE_STATE)):
            data = first_samples(load(dataset), 128) if is_dry else load(dataset)
            data = as_double(data) if dtype == torch.float64 else data
            for norm in NORM_LEVELS if dtype == torch.float32 and not is_dry else FEW_NORMS:
                text = f"{model} {str(dtype).removeprefix('torch.')} norm={norm}"
                with report.attempt(text):
                    runs = runs_of(grid | {"norm": norm})
                    cpu, other = (
                        train_steps(runs, data, where, 2 if is_dry else 5) for where in ("cpu", device)
                    )
                    apart = difference(cpu, other, runs)
                    holds = apart.loss < limit and apart.state < limit
                    report.expect(holds, f"{text}: {apart}", loss=apart.loss, state=apart.state)


def _training_in_single(device: str, report: Report) -> None:
    is_dry, digits = device == "cpu", load("digits")
    grid = {"activation": "sigmoid,relu,prelu,mish,gelu", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}
    if is_dry:
        grid |= {"activation": "relu,prelu", "epochs": 1}
    for extra in ({}, {"precision": "tf32"}, {"precision": "bf16", "activation": "relu"})[
        : 1 if is_dry else 3
    ]:
        for norm in FEW_NORMS if extra or is_dry else NORM_LEVELS:
            stack = stack_for(grid | {"norm": norm} | extra, device)
            precision = stack.runs[0].precision
            with report.attempt(f"{precision}, norm={norm}"):
                with multiplying_in(precision, device):
                    trained = curves(stack, digits, device)
                apart = curve_difference(trained, curves(Stack(stack.runs, 1), digits, "cpu"))
                _expect_near(f"{precision}, norm={norm}", apart, report)


class CurveDifference(NamedTuple):
    """The largest differences of validation loss and accuracy over all runs and evaluations."""

    loss: float
    accuracy: float


def curve_difference(one: Curves, other: Curves) -> CurveDifference:
    """Returns how far the validation curves of the same runs lie apart."""

    def apart(column: str) -> float:
        return float(np.max([np.abs(one[run_id][column] - other[run_id][column]) for run_id in one]))

    return CurveDifference(apart("val_loss"), apart("val_accuracy"))


def _expect_near(text: str, apart: CurveDifference, report: Report) -> None:
    report.expect(
        apart.loss < LOSS and apart.accuracy < ACCURACY,
        f"{text}: validation loss differs by {apart.loss:.1e}, accuracy by {apart.accuracy:.1e}",
        loss=apart.loss,
        accuracy=apart.accuracy,
    )


# Shapes and options with kernels of their own.
SPECIAL = {
    "one unit in a layer": {"hidden": "100/1/100", "dropout": "0"},
    "one unit in the only layer": {"hidden": "1", "dropout": "0"},
    "a batch of 33": {"batch_size": 33},
    "diagnostics": {"diagnostics": True},
}


def _special_cases(device: str, report: Report) -> None:
    for name, extra in SPECIAL.items():
        with report.attempt(name):
            grid = {"activation": "relu,prelu,tanh", "seeds": 2, "epochs": 1, "norm": "off"}
            stack = stack_for(grid | extra, device)
            digits = load("digits")
            apart = curve_difference(
                curves(stack, digits, device), curves(Stack(stack.runs, 1), digits, "cpu")
            )
            _expect_near(name, apart, report)


def _dropout_uniforms(device: str, report: Report) -> None:
    drawn = [uniforms(3, 1, range(5, 21), (100, 64), where).cpu() for where in ("cpu", device)]
    report.expect(torch.equal(*drawn), "the uniforms of dropout are those of the CPU, to the bit")


CHECKS = {
    "MLPs in float64, recorded, against the CPU": Check(_mlps_in_double, 60),
    "convolutional networks against the CPU": Check(_convolutions, 60),
    "training in float32 against the CPU": Check(_training_in_single, 40),
    "special shapes against the CPU": Check(_special_cases, 30),
    "dropout": Check(_dropout_uniforms, 10),
}
