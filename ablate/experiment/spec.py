"""The experiment: every setting of a grid, typed, frozen, with its default, its legal values and its help."""

import tomllib
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ablate.errors import SpecError, did_you_mean
from ablate.experiment import levels
from ablate.experiment.datasets import canonical, dataset_info
from ablate.experiment.models import MODELS, Model, misfit, misfit_rates
from ablate.experiment.norms import AFTER, NORMS, OFF

Optimizer = Literal["sgd", "adam", "adamw"]
Schedule = Literal["constant", "cosine"]
Standardize = Literal["channel", "feature", "none"]
Init = Literal["torch", "kaiming", "auto-gain"]
Precision = Literal["fp32", "tf32", "bf16"]

# What `auto` means: torch's own defaults, and for sgd, which has none for the rate, the textbook's 0.1.
LEARNING_RATES: dict[str, float] = {"sgd": 0.1, "adam": 0.001, "adamw": 0.001}
WEIGHT_DECAYS: dict[str, float] = {"sgd": 0.0, "adam": 0.0, "adamw": 0.01}

_RATE = levels.real("a number of at least 0 and below 1", lambda p: 0 <= p < 1)
_POSITIVE = levels.real("auto or a number above 0", lambda x: x > 0)
_NOT_NEGATIVE = levels.real("auto or a number of at least 0", lambda x: x >= 0)
_FRACTION = levels.real("a number above 0 and below 1", lambda x: 0 < x < 1)


# Widths, one a layer.
Widths = tuple[int, ...] | Literal["auto"]


def _defaults(field: Literal["channels", "hidden"]) -> str:
    """Returns what `auto` is for each model that has such layers."""
    found = {model: getattr(info, field) for model, info in MODELS.items()}
    return ", ".join(f"{model} {levels.label(widths)}" for model, widths in found.items() if widths)


def _factor(parser: levels.Parser) -> BeforeValidator:
    return BeforeValidator(levels.list_of(parser))


