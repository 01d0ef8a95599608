"""The options that describe an experiment, made from the fields of the class `Experiment`."""

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ablate.cli.shared.command import LEVELS
from ablate.cli.shared.groups import Group, option, parameter, variables
from ablate.cli.shared.running import Running
from ablate.errors import SpecError, did_you_mean
from ablate.experiment.levels import label
from ablate.experiment.presets import PRESETS, preset_settings
from ablate.experiment.spec import FACTORS, ROLES, Experiment, build, flag, flags
from ablate.experiment.toml import read_toml

File = Annotated[Path | None, typer.Argument(metavar="[EXPERIMENT.toml]", help="settings; options beat them")]
PRESET = option(None, metavar="NAME", help=f"{', '.join(PRESETS)}; a file and options beat it")


def variable(field: str) -> str:
    """Returns the name of the environment variable that sets a field of `Experiment`."""
    return f"ABLATE_{field.upper()}"


def experiment_group(**defaults: Any) -> Group:
    """Returns the options of an experiment: a file, a preset and every setting.

    `defaults` replaces default values of settings. If several sources set a value, the first of them in this order has
    priority: command line, environment variables `ABLATE_*`, file, preset, defaults. The function `make` of the group
    raises SpecError for a preset, file, key, variable or value that is not legal.
    """

    def make(experiment_file: Path | None, preset: str | None, **settings: str | bool | None) -> Experiment:
        _check_environment()
        from_preset = preset_settings(preset) if preset else {}
        from_file = read_toml(experiment_file) if experiment_file else {}
        given = {name: value for name, value in settings.items() if value is not None}
        try:
            return build({**defaults, **from_preset, **from_file, **given})
        except SpecError as error:
            raise SpecError(_with_variable(str(error), given)) from None

    own = parameter("experiment_file", File), parameter("preset", str | None, PRESET)
    return Group((*own, *(_setting(name, defaults) for name in Experiment.model_fields)), make)


def _with_variable(message: str, given: Mapping[str, str | bool]) -> str:
    """Returns an error message about a setting, extended by the environment variable that set the wrong value.

    If no environment variable set the value, the message is unchanged.
    """
    for name, value in given.items():
        if message.startswith(f"{flag(name)}: ") and os.environ.get(variable(name)) == value:
            return f"{variable(name)} ({flag(name)}){message.removeprefix(flag(name))}"
    return message


def _check_environment() -> None:
    prefix = variable("")
    legal = (*map(variable, Experiment.model_fields), *variables(Running))
    for name in os.environ:
        if name.startswith(prefix) and name not in legal:
            # Names are compared without their common prefix, which would make any two names look similar.
            hint = did_you_mean(name.removeprefix(prefix), [other.removeprefix(prefix) for other in legal])
            hint = hint.replace("mean '", f"mean '{prefix}")
            raise SpecError(f"unknown environment variable {name}{hint}; unset it.")


def _setting(name: str, defaults: Mapping[str, Any]) -> inspect.Parameter:
    field = Experiment.model_fields[name]
    default = defaults.get(name, field.default)
    names = flags(name)
    kind: Any = str | None
    metavar: str | None = LEVELS if name in FACTORS else "VALUE"
    levels = default if isinstance(default, tuple) else (default,)
    shown = ",".join(map(label, levels)) or "none"
    if field.annotation is bool:
        kind, names, metavar = bool | None, (f"{flag(name)}/--no-{flag(name).removeprefix('--')}",), None
        shown = "on" if default else "off"
    about = f"{ROLES[name].about} [default: {shown}]"
    info = typer.Option(*names, envvar=variable(name), show_envvar=False, metavar=metavar, help=about)
    return parameter(name, Annotated[kind, info])


ExperimentOptions = Annotated[Experiment, experiment_group()]
