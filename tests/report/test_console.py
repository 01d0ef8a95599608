import io

import pytest
from rich.table import Table

from ablate.report.console import console


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TERM": "dumb"},
        {"COLUMNS": "40"},
        {"FORCE_COLOR": "1"},
        {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"},
        {"GITHUB_ACTIONS": "true", "CI": "true"},
    ],
)
def test_what_is_no_terminal_gets_plain_text_of_any_width_without_animation(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    file = io.StringIO()
    plain = console(file)
    table = Table("heading", box=None, padding=0)
    table.add_row("x" * 5000, style="red")
    plain.print(table)
    assert file.getvalue().splitlines()[1] == "x" * 5000
    assert not plain.is_terminal
    assert not plain.is_interactive


def test_a_terminal_has_its_width_and_colours(monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = console(Terminal())
    assert terminal.width == 72
    assert terminal.is_interactive
    assert terminal.color_system == "256"


def test_a_terminal_honours_NO_COLOR(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal()
    console(file).print("plain", style="red")
    assert file.getvalue() == "plain\n"


def test_text_is_printed_as_it_is(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    file = Terminal()
    console(file).print("seeds [0-4] [bold] :smile: 3.5")
    assert file.getvalue() == "seeds [0-4] [bold] :smile: 3.5\n"