class Experiment(BaseModel):
    """A grid: a tuple of levels for each factor, and what all its runs have in common.

    Each field is a key of experiment.toml, an option of the command line (`norm` is `--batch-norm`) and a
    variable `ABLATE_BATCH_NORM`; its default stands here and nowhere else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    dataset: Annotated[str, AfterValidator(canonical)] = Field(
        "digits", description="`ablate list datasets`, or npz:FILE"
    )
    model: Annotated[Model, BeforeValidator(levels.choice(*MODELS))] = Field(
        "mlp", description="mlp, cnn (pictures) or cnn3d (videos)"
    )
    activation: Annotated[tuple[str, ...], _factor(levels.activation)] = Field(
        ("sigmoid", "tanh", "softplus", "relu", "leaky_relu", "elu", "gelu", "silu", "mish"),
        description="`ablate list activations`, or package.module:Name",
    )
    norm: Annotated[tuple[str, ...], _factor(levels.norm)] = Field(
        ("off", "batch"),
        description=f"{', '.join((OFF, *NORMS))} (before the activation), or with {AFTER} (after it)",
    )
    dropout: Annotated[tuple[tuple[float, ...], ...], _factor(levels.per_layer(_RATE))] = Field(
        ((0.0,), (0.2,), (0.5,)), description="rate, or one a block and hidden layer, in order: 0.2/0.5"
    )
    seeds: Annotated[tuple[int, ...], BeforeValidator(levels.seeds)] = Field(
        (0, 1, 2, 3, 4), description="a count (5), a range (0-4) or a list (1,7)"
    )
    channels: Annotated[tuple[Widths, ...], _factor(levels.channels)] = Field(
        ("auto",), description=f"of the convolutions, a block each: 32/64; auto is {_defaults('channels')}"
    )
    hidden: Annotated[tuple[Widths, ...], BeforeValidator(levels.networks)] = Field(
        ("auto",),
        description="widths of the hidden layers: 100/50; a comma parts networks: 100/50,200; "
        f"auto is {_defaults('hidden')}",
    )
    epochs: Annotated[tuple[int, ...], _factor(levels.whole(1))] = Field(
        (30,), description="passes over the training data"
    )
    batch_size: Annotated[tuple[int, ...], _factor(levels.whole(2))] = Field(
        (64,), description="samples a step"
    )
    optimizer: Annotated[tuple[Optimizer, ...], _factor(levels.choice(*LEARNING_RATES))] = Field(
        ("sgd",), description="sgd, adam or adamw"
    )
    learning_rate: Annotated[tuple[float | Literal["auto"], ...], _factor(levels.auto_or(_POSITIVE))] = Field(
        ("auto",), description="auto is sgd 0.1, adam and adamw 0.001"
    )
    momentum: Annotated[tuple[float, ...], _factor(_RATE)] = Field((0.0,), description="of sgd")
    weight_decay: Annotated[tuple[float | Literal["auto"], ...], _factor(levels.auto_or(_NOT_NEGATIVE))] = (
        Field(("auto",), description="auto is sgd and adam 0, adamw 0.01")
    )
    schedule: Annotated[tuple[Schedule, ...], _factor(levels.choice("constant", "cosine"))] = Field(
        ("constant",), description="of the learning rate: constant or cosine"
    )
    init: Annotated[Init, BeforeValidator(levels.choice(*get_args(Init)))] = Field(
        "torch",
        description="initial weights: torch, kaiming (gain of relu) or auto-gain (of each activation)",
    )
    precision: Annotated[Precision, BeforeValidator(levels.choice(*get_args(Precision)))] = Field(
        "fp32", description="of products: fp32, bf16 (rounded operands and results), tf32 (on CUDA)"
    )
    tune: Annotated[tuple[float, ...], BeforeValidator(levels.tuned)] = Field(
        (), description="learning_rate=0.01,0.03,0.1: each variant at its own best, found on other seeds"
    )
    standardize: Annotated[Standardize, BeforeValidator(levels.choice("channel", "feature", "none"))] = Field(
        "channel", description="by the training split's mean and std of each channel or feature, or none"
    )
    evals_per_epoch: Annotated[int, BeforeValidator(levels.whole(1, 1000))] = Field(
        1, description="evaluations an epoch"
    )
    val_fraction: Annotated[float, BeforeValidator(_FRACTION)] = Field(
        0.2, description="share of the training data held out for validation"
    )
    test_fraction: Annotated[float, BeforeValidator(_FRACTION)] = Field(
        0.2, description="share held out for testing where the dataset has no test set of its own"
    )
    diagnostics: Annotated[bool, BeforeValidator(levels.switch)] = Field(
        False, description="look into the layers at every evaluation; changes no result"
    )
    split_seed: Annotated[int, BeforeValidator(levels.whole(0, 2**32 - 1))] = Field(
        0, description="seed of the split, the same for all runs"
    )

    @model_validator(mode="after")
    def _is_legal_as_a_whole(self) -> Self:
        self._fits_the_model()
        if self.tune and self.learning_rate != ("auto",):
            raise ValueError(
                f"--tune: it chooses the learning rates, so --lr {','.join(map(levels.label, self.learning_rate))} "
                "cannot be given too; leave one of them out"
            )
        self._fits_the_data()
        return self

    def _fits_the_model(self) -> None:
        sample = dataset_info(self.dataset).shape
        if self.model == "mlp" and self.channels not in (("auto",), ((),)):
            raise ValueError(
                f"--channels: {','.join(map(levels.label, self.channels))!r} is given, and mlp has no convolutions; "
                "legal is auto, or --model cnn or cnn3d"
            )
        for channels in map(self.channels_of, self.channels):
            if self.model != "mlp" and not channels:
                raise ValueError(
                    f"--channels: 'none' is no block for {self.model}; legal are numbers as 32/64"
                )
            if reason := misfit(self.model, sample, channels):
                raise ValueError(f"{reason} ({self.dataset})")
            for widths, rates in product(map(self.hidden_of, self.hidden), self.dropout):
                if reason := misfit_rates(rates, channels, widths):
                    raise ValueError(reason)

    def channels_of(self, level: Widths) -> tuple[int, ...]:
        """Returns a level of `channels`, the model's own where it is `auto`; none for an mlp."""
        return MODELS[self.model].channels if level == "auto" else level

    def hidden_of(self, level: Widths) -> tuple[int, ...]:
        """Returns a level of `hidden`, the model's own where it is `auto`."""
        return MODELS[self.model].hidden if level == "auto" else level

    def _fits_the_data(self) -> None:
        train, val, test = self.split_sizes
        if min(train, val, test) < 1:
            raise ValueError(
                f"--val-fraction, --test-fraction: {self.val_fraction:g} and {self.test_fraction:g} split "
                f"{self.dataset} into {train} training, {val} validation and {test} test samples; each needs at least 1"
            )
        for size in self.batch_size:
            if size > train:
                raise ValueError(
                    f"--batch-size: {size} is more than the {train} training samples of {self.dataset}; "
                    f"legal are 2 to {train}"
                )
            if train // size < self.evals_per_epoch:
                raise ValueError(
                    f"--evals-per-epoch: {self.evals_per_epoch} is more than the {train // size} steps of an epoch"
                )

    @property
    def split_sizes(self) -> tuple[int, int, int]:
        """Numbers of training, validation and test samples."""
        info = dataset_info(self.dataset)
        test = info.test_samples or round(info.samples * self.test_fraction)
        rest = info.samples if info.test_samples else info.samples - test
        val = round(rest * self.val_fraction)
        return rest - val, val, test


