"""The experiment: all settings of a grid, with their types, roles, defaults, legal values and help texts."""

import re
from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ablate.errors import SpecError, did_you_mean, shown
from ablate.experiment import parsers
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.checks import check_as_a_whole
from ablate.experiment.datasets import canonical, dataset_info
from ablate.experiment.levels import label
from ablate.experiment.limits import MOST_BATCH, MOST_EPOCHS
from ablate.experiment.models import MODELS, Model
from ablate.experiment.norms import AFTER, NORM_LEVELS, NORMS, OFF
from ablate.experiment.optimizers import OPTIMIZERS
from ablate.experiment.parsers import Parser, auto_or, choice, list_of, per_layer, real, whole
from ablate.experiment.roles import Role, named, roles_of
from ablate.experiment.shards import WHOLE, Shards, parse_shards

Schedule = Literal["constant", "cosine"]
Standardize = Literal["channel", "feature", "none"]
Init = Literal["torch", "kaiming", "auto-gain"]
Precision = Literal["fp32", "tf32", "bf16"]
Widths = tuple[int, ...] | Literal["auto"]  # one width per layer

_RATE = real("a number of at least 0 and below 1", lambda p: 0 <= p < 1)
_POSITIVE = real("auto or a number above 0", lambda x: x > 0)
_NOT_NEGATIVE = real("auto or a number of at least 0", lambda x: x >= 0)
_FRACTION = real("a number above 0 and below 1", lambda x: 0 < x < 1)


def _auto(facts: Mapping[Any, Any], attribute: str) -> str:
    """Returns a help text with the value of an attribute for each entry of `facts`, such as `auto is sgd 0.1`.

    Entries with an empty value are left out.
    """
    values = {name: getattr(info, attribute) for name, info in facts.items()}
    return "auto is " + ", ".join(f"{name} {label(value)}" for name, value in values.items() if value != ())


def _factor(about: str, parse: Parser, plural: str, **role: Any) -> Role:
    return Role("factor", about, parse, plural, **role)


def _shared(about: str, parse: Parser, **role: Any) -> Role:
    return Role("shared", about, parse, **role)


class Experiment(BaseModel):
    """The settings of a grid: a tuple of levels for each factor, and one value for each setting that all runs share.

    Each field is a key of experiment.toml, an option of the command line and an environment variable; for example, the
    field `norm` is the option `--norm` and the variable `ABLATE_NORM`. The role of a field (`roles.Role`) holds further
    properties of the setting. Settings are defined only in this class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    dataset: Annotated[str, _shared("`ablate list datasets`, or npz:FILE", canonical)] = "digits"
    model: Annotated[Model, _shared("mlp, cnn (pictures) or cnn3d (videos)", choice(*MODELS))] = "mlp"
    activation: Annotated[
        tuple[str, ...],
        _factor(
            "`ablate list activations`, or package.module:Name", list_of(parsers.activation), "activations",
            changes_cost=True, names_every_variant=True, varies_in_stack=True, order=tuple(ACTIVATIONS),
        ),
    ] = ("sigmoid", "tanh", "softplus", "relu", "leaky_relu", "elu", "gelu", "silu", "mish")  # fmt: skip
    norm: Annotated[
        tuple[str, ...],
        _factor(
            f"{OFF}, or a normalization before the activation (with {AFTER}, after it). "
            + "; ".join(f"{name}: {info.about}" for name, info in NORMS.items()),
            list_of(parsers.norm), "normalizations",
            flags=("--norm", "--batch-norm"), changes_cost=True, names_every_variant=True, order=NORM_LEVELS,
        ),
    ] = ("off", "batch")  # fmt: skip
    dropout: Annotated[
        tuple[tuple[float, ...], ...],
        _factor(
            "rate, or one per block and hidden layer, in order: 0.2/0.5", list_of(per_layer(_RATE)), "dropout rates",
            changes_cost=True, names_every_variant=True, varies_in_stack=True,
        ),
    ] = ((0.0,), (0.2,), (0.5,))  # fmt: skip
    seeds: Annotated[
        tuple[int, ...],
        _shared(
            "a count (5), a range (0-4) or a list (1,7)", parsers.seeds,
            not_in_run_id="each run's own seed is in its id",
        ),
    ] = (0, 1, 2, 3, 4)  # fmt: skip
    channels: Annotated[
        tuple[Widths, ...],
        _factor(
            f"of the convolutions, one per block: 32/64; {_auto(MODELS, 'channels')}", list_of(parsers.channels),
            "numbers of channels", changes_cost=True,
        ),
    ] = ("auto",)  # fmt: skip
    hidden: Annotated[
        tuple[Widths, ...],
        _factor(
            "widths of the hidden layers: 100/50; a comma separates networks: 100/50,200; "
            f"{_auto(MODELS, 'hidden')}", parsers.networks, "widths", changes_cost=True,
        ),
    ] = ("auto",)  # fmt: skip
    epochs: Annotated[
        tuple[int, ...],
        _factor("passes over the training data", list_of(whole(1, MOST_EPOCHS)), "numbers of epochs"),
    ] = (30,)
    batch_size: Annotated[
        tuple[int, ...],
        _factor("samples per step", list_of(whole(2, MOST_BATCH)), "batch sizes", changes_cost=True),
    ] = (64,)
    optimizer: Annotated[
        tuple[str, ...],
        _factor(
            ", ".join(OPTIMIZERS), list_of(choice(*OPTIMIZERS)), "optimizers",
            changes_cost=True, order=tuple(OPTIMIZERS),
        ),
    ] = ("sgd",)  # fmt: skip
    learning_rate: Annotated[
        tuple[float | Literal["auto"], ...],
        _factor(
            _auto(OPTIMIZERS, "learning_rate"), list_of(auto_or(_POSITIVE)), "learning rates",
            short="lr", flags=("--lr", "--learning-rate"), goes_with="optimizer",
        ),
    ] = ("auto",)  # fmt: skip
    momentum: Annotated[
        tuple[float, ...], _factor("of sgd", list_of(_RATE), "momenta", changes_cost=True, goes_with="optimizer")
    ] = (0.0,)  # fmt: skip
    weight_decay: Annotated[
        tuple[float | Literal["auto"], ...],
        _factor(
            _auto(OPTIMIZERS, "weight_decay"), list_of(auto_or(_NOT_NEGATIVE)), "weight decays",
            changes_cost=True, goes_with="optimizer",
        ),
    ] = ("auto",)  # fmt: skip
    schedule: Annotated[
        tuple[Schedule, ...],
        _factor(
            f"of the learning rate: {' or '.join(get_args(Schedule))}", list_of(choice(*get_args(Schedule))),
            "schedules", order=get_args(Schedule),
        ),
    ] = ("constant",)  # fmt: skip
    init: Annotated[
        Init,
        _shared(
            "initial weights: torch, kaiming (gain of relu) or auto-gain (of each activation)",
            choice(*get_args(Init)),
        ),
    ] = "torch"
    precision: Annotated[
        Precision,
        _shared(
            "of products: fp32, bf16 (rounded operands and results), tf32 (on CUDA)", choice(*get_args(Precision))
        ),
    ] = "fp32"  # fmt: skip
    tune: Annotated[
        tuple[float, ...],
        _shared(
            "learning_rate=0.01,0.03,0.1: each variant at its own best, found on other seeds", parsers.tuned,
            not_in_run_id="the learning rate that it chooses is in the id",
        ),
    ] = ()  # fmt: skip
    standardize: Annotated[
        Standardize,
        _shared(
            "by the training split's mean and std of each channel or feature, or none",
            choice(*get_args(Standardize)),
        ),
    ] = "channel"
    evals_per_epoch: Annotated[int, _shared("evaluations per epoch", whole(1, 1000))] = 1
    val_fraction: Annotated[
        float, _shared("share of the training data held out for validation", _FRACTION)
    ] = 0.2
    test_fraction: Annotated[
        float, _shared("share held out for testing where the dataset has no test set of its own", _FRACTION)
    ] = 0.2
    diagnostics: Annotated[
        bool,
        Role(
            "view", "measure the layers at every evaluation; changes no result", parsers.switch,
            not_in_run_id="the layers are only read",
        ),
    ] = False  # fmt: skip
    split_seed: Annotated[int, _shared("seed of the split, the same for all runs", whole(0, 2**32 - 1))] = 0
    shard: Annotated[
        Shards,
        _shared(
            "K/N: only the K-th of N parts of equal cost, for `ablate merge`", parse_shards,
            not_in_run_id="it selects runs and changes none",
        ),
    ] = WHOLE  # fmt: skip

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raises a TypeError if a subclass of `Experiment` has a setting without a role."""
        super().__pydantic_init_subclass__(**kwargs)
        roles_of(cls.model_fields)

    @model_validator(mode="after")
    def _is_legal_as_a_whole(self) -> Self:
        check_as_a_whole(self)
        return self

    def channels_of(self, level: Widths) -> tuple[int, ...]:
        """Returns the channels of one level of the factor `channels`.

        The level `auto` means the model's default; a multilayer perceptron has no channels.
        """
        return MODELS[self.model].channels if level == "auto" else level

    def hidden_of(self, level: Widths) -> tuple[int, ...]:
        """Returns the widths of the hidden layers for one level of the factor `hidden`.

        The level `auto` means the model's default.
        """
        return MODELS[self.model].hidden if level == "auto" else level

    @property
    def size(self) -> int:
        """The number of runs of the whole grid, all shards included."""
        return prod(len(getattr(self, factor)) for factor in FACTORS) * len(self.seeds)

    @property
    def split_sizes(self) -> tuple[int, int, int]:
        """The numbers of training, validation and test samples."""
        info = dataset_info(self.dataset)
        test = info.test_samples or round(info.samples * self.test_fraction)
        rest = info.samples if info.test_samples else info.samples - test
        val = round(rest * self.val_fraction)
        return rest - val, val, test


