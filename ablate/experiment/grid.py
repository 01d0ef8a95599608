"""The grid: all runs of an experiment, and their ids. A run's id is a hash of all that determines the run's result."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from hashlib import blake2b
from importlib.machinery import ModuleSpec
from itertools import product
from pathlib import Path
from typing import Any

from ablate.errors import SpecError
from ablate.experiment.datasets import fingerprint
from ablate.experiment.levels import label
from ablate.experiment.optimizers import OPTIMIZERS
from ablate.experiment.roles import named, roles_of
from ablate.experiment.spec import FACTORS, ROLES, Experiment

# The version increases with every change to the code that changes results. It is part of every run id and of the
# settings that all runs of a folder share, so that old and new results are never confused and never share a folder.
NUMERICS_VERSION = 4
NUMERICS = "numerics_version"  # key of the version in `Run.data`
SIMULATED = "simulated"  # key of `Run.simulated` in `Run.data`


@dataclass(frozen=True)
class Run:
    """One training of one network: a variant and a seed, with everything that determines the result.

    Every setting of the experiment is an attribute of a run, for example `run.activation`, `run.hidden` and
    `run.precision`. A run has one level of each factor, with an actual value instead of `auto`. The level of `dropout`
    has one rate for each convolutional block and hidden layer.
    """

    factors: Mapping[str, Any] = field(hash=False)  # the level of each factor
    common: Mapping[str, Any] = field(hash=False)  # all other settings, which are the same for all runs
    seed: int  # seed of the initial weights, the batch order and the dropout uniforms
    data: str  # everything that all runs of an experiment share and that affects results, as canonical JSON
    code: str = ""  # hash of the source of a user's own activation; empty for built-in activations
    simulated: bool = False  # whether results are simulated instead of trained; `data` contains this fact too

    def __getattr__(self, name: str) -> Any:
        # Python calls this method only for names that are not attributes. During unpickling, `vars(self)` is empty.
        for settings in (vars(self).get("factors", {}), vars(self).get("common", {})):
            if name in settings:
                return settings[name]
        raise AttributeError(f"a run has no setting {name!r}")

    @cached_property
    def run_id(self) -> str:
        """A hash of everything that determines the result of the run, as 16 hexadecimal digits.

        Device, number of workers, stack and diagnostics do not affect the hash.
        """
        content = {"factors": dict(self.factors), "seed": self.seed, "data": self.data, "code": self.code}
        return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()

    def level(self, factor: str) -> str:
        """Returns this run's level of a factor as text.

        If all layers have the same dropout rate, the text is a single rate.
        """
        value = self.factors[factor]
        is_one_rate = factor == "dropout" and len(set(value)) == 1
        return label(value[:1] if is_one_rate else value)

    def settings_as_stored(self) -> dict[str, Any]:
        """Returns this run's levels of all factors in the form stored with results.

        Numeric levels stay numbers; all other levels become text.
        """
        texts = {name: self.level(name) for name in self.factors}
        return texts | {name: value for name, value in self.factors.items() if isinstance(value, int | float)}

    def with_settings(self, **settings: Any) -> "Run":
        """Returns a copy of the run with some settings changed.

        Settings that are part of the attribute `data` must not be changed, because `data` stays the same.
        """
        factors = {name: settings.pop(name, value) for name, value in self.factors.items()}
        return replace(self, factors=factors, common={**self.common, **settings})


def expand(experiment: Experiment, *, simulated: bool = False) -> tuple[Run, ...]:
    """Returns every run of an experiment's grid.

    The order of the runs is that of nested loops over the factors, with the seeds innermost. `simulated` tells
    whether the results will be simulated instead of trained. A simulated run and a trained run with the same settings
    have different ids.

    Raises:
        SpecError: Two variants have the same network and the same training, for example `--momentum 0,0.9` with adam.
    """
    roles = roles_of(type(experiment).model_fields)
    factors = named(roles, "factor")
    common = {name: getattr(experiment, name) for name in roles if name not in factors}
    shared = {name: getattr(experiment, name) for name, role in roles.items() if role.is_shared}
    shared |= {"dataset": fingerprint(experiment.dataset), NUMERICS: NUMERICS_VERSION, SIMULATED: simulated}
    data = json.dumps(shared, sort_keys=True)
    variants: dict[str, dict[str, Any]] = {}
    runs: list[Run] = []
    for combination in product(*(getattr(experiment, factor) for factor in factors)):
        levels = dict(zip(factors, combination, strict=True))
        resolved = resolve_levels(experiment, levels)
        twin = variants.setdefault(json.dumps(resolved), levels)
        if twin is not levels:
            raise SpecError(_same_run(twin, levels))
        code = _code(resolved["activation"])
        runs += [Run(resolved, common, seed, data, code, simulated) for seed in experiment.seeds]
    return tuple(runs)


def _same_run(first: dict[str, Any], second: dict[str, Any]) -> str:
    """Returns an error message for two variants that give the same run.

    The message names the levels in which the two variants differ.
    """
    pairs = {name: (label(first[name]), label(second[name])) for name in first}
    differing = ", ".join(f"{name} {one} and {other}" for name, (one, other) in pairs.items() if one != other)
    network = f"{first['activation']} norm={first['norm']}, {first['optimizer']}"
    return f"the levels {differing} give the same run ({network}); leave one of them out"


def resolve_levels(experiment: Experiment, levels: dict[str, Any]) -> dict[str, Any]:
    """Returns the levels of one variant with actual values instead of `auto`.

    A factor that does not apply to the model or the optimizer gets a fixed level.
    """
    optimizer = OPTIMIZERS[levels["optimizer"]]
    channels = experiment.channels_of(levels["channels"])
    hidden = experiment.hidden_of(levels["hidden"])
    rates = levels["dropout"]
    if len(rates) == 1:
        rates *= len(channels) + len(hidden)
    resolved = levels | {"channels": channels, "hidden": hidden, "dropout": rates}
    for name in ("learning_rate", "weight_decay"):
        if levels[name] == "auto":
            resolved[name] = getattr(optimizer, name)
    return resolved if optimizer.has_momentum else resolved | {"momentum": 0.0}


@lru_cache
def _code(activation: str) -> str:
    """Returns a hash of the file that defines a user's own activation.

    If the file changes, the hash and therefore the run id change.

    Raises:
        SpecError: The module of the activation does not exist, or a file in the working directory has the same name as
            a module of Python or of an installed package.
    """
    module, _, function = activation.partition(":")
    if not function:
        return ""
    spec = _spec_of(module)
    top = module.partition(".")[0]
    installed, own = _spec_of(top), Path(f"{top}.py")
    if installed and installed.origin != str(own.absolute()) and own.is_file():
        raise SpecError(
            f"--activation: {activation!r} names another module than {str(own)!r} of the current folder, as Python or "
            f"an installed package has a module {top!r} too; rename the file and give its new name"
        )
    if spec is None:
        raise SpecError(f"--activation: {activation!r} cannot be imported: there is no module {module!r}")
    source = Path(spec.origin) if spec.origin else None
    return blake2b(source.read_bytes(), digest_size=8).hexdigest() if source and source.is_file() else module


def _spec_of(module: str) -> ModuleSpec | None:
    """Returns the import specification of a module, or None if the module does not exist.

    The packages that contain the module are not imported, because their code could end the process.
    """
    if module in sys.modules:
        return sys.modules[module].__spec__
    package = module.rpartition(".")[0]
    parent = _spec_of(package) if package else None
    path = parent.submodule_search_locations if parent else None
    if package and path is None:
        return None
    finders = (finder.find_spec(module, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    return next(filter(None, finders), None)


def varied(experiment: Experiment) -> tuple[str, ...]:
    """Returns the factors whose levels make up variant names.

    These are the factors that have several levels and the factors that, by their role, are in all variant names.
    """
    is_varied = {name: len(getattr(experiment, name)) > 1 for name in FACTORS}
    return tuple(name for name in FACTORS if is_varied[name] or ROLES[name].names_every_variant)


def variant_name(run: Run, factors: Sequence[str]) -> str:
    """Returns the name of a run's variant, which lists its levels of `factors`: `relu norm=batch dropout=0.5`."""
    return name_of({factor: run.level(factor) for factor in factors}, factors)


def name_of(levels: Mapping[str, Any], factors: Sequence[str]) -> str:
    """Returns the variant name that lists the levels of the given factors.

    `levels` maps each factor to its level as text.
    """
    return " ".join(
        str(levels[factor]) if factor == "activation" else f"{ROLES[factor].short or factor}={levels[factor]}"
        for factor in factors
    )


def evaluation_steps(run: Run, train_samples: int, evals_per_epoch: int) -> tuple[int, ...]:
    """Returns the steps after which a run is evaluated, from 0 (the untrained network) to the last step."""
    steps, evaluations = train_samples // run.batch_size, run.epochs * evals_per_epoch
    return tuple(count * steps // evals_per_epoch for count in range(evaluations + 1))
