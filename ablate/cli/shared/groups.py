"""Groups of options: the function of a command gets the values of several command-line options as one argument."""

import inspect
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

_INFO = "info"


@dataclass(frozen=True)
class Group:
    """Options that make up one argument of a command.

    The function `make` gets the values of the options as keyword arguments and returns the argument.
    """

    options: tuple[inspect.Parameter, ...]
    make: Callable[..., Any]


def option(default: Any, *names: str, **details: Any) -> Any:
    """Returns a default value that turns a parameter of a command, or a field of a group, into an option.

    `names` are the names of the option, including dashes. By default the option has the name of the parameter.
    `details` are passed to `typer.Option`.
    """

    def info(name: str) -> Any:
        return typer.Option(*(names or [f"--{name.replace('_', '-')}"]), show_envvar=False, **details)

    return field(default=default, metadata={_INFO: info})


def parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    """Returns a parameter that typer reads as an option.

    `annotation` describes the option, unless `default` is a result of the function `option`.
    """
    if isinstance(default, Field):
        annotation, default = Annotated[annotation, default.metadata[_INFO](name)], default.default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def takes_groups(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a command so that typer sees single options instead of groups of options.

    If the type of a parameter is a dataclass, the parameter is a group whose options are the fields of the dataclass. A
    parameter is also a group if its type is annotated with a `Group`.
    """
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    groups = {name: group for name, hint in hints.items() if (group := _group(hint))}
    parameters: list[inspect.Parameter] = []
    for name, own in signature.parameters.items():
        parameters += groups[name].options if name in groups else [parameter(name, hints[name], own.default)]

    @wraps(command)
    def wrapped(**values: Any) -> Any:
        for name, group in groups.items():
            values[name] = group.make(**{option.name: values.pop(option.name) for option in group.options})
        return command(**values)

    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads both
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def _group(hint: Any) -> Group | None:
    if isinstance(hint, type) and is_dataclass(hint):
        return Group(_options(hint), hint)
    return next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Group)), None)


def _options(group: type[Any]) -> tuple[inspect.Parameter, ...]:
    annotations = get_type_hints(group, include_extras=True)
    return tuple(
        parameter(own.name, annotations[own.name], own if own.metadata else own.default)
        for own in fields(group)
    )


def variables(group: type[Any]) -> tuple[str, ...]:
    """Returns the names of the environment variables that set the options of a dataclass."""
    infos = (option.annotation.__metadata__[0] for option in _options(group))
    return tuple(info.envvar for info in infos if info.envvar)