ROLES: dict[str, Role] = roles_of(Experiment.model_fields)
FACTORS = named(ROLES, "factor")
COST_FACTORS = tuple(name for name in FACTORS if ROLES[name].changes_cost)
SHARED = tuple(name for name in ROLES if ROLES[name].is_shared)


def flags(field: str) -> tuple[str, ...]:
    """Returns all spellings of the command-line option that sets a field. The preferred spelling comes first."""
    return ROLES[field].flags or ("--" + field.replace("_", "-"),)


def flag(field: str) -> str:
    """Returns the preferred spelling of the command-line option that sets a field."""
    return flags(field)[0]


def build(settings: Mapping[str, Any]) -> Experiment:
    """Returns the experiment with the given settings and with defaults for all other settings.

    Raises:
        SpecError: A key is unknown or a value is illegal. The message states the value, the legal values and the
            command-line option.
    """
    for key, value in settings.items():
        if key not in ROLES:
            spelling = "--" + key.replace("_", "-")
            meant = next((field for field in ROLES if spelling in flags(field)), "")
            hint = f"; did you mean {meant!r}?" if meant else did_you_mean(key, ROLES)
            raise SpecError(f"unknown key {shown(key)}{hint}; legal keys are {', '.join(ROLES)}.")
        if isinstance(value, str) and re.search(
            "[\ud800-\udfff]", value
        ):  # a command line can hold any bytes
            raise SpecError(
                f"{flag(key)}: {shown(value)} is not UTF-8, in which results are stored; rename the file"
            )
    try:
        return Experiment.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error", first["msg"])
        raise SpecError(f"{flag(str(first['loc'][0]))}: {cause}" if first["loc"] else str(cause)) from None
