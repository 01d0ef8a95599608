"""Presets: named groups of settings for the figures of a lecture and for a first experiment."""

from dataclasses import dataclass
from typing import Any

from ablate.errors import SpecError, not_one_of


@dataclass(frozen=True)
class Preset:
    """A named group of settings."""

    about: str  # description in one line, for `ablate list presets`
    settings: dict[str, Any]  # settings of an experiment, as in a TOML file


def preset_settings(name: str) -> dict[str, Any]:
    """Returns the settings of the preset with this name.

    Raises:
        SpecError: No preset has this name.
    """
    if name not in PRESETS:
        raise SpecError(f"--preset: {not_one_of(name, PRESETS)}")
    return dict(PRESETS[name].settings)


_NINE = ["sigmoid", "tanh", "softplus", "relu", "leaky_relu", "elu", "gelu", "silu", "mish"]


def _preset(about: str, **settings: Any) -> Preset:
    return Preset(about, settings)


# The lecture uses MNIST, and for activations also CIFAR-100: `--preset activations --dataset cifar100`.
PRESETS: dict[str, Preset] = {
    "activations": _preset(
        "how fast nine activations converge, without batch norm and dropout, on mnist",
        dataset="mnist", activation=_NINE, norm="off", dropout=0, seeds=5, epochs=10, evals_per_epoch=4,
    ),
    "batch-norm": _preset(
        "training against validation with and without batch norm, for sigmoid and relu, on mnist",
        dataset="mnist", activation=["sigmoid", "relu"], norm=["off", "batch", "batch-post"], dropout=0, seeds=5,
        epochs=20,
    ),
    "dropout": _preset(
        "how dropout narrows the gap between training and validation, for relu, on mnist",
        dataset="mnist", activation="relu", norm="off", dropout=[0, 0.2, 0.5], seeds=5, epochs=30,
    ),
    "grid": _preset(
        "nine activations x norm off, batch x dropout 0, 0.2, 0.5 x five seeds, on digits",
        dataset="digits", activation=_NINE, norm=["off", "batch"], dropout=[0, 0.2, 0.5], seeds=5, epochs=30,
    ),
    "smoke": _preset(
        "two activations x norm x dropout x two seeds, two epochs on digits: seconds",
        dataset="digits", activation=["sigmoid", "relu"], norm=["off", "batch"], dropout=[0, 0.5], seeds=2, epochs=2,
    ),
}  # fmt: skip