FACTORS = (
    "activation",
    "norm",
    "dropout",
    "channels",
    "hidden",
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "momentum",
    "weight_decay",
    "schedule",
)


# What all runs of an experiment share and what changes their results.
SHARED = (
    "dataset",
    "model",
    "init",
    "precision",
    "standardize",
    "evals_per_epoch",
    "val_fraction",
    "test_fraction",
    "split_seed",
)


def flag(field: str) -> str:
    """Returns the option of the command line that sets a field."""
    return "--lr" if field == "learning_rate" else "--" + field.replace("_", "-")


def flags(field: str) -> tuple[str, ...]:
    """Returns every spelling of the option that sets a field."""
    return (flag(field), "--batch-norm") if field == "norm" else (flag(field),)


def build(settings: Mapping[str, Any]) -> Experiment:
    """Returns the experiment with these settings, defaults elsewhere.

    Raises:
        SpecError: A key is unknown or a value illegal; one sentence with the value, the legal ones and the flag.
    """
    for key in settings:
        if key not in Experiment.model_fields:
            raise SpecError(
                f"unknown key {key!r}{_hint(key)}; legal keys are {', '.join(Experiment.model_fields)}."
            )
    try:
        return Experiment.model_validate(dict(settings))
    except ValidationError as error:
        raise SpecError(_sentence(error)) from None


def _hint(key: str) -> str:
    return "; did you mean 'learning_rate'?" if key == "lr" else did_you_mean(key, Experiment.model_fields)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error", first["msg"])
    return f"{flag(str(first['loc'][0]))}: {cause}" if first["loc"] else str(cause)


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the settings in a TOML file, unchecked.

    Raises:
        SpecError: The file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"EXPERIMENT: {str(path)!r} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"EXPERIMENT: {str(path)!r} is not TOML ({error})") from None


def to_toml(experiment: Experiment) -> str:
    """Returns the resolved experiment as TOML that `read_toml` and `build` turn into the same experiment."""
    return tomli_w.dumps({name: _plain(name, getattr(experiment, name)) for name in Experiment.model_fields})


def _plain(name: str, value: Any) -> Any:
    """Returns a value TOML can hold: per-layer levels become their text, a single level stands without brackets."""
    if name == "tune":
        return f"learning_rate={','.join(map(levels.label, value))}" if value else ""
    if not isinstance(value, tuple):
        return value
    plain = [levels.label(part) if isinstance(part, tuple) else part for part in value]
    return plain[0] if len(plain) == 1 and name != "seeds" else plain
