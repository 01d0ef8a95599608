import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ablate.report.numbers import ASCII, UNICODE
from ablate.report.sections import Column, blocks, print_table

NAME = Column("name", ["relu", "leaky_relu"])
SCORE = Column("val %", ["97.2 ±0.4 ▲", "96.0 ±1.2  "])
REACHED = Column("reached", ["5/5", "12/15"], right=True)


def printed(columns, symbols=UNICODE, width=80, **options):
    file = io.StringIO()
    print_table(Console(file=file, width=width, **options), columns, symbols)
    return file.getvalue()


def test_columns_are_justified_and_no_wider_than_what_they_hold():
    assert printed([NAME, SCORE, REACHED]).splitlines() == [
        "name        val %        reached",
        "────────────────────────────────",
        "relu        97.2 ±0.4 ▲      5/5",
        "leaky_relu  96.0 ±1.2      12/15",
    ]


def test_a_heading_of_two_lines_stands_at_the_bottom():
    lines = printed([NAME, Column("steps\nto it", ["1", "2"], right=True)]).splitlines()
    assert lines[:2] == ["            steps", "name        to it"]
    assert lines[3] == "relu            1"


def test_in_ascii_the_rule_is_ascii_too():
    text = printed([Column("name", ["relu"]), Column("n", ["5"], right=True)], ASCII)
    assert text.splitlines() == ["name  n", "-------", "relu  5"]


@pytest.mark.parametrize("width", [1, 10, 31])
def test_a_table_wider_than_the_console_is_printed_whole(width):
    assert printed([NAME, SCORE, REACHED], width=width) == printed([NAME, SCORE, REACHED])


def test_styles_colour_the_cells_and_NO_COLOR_leaves_them_plain(monkeypatch):
    styled = [NAME, Column("n", ["1", "2"], styles=["green", ""])]
    assert "\x1b[32m1" in printed(styled, force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in printed(styled, force_terminal=True, color_system="standard")


def test_groups_are_packed_in_order_into_as_few_tables_as_the_width_asks_for():
    # name 10, score 11, reached 7, two blanks between.
    groups = [[SCORE, REACHED], [SCORE], [SCORE]]
    assert blocks([NAME], groups, 58) == [[NAME, SCORE, REACHED, SCORE, SCORE]]
    assert blocks([NAME], groups, 57) == [[NAME, SCORE, REACHED, SCORE], [NAME, SCORE]]
    assert blocks([NAME], groups, 44) == [[NAME, SCORE, REACHED], [NAME, SCORE, SCORE]]
    assert blocks([NAME], groups, 35) == [[NAME, SCORE, REACHED], [NAME, SCORE], [NAME, SCORE]]
    assert blocks([NAME], groups, 5) == [[NAME, SCORE, REACHED], [NAME, SCORE], [NAME, SCORE]]


@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=3), min_size=1, max_size=8),
    st.integers(20, 120),
)
def test_no_column_is_lost_or_torn_from_its_group_and_no_table_is_too_wide_if_it_need_not_be(widths, width):
    groups = [[Column(f"{i}", ["x" * size]) for size in group] for i, group in enumerate(widths)]
    packed = blocks([NAME], groups, width)
    assert all(block[0] is NAME for block in packed)
    assert [column for block in packed for column in block[1:]] == [
        column for group in groups for column in group
    ]
    for block in packed:
        held = {column.heading for column in block[1:]}
        table_width = 10 + sum(2 + column.width for column in block[1:])
        assert table_width <= width or len(held) == 1
    for before, after in pairwise(packed):
        assert not {column.heading for column in before[1:]} & {column.heading for column in after[1:]}
