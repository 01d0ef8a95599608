"""Progress of training: a live bar on a terminal, otherwise periodic status lines and one line per finished stack."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ablate.report.console import console
from ablate.report.numbers import counted, duration
from ablate.report.simulated import marked
from ablate.store.status import FINISHED

HEARTBEAT_SECONDS = 30.0
_REFRESH_SECONDS = 0.1
_PACE_WIDTH = 48


class Progress:
    """Shows the progress of training as a bar on an interactive console, or as lines on any other console.

    `clock` is a function that returns a time in seconds. This time never decreases.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console, self._clock = console, clock
        self._total_runs = self._total_steps = self._steps = 0
        self._statuses: Counter[str] = Counter()
        self._began = self._last_shown = 0.0
        self._simulated = False
        # No thread refreshes the bar, because worker processes may be forked while the bar is shown.
        off: dict[str, Any] = dict.fromkeys(("auto_refresh", "redirect_stdout", "redirect_stderr"), False)
        runs, pace = TextColumn("{task.fields[runs]}"), TextColumn("{task.fields[pace]}")
        self._bar = Bar(
            runs, BarColumn(bar_width=None), pace, console=console, transient=True, expand=True, **off
        )

    @classmethod
    @contextmanager
    def on_stderr(cls) -> Iterator[Self]:
        """Yields a `Progress` that prints to stderr.

        At the end of the `with` block, the display of progress ends, even after an error.
        """
        progress = cls(console(sys.stderr), time.monotonic)
        try:
            yield progress
        finally:
            progress.finish()

    def start(self, total_runs: int, total_steps: int, *, simulated: bool = False) -> None:
        """Starts the display of progress. `total_steps` is the number of training steps, summed over all runs."""
        self._total_runs, self._total_steps, self._simulated = total_runs, total_steps, simulated
        self._began = self._last_shown = self._clock()
        if self._console.is_interactive:
            self._bar.add_task("", total=total_steps, **self._texts())
            self._bar.start()

    def advance(self, run_steps: int) -> None:
        """Adds to the progress the number of training steps since the last call, summed over all runs."""
        self._steps += run_steps
        now = self._clock()
        if self._console.is_interactive:
            if now - self._last_shown >= _REFRESH_SECONDS:
                self._move_bar(now)
        elif now - self._last_shown >= HEARTBEAT_SECONDS:
            self._line(f"{self._count()} training  {self._pace()}")

    def stack_finished(self, label: str, statuses: Mapping[str, int], seconds: float) -> None:
        """Adds a finished stack of runs to the progress.

        `label` names the stack, `statuses` maps each status to a number of runs, and `seconds` is the duration.
        """
        self._statuses.update(statuses)
        failures = _failures(statuses)
        if not self._console.is_interactive:
            self._line(f"{self._count()} {label}  {failures or 'ok'}  {duration(seconds)}{self._eta()}")
            return
        if failures:
            self._line(f"{label}: {failures}")
        self._move_bar(self._clock())

    def finish(self) -> None:
        """Removes the bar and prints the number of finished runs and the total duration. A second call does nothing."""
        if not self._total_runs:
            return
        if self._console.is_interactive:
            self._bar.stop()
        done = self._statuses.total()
        runs = counted(done, "run") if done == self._total_runs else f"{done:,} of {self._total_runs:,} runs"
        took = f"{runs} in {duration(self._elapsed())}, {self._rate():,.0f} run-steps/s"
        self._line("; ".join(filter(None, (took, _failures(self._statuses)))))
        self._total_runs = 0

    def _move_bar(self, now: float) -> None:
        self._last_shown = now
        self._bar.update(self._bar.task_ids[0], completed=self._steps, refresh=True, **self._texts())

    def _texts(self) -> dict[str, Any]:
        """Returns the texts to the left and to the right of the bar.

        The texts are padded so that the bar keeps its length.
        """
        total = f"{self._total_runs:,}"
        runs = f"{self._statuses.total():>{len(total)},}/{total} runs"
        return {"runs": marked(runs, self._simulated), "pace": f"{self._pace():{_PACE_WIDTH}}"}

    def _line(self, text: str) -> None:
        self._last_shown = self._clock()
        self._console.print(Text(marked(text, self._simulated)), soft_wrap=True)

    def _count(self) -> str:
        total = str(self._total_runs)
        return f"[{self._statuses.total():>{len(total)}}/{total}]"

    def _pace(self) -> str:
        share = self._steps / self._total_steps if self._total_steps else 1.0
        return f"{share:.0%}  {duration(self._elapsed())}{self._eta()}  {self._rate():,.0f} run-steps/s"

    def _eta(self) -> str:
        left = self._total_steps - self._steps
        if not self._rate() or self._statuses.total() == self._total_runs:
            return ""
        return f"  eta {duration(left / self._rate())}"

    def _elapsed(self) -> float:
        return self._clock() - self._began

    def _rate(self) -> float:
        elapsed = self._elapsed()
        return self._steps / elapsed if elapsed > 0 else 0.0


def _failures(statuses: Mapping[str, int]) -> str:
    """Returns the number of unfinished runs by status, such as `2 diverged, 1 failed`."""
    return ", ".join(
        f"{count} {status}" for status, count in sorted(statuses.items()) if status != FINISHED and count
    )
