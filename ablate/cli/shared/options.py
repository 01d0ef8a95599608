"""The options that describe an experiment, made from the fields of `Experiment`, the same in every command."""

import inspect
import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from ablate.cli.shared.command import LEVELS
from ablate.errors import SpecError, did_you_mean
from ablate.experiment.levels import label
from ablate.experiment.presets import PRESETS, preset_settings
from ablate.experiment.spec import FACTORS, Experiment, build, flag, flags, read_toml

# Variables that set how a grid is run, not what it is; the commands that take them declare them.
RUNNING_VARIABLES = ("ABLATE_DATA_DIR", "ABLATE_DEVICE", "ABLATE_JOBS", "ABLATE_OUTPUT")


def variable(field: str) -> str:
    """Returns the environment variable that sets a field."""
    return f"ABLATE_{field.upper()}"


def takes_experiment(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps `command(experiment, ...)` so that typer sees the options of an experiment in place of the experiment.

    The command line beats `ABLATE_*`, which beats the file, which beats the preset, which beats the defaults.
    """
    return with_defaults({})(command)


def with_defaults(defaults: Mapping[str, Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns `takes_experiment` for a command that has other defaults of some settings."""
    return lambda command: _wrapped(command, defaults)


def _wrapped(command: Callable[..., Any], defaults: Mapping[str, Any]) -> Callable[..., Any]:
    signature = inspect.signature(command)
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name != "experiment"
    ]

    @wraps(command)
    def wrapped(experiment_file: Path | None = None, preset: str | None = None, **given: Any) -> Any:
        settings = {name: given.pop(name) for name in Experiment.model_fields}
        return command(experiment=assemble(experiment_file, settings, preset, defaults), **given)

    parameters = [
        _file_argument(),
        _preset_option(),
        *(_option(name, defaults) for name in Experiment.model_fields),
        *own,
    ]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what typer reads
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def assemble(
    file: Path | None,
    settings: Mapping[str, str | bool | None],
    preset: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Experiment:
    """Returns the experiment of a preset, overridden by a file, overridden by the settings that are given.

    Args:
        file: An experiment as TOML.
        settings: By field; None where nothing was given.
        preset: A name.
        defaults: Those of the command that differ from the experiment's.

    Raises:
        SpecError: The preset, the file, a key, an environment variable or a value is not legal.
    """
    _check_environment()
    from_preset = preset_settings(preset) if preset else {}
    from_file = read_toml(file) if file else {}
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return build({**(defaults or {}), **from_preset, **from_file, **given})
    except SpecError as error:
        raise SpecError(_with_variable(str(error), given)) from None


def _with_variable(message: str, given: Mapping[str, str | bool]) -> str:
    """Returns what is wrong with a setting, which begins with its flag, with the variable that set it in front."""
    for name, value in given.items():
        if message.startswith(f"{flag(name)}: ") and os.environ.get(variable(name)) == value:
            return f"{variable(name)} ({flag(name)}){message.removeprefix(flag(name))}"
    return message


def _check_environment() -> None:
    prefix = variable("")
    legal = [variable(field) for field in Experiment.model_fields] + list(RUNNING_VARIABLES)
    for name in os.environ:
        if name.startswith(prefix) and name not in legal:
            # What all have in common would make any two of them alike.
            hint = did_you_mean(name.removeprefix(prefix), [each.removeprefix(prefix) for each in legal])
            hint = hint.replace("mean '", f"mean '{prefix}")
            raise SpecError(f"unknown environment variable {name}{hint}; unset it.")


def _file_argument() -> inspect.Parameter:
    annotation = Annotated[
        Path | None,
        typer.Argument(metavar="[EXPERIMENT.toml]", help="settings; options beat them", show_default=False),
    ]
    return inspect.Parameter(
        "experiment_file", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _preset_option() -> inspect.Parameter:
    option = typer.Option(
        "--preset",
        metavar="NAME",
        help=f"{', '.join(PRESETS)}; a file and options beat it",
        show_default=False,
    )
    return inspect.Parameter(
        "preset", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )


def _option(name: str, defaults: Mapping[str, Any]) -> inspect.Parameter:
    field = Experiment.model_fields[name]
    default = defaults.get(name, field.default)
    if field.annotation is bool:
        option = typer.Option(
            f"{flag(name)}/--no-{flag(name).removeprefix('--')}",
            envvar=variable(name),
            show_envvar=False,
            help=f"{field.description} [default: {'on' if default else 'off'}]",
            show_default=False,
            rich_help_panel="What all runs share",
        )
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[bool | None, option]
        )
    shown = ",".join(label(level) for level in default) if isinstance(default, tuple) else label(default)
    option = typer.Option(
        *flags(name),
        envvar=variable(name),
        show_envvar=False,
        metavar=LEVELS if name in FACTORS else "VALUE",
        help=f"{field.description} [default: {shown or 'none'}]",
        show_default=False,
        rich_help_panel="Factors (comma separated levels)" if name in FACTORS else "What all runs share",
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )
