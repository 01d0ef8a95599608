"""Runs checks, with a limit of seconds for each; whatever happens to one, the next one runs.

`python -m tests.cuda.check.checks MODULE,MODULE ...` runs those of some modules in a process of its own, which is how
stages call it on a GPU: an illegal memory access ends the process, and what comes later starts in a fresh one.
"""

import argparse
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

from tests.cuda.check.report import Report

# With fewer seconds left a check is skipped.
SHORTEST = 5


class Check(NamedTuple):
    """A check and its limit.

    Attributes:
        function: Takes the device (`cuda`, or `cpu` in a dry run, where sizes are tiny) and the report.
        seconds: After these it is interrupted.
    """

    function: Callable[[str, Report], None]
    seconds: int


class OutOfTime(BaseException):
    """A check has reached its limit; no `Exception`, so that no check takes it for a failure of its own."""


def checks_of(modules: Sequence[str]) -> dict[str, Check]:
    """Returns the checks of modules of this package by title, in order."""
    checks: dict[str, Check] = {}
    for module in modules:
        checks |= import_module(f"tests.cuda.check.{module}").CHECKS
    return checks


def run_checks(checks: Mapping[str, Check], device: str, report: Report, seconds: float) -> None:
    """Runs checks in order; an error is recorded and the next check starts.

    Args:
        checks: By title.
        device: `cuda`, or `cpu` for a dry run.
        report: Takes the findings.
        seconds: For all of them.
    """
    end = time.monotonic() + seconds
    for title, check in checks.items():
        report.check = title
        begin = time.monotonic()
        left = int(end - begin)
        report.say(f"- {title}")
        if left < SHORTEST:
            report.skipped(f"{left} s left")
            continue
        try:
            with _limited_to(min(check.seconds, left)):
                check.function(device, report)
        except (Exception, OutOfTime) as error:
            report.failed("ended early", error)
        report.say(f"  {time.monotonic() - begin:.1f} s")


@contextmanager
def _limited_to(seconds: int) -> Iterator[None]:
    """Raises `OutOfTime` in the block after some seconds, as soon as Python gets to run."""

    def interrupt(number: int, frame: object) -> NoReturn:
        raise OutOfTime(f"limit of {seconds} s reached")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Runs the checks of some modules in this process.")
    parser.add_argument("modules", type=lambda text: text.split(","))
    parser.add_argument("--stage", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--seconds", required=True, type=int)
    given = parser.parse_args()
    # Only now, because it brings torch with it, which reads the environment.
    from ablate.training.backend import set_environment

    set_environment()
    from tests.cuda.check.engine import as_in_a_worker

    with as_in_a_worker(given.device):
        report = Report(given.output, given.stage)
        run_checks(checks_of(given.modules), given.device, report, given.seconds)


if __name__ == "__main__":
    _main()
