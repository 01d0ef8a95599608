"""`ablate list`: the legal levels and names."""

from typing import Annotated, get_args

import typer

from ablate.errors import SpecError, did_you_mean
from ablate.experiment.datasets import DATASETS
from ablate.experiment.levels import ACTIVATIONS
from ablate.experiment.spec import LEARNING_RATES, WEIGHT_DECAYS, Model

MODELS = {"mlp": "hidden layers of linear, [batch norm], activation, [dropout]; linear output"}

Kind = Annotated[str, typer.Argument(metavar="KIND", help="activations, datasets, models or optimizers")]


def list_(kind: Kind) -> None:
    """List the activations, datasets, models or optimizers."""
    lines = {
        "activations": lambda: [*ACTIVATIONS, "package.module:Name   a function of your own"],
        "datasets": _datasets,
        "models": lambda: [f"{name:6} {MODELS[name]}" for name in get_args(Model)],
        "optimizers": _optimizers,
    }
    if kind not in lines:
        raise SpecError(f"KIND: {kind!r} is not one of {', '.join(lines)}{did_you_mean(kind, lines)}")
    print("\n".join(lines[kind]()))


def _datasets() -> list[str]:
    known = [
        f"{name:14} {'x'.join(map(str, info.shape)):8} {info.classes or '?':>4} classes "
        f"{info.samples:>6}+{info.test_samples:<6} {info.about}"
        for name, info in DATASETS.items()
    ]
    return [*known, "npz:FILE       arrays x_train, y_train and optionally x_test, y_test"]


def _optimizers() -> list[str]:
    return [
        f"{name:6} learning rate {rate:g}, weight decay {WEIGHT_DECAYS[name]:g} unless set"
        for name, rate in LEARNING_RATES.items()
    ]
