"""The grid: an experiment expanded into runs, each with an id made of what determines its result."""

import json
from collections import Counter
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from hashlib import blake2b
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

from ablate.errors import SpecError
from ablate.experiment.datasets import fingerprint
from ablate.experiment.levels import label
from ablate.experiment.models import Model
from ablate.experiment.spec import (
    FACTORS,
    LEARNING_RATES,
    SHARED,
    WEIGHT_DECAYS,
    Experiment,
    Init,
    Optimizer,
    Precision,
    Schedule,
)

# Raised whenever the same settings would train to other numbers: it is part of every run's id and of what the runs of a
# folder share, so that old results are never taken for new ones, nor do they stand beside them.
NUMERICS_VERSION = 3
NUMERICS = "numerics_version"  # its name in `Run.data`
SIMULATED = "simulated"  # the same


@dataclass(frozen=True)
class Run:
    """One network trained once: a variant and a seed, with all that determines the result.

    Attributes:
        dropout: One rate a block and hidden layer, in order.
        hidden: Widths of the hidden layers.
        code: Hash of the source of a user's own activation, empty for ours.
        data: Everything about data, model, evaluation and arithmetic that the runs of an experiment share, as canonical
            JSON.
        levels: The level of each factor as text, in the order of `FACTORS`.
        model: The kind of network; `data` says it too.
        channels: Of the convolutions, one a block; none in an mlp.
        diagnostics: Whether its layers are looked into at every evaluation, which changes no result.
        simulated: Whether its results are made up in closed form and not trained; `data` says it too.
    """

    activation: str
    norm: str
    dropout: tuple[float, ...]
    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: Schedule
    init: Init
    precision: Precision
    code: str
    seed: int
    data: str
    levels: tuple[str, ...]
    model: Model = "mlp"
    channels: tuple[int, ...] = ()
    diagnostics: bool = False
    simulated: bool = False

    @cached_property
    def run_id(self) -> str:
        """Sixteen hex digits, a hash of what determines the result: never of device, jobs, stack or diagnostics."""
        elsewhere = ("levels", "diagnostics", "model") + (() if self.channels else ("channels",))
        content = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in elsewhere
        }
        return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()

    def level(self, factor: str) -> str:
        """Returns the text of this run's level of a factor."""
        return self.levels[FACTORS.index(factor)]

    def settings_as_stored(self) -> dict[str, Any]:
        """Returns the value of each factor as results hold it: numbers as such, all else as the text of its level."""
        values = {factor: getattr(self, factor) for factor in FACTORS}
        return {
            name: value if isinstance(value, int | float) else self.level(name)
            for name, value in values.items()
        }


def expand(experiment: Experiment, *, simulated: bool = False) -> tuple[Run, ...]:
    """Returns every run of the grid, factors in the order of `FACTORS`, the last varying fastest, seeds last of all.

    Raises:
        SpecError: Two variants are the same network trained the same way, as `--momentum 0,0.9` with adam.
    """
    shared = {name: getattr(experiment, name) for name in ("model", "init", "precision", "diagnostics")}
    shared |= {"data": _data(experiment, simulated), SIMULATED: simulated}
    runs = tuple(
        _run(experiment, dict(zip(FACTORS, chosen, strict=True)), seed, shared)
        for chosen in product(*(getattr(experiment, factor) for factor in FACTORS))
        for seed in experiment.seeds
    )
    run_id, count = Counter(run.run_id for run in runs).most_common(1)[0]
    if count > 1:
        first, second, *_ = (run for run in runs if run.run_id == run_id)
        differing = [name for name, a, b in zip(FACTORS, first.levels, second.levels, strict=True) if a != b]
        levels = ", ".join(f"{name} {first.level(name)} and {second.level(name)}" for name in differing)
        raise SpecError(
            f"the levels {levels or _written_twice(experiment, first)} "
            f"give the same run ({variant_name(first, FACTORS[:3])}, {first.optimizer}); leave one of them out"
        )
    return runs


def _written_twice(experiment: Experiment, run: Run) -> str:
    """Returns the level of a run that stands in the experiment in two ways, as 0.2 and 0.2/0.2."""
    resolved = {
        "channels": list(map(experiment.channels_of, experiment.channels)),
        "hidden": list(map(experiment.hidden_of, experiment.hidden)),
    }
    factor = next((name for name, levels in resolved.items() if len(set(levels)) < len(levels)), "dropout")
    return f"{factor} {run.level(factor)} written in two ways"


def varied(experiment: Experiment) -> tuple[str, ...]:
    """Returns the factors that name a variant: activation, norm and dropout, and whatever else has two levels."""
    return FACTORS[:3] + tuple(factor for factor in FACTORS[3:] if len(getattr(experiment, factor)) > 1)


def variant_name(run: Run, factors: tuple[str, ...]) -> str:
    """Returns a variant's name, its levels in one line: `relu norm=batch dropout=0.5`."""
    return name_of(dict(zip(FACTORS, run.levels, strict=True)), factors)


def name_of(levels: dict[str, Any], factors: tuple[str, ...]) -> str:
    """Returns the name that a variant with these levels (as text) bears among variants told apart by these factors."""
    short = {"learning_rate": "lr"}
    return " ".join(
        str(levels[factor]) if factor == "activation" else f"{short.get(factor, factor)}={levels[factor]}"
        for factor in factors
    )


def evaluation_steps(run: Run, train_samples: int, evals_per_epoch: int) -> tuple[int, ...]:
    """Returns the numbers of steps after which a run is evaluated: 0, the untrained network, to the last step."""
    per_epoch = train_samples // run.batch_size
    total = run.epochs * evals_per_epoch
    return tuple(count * per_epoch // evals_per_epoch for count in range(total + 1))


def _data(experiment: Experiment, simulated: bool) -> str:
    shared = {name: getattr(experiment, name) for name in SHARED}
    shared |= {"dataset": fingerprint(experiment.dataset), NUMERICS: NUMERICS_VERSION, SIMULATED: simulated}
    return json.dumps(shared, sort_keys=True)


@lru_cache
def _code(activation: str) -> str:
    """Returns a hash of the file that defines a user's own activation, so that another definition is another run.

    Raises:
        SpecError: There is no such module.
    """
    module, _, function = activation.partition(":")
    if not function:
        return ""
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise SpecError(f"--activation: {activation!r} cannot be imported: there is no module {module!r}")
    source = Path(found.origin) if found.origin else None
    return blake2b(source.read_bytes(), digest_size=8).hexdigest() if source and source.is_file() else module


def _run(experiment: Experiment, chosen: dict[str, Any], seed: int, shared: dict[str, Any]) -> Run:
    optimizer = chosen["optimizer"]
    resolved = dict(chosen)
    resolved["channels"] = experiment.channels_of(chosen["channels"])
    resolved["hidden"] = experiment.hidden_of(chosen["hidden"])
    if chosen["learning_rate"] == "auto":
        resolved["learning_rate"] = LEARNING_RATES[optimizer]
    if chosen["weight_decay"] == "auto":
        resolved["weight_decay"] = WEIGHT_DECAYS[optimizer]
    if len(set(chosen["dropout"])) == 1:  # 0.2/0.2 is 0.2, by that name
        resolved["dropout"] = chosen["dropout"][:1]
    texts = tuple(label(resolved[factor]) for factor in FACTORS)
    if len(resolved["dropout"]) == 1:
        resolved["dropout"] *= len(resolved["channels"]) + len(resolved["hidden"])
    if optimizer != "sgd":
        resolved["momentum"] = 0.0
    return Run(**resolved, **shared, code=_code(chosen["activation"]), seed=seed, levels=texts)
