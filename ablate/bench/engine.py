"""The engine and the whole command, timed: what the rivals are compared with."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ablate.bench.assistant import peak_bytes
from ablate.errors import AblateError
from ablate.execution.executor import Died
from ablate.execution.local import LocalExecutor
from ablate.experiment.plan import Stack
from ablate.experiment.spec import Experiment
from ablate.experiment.toml import to_toml

# Runs of a stack that a worker trains before the clock starts.
_WARM_UP_RUNS = 8
# Exit codes of a command that has trained its grid: all runs finished, or some diverged.
_TRAINED = (0, 3)


@dataclass(frozen=True)
class Engine:
    """All stacks of a plan in warm worker processes.

    Attributes:
        executor: Its workers have the dataset.
        stacks: What they train, in the order of the plan.
    """

    executor: LocalExecutor
    stacks: Sequence[Stack]

    def warm_up(self) -> None:
        """Has every worker train an epoch of a few runs, so that data, libraries and buffers are in place."""
        few = [
            replace(stack, runs=tuple(run.with_settings(epochs=1) for run in stack.runs[:_WARM_UP_RUNS]))
            for stack in self.stacks[: self.executor.jobs]
        ]
        self._train(few)

    def __call__(self) -> float:
        """Trains and evaluates all stacks and returns the seconds that took."""
        start = time.perf_counter()
        self._train(self.stacks)
        return time.perf_counter() - start

    @property
    def peak_bytes(self) -> int | None:
        """The most memory one of its workers has held so far."""
        peaks = [peak_bytes(worker.process.pid) for worker in self.executor.workers.values()]
        return max((peak for peak in peaks if peak is not None), default=None)

    def _train(self, stacks: Sequence[Stack]) -> None:
        for stack, outcome in self.executor.run(stacks, lambda steps: None):
            if isinstance(outcome, Died):
                raise AblateError(f"{stack.label}: {outcome.message}")
            if any(outcome.divergences):
                raise AblateError(
                    f"--lr: runs of {stack.label} diverge, and what stops early cannot be compared; choose a "
                    "smaller rate"
                )


@dataclass(frozen=True)
class Command:
    """`ablate run` in a process of its own.

    Attributes:
        experiment: What it trains.
        options: How, as on its command line.
    """

    experiment: Experiment
    options: Sequence[str]

    def __call__(self) -> float:
        """Runs the command into an empty folder and returns the seconds it took.

        Raises:
            AblateError: It failed.
        """
        with tempfile.TemporaryDirectory(prefix="ablate-") as place:
            file = Path(place) / "experiment.toml"
            file.write_text(to_toml(self.experiment), encoding="utf-8")
            command = [sys.executable, "-m", "ablate", "run", str(file), "--output", f"{place}/results"]
            # The file says all; the user's own variables have been heard already.
            environment = {name: text for name, text in os.environ.items() if not name.startswith("ABLATE_")}
            start = time.perf_counter()
            done = subprocess.run(
                [*command, *self.options], env=environment, capture_output=True, text=True, check=False
            )
            seconds = time.perf_counter() - start
        if done.returncode not in _TRAINED:
            raise AblateError(f"ablate run ended with exit code {done.returncode}: {done.stderr.strip()}")
        return seconds


def options_for(jobs: int, data_dir: Path | None, device: str) -> list[str]:
    """Returns how `ablate run` is to be run, as on its command line."""
    where = ["--data-dir", str(data_dir)] if data_dir else []
    return ["--jobs", str(jobs), "--device", device, *where]
