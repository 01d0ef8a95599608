import io
import re

import pytest
from rich.console import Console

from ablate.report.progress import Progress


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def file():
    return io.StringIO()


@pytest.fixture
def lines(file, clock):
    """A progress that is not on a terminal."""
    return Progress(Console(file=file, width=1000, force_terminal=False), clock)


@pytest.fixture
def live(file, clock):
    """A progress on a terminal."""
    return Progress(
        Console(file=file, width=80, force_terminal=True, color_system=None, _environ={"TERM": "xterm"}),
        clock,
    )


def frames(file):
    """Returns what stood on the terminal one after the other, without escape codes."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    return [part.rstrip() for part in re.split(r"[\r\n]+", text) if part.strip()]


def test_elsewhere_each_stack_is_a_line_with_the_runs_done_and_the_time_left(lines, clock, file):
    lines.start(total_runs=270, total_steps=1000)
    clock.now += 5
    lines.advance(200)
    lines.stack_finished("relu gelu norm=batch seeds 0-1", {"finished": 48}, 3.1)
    assert file.getvalue() == "[ 48/270] relu gelu norm=batch seeds 0-1  ok  3.1 s  eta 20 s\n"


def test_a_stack_with_failures_says_how_many_of_which_kind(lines, file):
    lines.start(10, 1000)
    lines.stack_finished("tanh norm=off seed 0", {"failed": 1, "finished": 5, "diverged": 2}, 12.0)
    assert file.getvalue() == "[ 8/10] tanh norm=off seed 0  2 diverged, 1 failed  12 s\n"


def test_after_the_last_stack_no_time_is_left(lines, clock, file):
    lines.start(2, 100)
    clock.now += 1
    lines.advance(100)
    lines.stack_finished("relu", {"finished": 2}, 1.0)
    assert file.getvalue() == "[2/2] relu  ok  1.0 s\n"


def test_a_sign_of_life_comes_every_30_seconds_and_no_sooner_after_any_line(lines, clock, file):
    lines.start(4, 1000)
    for _ in range(59):
        clock.now += 1
        lines.advance(10)
    assert file.getvalue() == "[0/4] training  30%  30 s  eta 1 min 10 s  10 run-steps/s\n"
    lines.stack_finished("relu", {"finished": 1}, 59.0)
    file.truncate(file.seek(0))
    for _ in range(29):
        clock.now += 1
        lines.advance(10)
    assert file.getvalue() == ""
    clock.now += 1
    lines.advance(10)
    assert file.getvalue() == "[1/4] training  89%  1 min 29 s  eta 11 s  10 run-steps/s\n"


def test_at_the_end_stands_what_was_done(lines, clock, file):
    lines.start(3, 100_000)
    clock.now += 2
    lines.advance(100_000)
    lines.stack_finished("relu", {"finished": 2, "diverged": 1}, 2.0)
    file.truncate(file.seek(0))
    lines.finish()
    assert file.getvalue() == "3 runs in 2.0 s, 50,000 run-steps/s; 1 diverged\n"


def test_an_end_before_all_runs_are_done_says_so(lines, clock, file):
    lines.start(1500, 1000)
    clock.now += 10
    lines.advance(500)
    lines.finish()
    assert file.getvalue() == "0 of 1,500 runs in 10 s, 50 run-steps/s\n"


def test_it_ends_once_and_only_if_it_began(lines, file):
    lines.finish()
    assert file.getvalue() == ""
    lines.start(1, 1)
    lines.finish()
    once = file.getvalue()
    lines.finish()
    assert file.getvalue() == once


def test_elsewhere_nothing_is_animated(lines, clock, file):
    lines.start(1, 100)
    for _ in range(100):
        clock.now += 0.2
        lines.advance(1)
    lines.stack_finished("relu", {"finished": 1}, 20.0)
    lines.finish()
    assert "\x1b" not in file.getvalue()
    assert "\r" not in file.getvalue()
    assert len(file.getvalue().splitlines()) == 2


def test_on_a_terminal_a_bar_moves(live, clock, file):
    live.start(270, 1000)
    clock.now += 5
    live.advance(200)
    live.stack_finished("relu", {"finished": 48}, 3.1)
    first, *_, last = frames(file)
    assert re.fullmatch(r"  0/270 runs +0%  0\.0 s  0 run-steps/s", first)
    assert re.fullmatch(r" 48/270 runs ━+[╸╺]? +20%  5\.0 s  eta 20 s  40 run-steps/s", last)
    assert "ok" not in file.getvalue()


def test_on_a_terminal_the_bar_is_drawn_at_most_ten_times_a_second(live, clock, file):
    live.start(1, 1000)
    before = len(frames(file))
    for _ in range(100):
        clock.now += 0.01
        live.advance(1)
    assert 8 <= len(frames(file)) - before <= 10


def test_on_a_terminal_failures_stay_above_the_bar(live, file):
    live.start(2, 100)
    live.stack_finished("relu norm=off seed 0", {"diverged": 1}, 3.1)
    assert "relu norm=off seed 0: 1 diverged" in frames(file)
    assert frames(file)[-1].startswith("1/2 runs")


def test_on_a_terminal_the_bar_is_gone_at_the_end_and_the_cursor_back(live, clock, file):
    live.start(1, 100)
    clock.now += 1
    live.advance(100)
    live.stack_finished("relu", {"finished": 1}, 1.0)
    live.finish()
    assert file.getvalue().endswith("\x1b[2K1 run in 1.0 s, 100 run-steps/s\n")
    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h") == 1


def test_a_dumb_terminal_gets_lines(clock, file):
    dumb = Progress(Console(file=file, force_terminal=True, _environ={"TERM": "dumb"}), clock)
    dumb.start(1, 100)
    dumb.stack_finished("relu", {"finished": 1}, 1.0)
    assert file.getvalue() == "[1/1] relu  ok  1.0 s\n"


def test_on_stderr_it_ends_whatever_happens(capsys):
    def breaks_off():
        with Progress.on_stderr() as progress:
            progress.start(5, 100)
            raise KeyError

    with pytest.raises(KeyError):
        breaks_off()
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"0 of 5 runs in 0\.\d s, 0 run-steps/s\n", err)
