"""Groups of options: what typer sees, and what the command gets."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from ablate.cli.shared.groups import Group, option, parameter, takes_groups, variables


@dataclass(frozen=True)
class Base:
    width: Annotated[int, typer.Option("--width", envvar="WIDTH")] = 1


@dataclass(frozen=True)
class Size(Base):
    height: int = option(2)


NAMES = Group(
    (
        parameter("first", Annotated[str, typer.Option("--first")], "a"),
        parameter("last", Annotated[str, typer.Option()], "b"),
    ),
    lambda first, last: f"{first} {last}",
)


def _called(*arguments):
    """Returns what a command gets that takes two groups and an option of its own."""
    result = []

    @takes_groups
    def command(
        size: Size, name: Annotated[str, NAMES], quiet: Annotated[bool, typer.Option("--quiet")] = False
    ):
        result.append((size, name, quiet))

    app = typer.Typer()
    app.command()(command)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return result[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (Size(1, 2), "a b", False)),
        (("--height", "5", "--first", "x", "--quiet"), (Size(1, 5), "x b", True)),
        (("--width", "3", "--last", "y"), (Size(3, 2), "a y", False)),
    ],
)
def test_a_command_gets_its_groups_made_from_their_options(arguments, expected):
    assert _called(*arguments) == expected


def test_variables_of_a_group_include_those_it_inherits():
    assert variables(Size) == ("WIDTH",)
