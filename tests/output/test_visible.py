import re
import unicodedata

import pytest

from ablate.output.visible import visible, visible_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("relu norm=off", "relu norm=off"),
        ("größer ≥ 活性化 🙂", "größer ≥ 活性化 🙂"),
        ("C:\\results [red]", "C:\\results [red]"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("good\rbad\x7f", r"good\rbad\x7f"),
        ("one\ntwo\tthree", r"one\ntwo\tthree"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
        ("\uffff", r"\uffff"),
    ],
)
def test_what_a_terminal_would_obey_is_written_as_its_escape(text, shown):
    assert visible(text) == shown


def test_newlines_and_tabs_of_our_own_text_stay():
    assert visible_lines("one\n\ttwo\r\n\x1b") == "one\n\ttwo\\r\n\\x1b"


def test_no_control_surrogate_or_mark_of_direction_is_left():
    everything = "".join(map(chr, range(0x10000)))
    left = visible(everything)
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for character in set(left):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in directions
    assert not re.search("[\u200e\u200f\u061c\ufeff\ufffe\uffff]", left)
