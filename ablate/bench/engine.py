"""The engine and the whole command: what the rivals are compared with."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ablate.bench.timing import seconds_of
from ablate.bench.warm_process import peak_bytes
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
    """Trains all stacks of a plan in the warm worker processes of an executor that has been given the dataset."""

    executor: LocalExecutor
    stacks: Sequence[Stack]

    def warm_up(self) -> None:
        """Trains a few runs for one epoch in every worker, so that data, libraries and buffers are in place."""
        few = [
            replace(stack, runs=tuple(run.with_settings(epochs=1) for run in stack.runs[:_WARM_UP_RUNS]))
            for stack in self.stacks[: self.executor.jobs]
        ]
        self._train(few)

    def __call__(self) -> float:
        """Trains and evaluates all stacks and returns the seconds it took."""
        return seconds_of(lambda: self._train(self.stacks))

    @property
    def peak_bytes(self) -> int | None:
        """The largest memory that one of its workers has held so far, in bytes."""
        peaks = [peak_bytes(worker.process.pid) for worker in self.executor.workers.values()]
        return max((peak for peak in peaks if peak is not None), default=None)

    def _train(self, stacks: Sequence[Stack]) -> None:
        for stack, outcome in self.executor.run(stacks, lambda steps: None):
            if isinstance(outcome, Died):
                raise AblateError(f"{stack.label}: {outcome.message}")
            if any(outcome.divergences):
                raise AblateError(
                    f"--lr: runs of {stack.label} diverge, and runs that stop early cannot be compared; "
                    "choose a smaller rate"
                )


def run_command(experiment: Experiment, jobs: int, device: str, data_dir: Path | None) -> float:
    """Runs `ablate run` in a process of its own into an empty folder and returns the seconds it took.

    Raises:
        AblateError: It failed.
    """
    with tempfile.TemporaryDirectory(prefix="ablate-") as folder:
        file = Path(folder) / "experiment.toml"
        file.write_text(to_toml(experiment), encoding="utf-8")
        command = [sys.executable, "-m", "ablate", "run", str(file), "--output", f"{folder}/results"]
        command += ["--jobs", str(jobs), "--device", device]
        command += ["--data-dir", str(data_dir)] if data_dir else []
        return seconds_of(lambda: _run(command))


def _run(command: Sequence[str]) -> None:
    # The file holds all settings, including those that came from the user's environment.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ABLATE_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in _TRAINED:
        raise AblateError(f"ablate run ended with exit code {done.returncode}: {done.stderr.strip()}")
