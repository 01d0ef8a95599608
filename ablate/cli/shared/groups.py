"""Groups of options: a command takes one argument, the command line shows the options it is made of."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Group:
    """Options that make up one argument of a command.

    Attributes:
        options: As typer reads them: name, default, and a type with its `typer.Option`.
        make: Returns the argument; called with the value of each option by name.
    """

    options: tuple[inspect.Parameter, ...]
    make: Callable[..., Any]


def option(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    """Returns a parameter that typer reads as an option, or as an argument if the annotation says so."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def takes_groups(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a command so that typer sees the options of its groups in place of the groups.

    A parameter is a group if its type is a dataclass, whose fields are options, or is annotated with a `Group`.
    """
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    groups = {name: group for name, hint in hints.items() if (group := _group(hint))}
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        own = (option(name, hints[name], parameter.default),)
        parameters += groups[name].options if name in groups else own

    @wraps(command)
    def wrapped(**values: Any) -> Any:
        for name, group in groups.items():
            values[name] = group.make(**{option.name: values.pop(option.name) for option in group.options})
        return command(**values)

    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads both
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def _group(hint: Any) -> Group | None:
    metadata: Iterable[object] = getattr(hint, "__metadata__", ())
    if isinstance(hint, type) and is_dataclass(hint):
        types = get_type_hints(hint, include_extras=True)
        return Group(
            tuple(option(field.name, types[field.name], field.default) for field in fields(hint)), hint
        )
    return next((extra for extra in metadata if isinstance(extra, Group)), None)


def variables(group: type[Any]) -> tuple[str, ...]:
    """Returns the environment variables that set the options of a dataclass."""
    types = get_type_hints(group, include_extras=True)
    return tuple(extra.envvar for kind in types.values() for extra in kind.__metadata__ if extra.envvar)
