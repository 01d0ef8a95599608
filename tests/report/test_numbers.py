import math

import pytest

from ablate.report.numbers import (
    ASCII,
    NATS,
    PERCENT,
    STEPS,
    UNICODE,
    Cell,
    aligned,
    counted,
    duration,
    mean_and_spread,
    steps_cell,
    symbols_for,
)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-16", "gb18030"])
def test_encodings_that_have_the_symbols_get_them(encoding):
    assert symbols_for(encoding) is UNICODE


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "no such encoding"])
def test_encodings_that_lack_one_get_ascii(encoding):
    assert symbols_for(encoding) is ASCII
    "".join((ASCII.best, ASCII.worst, ASCII.plus_minus, ASCII.at_least)).encode("ascii")


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (PERCENT, 0.97249, "97.2"),
        (PERCENT, 1.0, "100.0"),
        (PERCENT, -0.0004, "0.0"),
        (PERCENT, -0.012, "-1.2"),
        (NATS, 0.0456, "0.046"),
        (STEPS, 122.6, "123"),
        (STEPS, math.nan, "-"),
    ],
)
def test_a_unit_writes_its_numbers(unit, value, text):
    assert unit.text(value) == text


def test_a_mean_has_its_spread_beside_it_unless_there_is_but_one_seed():
    assert mean_and_spread(0.972, 0.0041, PERCENT, UNICODE) == Cell("97.2", "±0.4")
    assert mean_and_spread(0.972, 0.0041, PERCENT, ASCII) == Cell("97.2", "+-0.4")
    assert mean_and_spread(0.972, math.nan, PERCENT, UNICODE) == Cell("97.2", "")


def test_steps_are_a_lower_bound_where_runs_are_censored():
    assert steps_cell(123.4, 8.2, 5, 5, UNICODE) == Cell("123", "±8")
    assert steps_cell(430.0, 20.0, 3, 5, UNICODE) == Cell("≥430", "±20")
    assert steps_cell(430.0, 20.0, 3, 5, ASCII) == Cell(">=430", "+-20")
    assert steps_cell(540.0, 0.0, 0, 5, UNICODE) == Cell(">540", "")
    assert steps_cell(math.nan, math.nan, 0, 5, UNICODE) == Cell("-", "")


def test_the_parts_of_a_column_are_set_below_one_another():
    cells = [Cell("97.2", "±0.4", "▲"), Cell("9.1", "±10.4"), Cell("-", "")]
    assert aligned(cells) == ["97.2 ±0.4  ▲", " 9.1 ±10.4  ", "   -        "]
    assert aligned([Cell("1", ""), Cell("20", "")]) == [" 1", "20"]


def test_nouns_are_counted():
    assert [counted(number, "run") for number in (0, 1, 2, 1200)] == [
        "0 runs",
        "1 run",
        "2 runs",
        "1,200 runs",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (3.14, "3.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (4020, "1 h 07 min"),
        (100_000, "27 h 47 min"),
    ],
)
def test_durations_are_written_for_people(seconds, text):
    assert duration(seconds) == text
