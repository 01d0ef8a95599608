import re
from importlib import import_module

import pytest

from ablate.cli.main import COMMANDS, app_for


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_line_in_the_help_is_the_first_of_its_own(name):
    function = getattr(import_module(f"ablate.cli.{name}"), {"list": "list_"}.get(name, name))
    first = re.sub(r"\s+", " ", function.__doc__.strip().split("\n\n")[0])
    assert COMMANDS[name] == first


def test_every_command_is_registered_whichever_is_called():
    for arguments in ([], ["plan"], ["--version"], ["no-such-command"]):
        assert [command.name for command in app_for(arguments).registered_commands] == list(COMMANDS)
