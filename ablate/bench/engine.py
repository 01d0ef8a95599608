"""The two contestants that use ablate: the engine (worker processes that already run) and the command `ablate run`."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ablate.bench.timing import seconds_of
from ablate.bench.warm_process import peak_bytes
from ablate.errors import AblateError
from ablate.execution.local import LocalExecutor
from ablate.execution.retry import train_stacks
from ablate.execution.scratch import temporary_folder
from ablate.experiment.plan import Stack
from ablate.experiment.spec import Experiment
from ablate.experiment.toml import to_toml

# Number of runs that a worker trains as a stack before the clock starts.
_WARM_UP_RUNS = 8
# Exit codes of a command that has trained its grid: 0 if all runs finished, 3 if some diverged.
_TRAINED = (0, 3)


@dataclass(frozen=True)
class Engine:
    """The contestant `engine`, which trains all stacks of a plan in the workers of an executor.

    The method `use` of the executor must have been called with the dataset first.
    """

    executor: LocalExecutor
    stacks: Sequence[Stack]

    def warm_up(self) -> None:
        """Trains a few runs for one epoch in every worker, so that the worker loads the data and makes its buffers."""
        few = [
            replace(stack, runs=tuple(run.with_settings(epochs=1) for run in stack.runs[:_WARM_UP_RUNS]))
            for stack in self.stacks[: self.executor.jobs]
        ]
        self._train(few)

    def __call__(self) -> float:
        """Trains and evaluates all stacks of the plan and returns the elapsed seconds."""
        return seconds_of(lambda: self._train(self.stacks))

    @property
    def peak_bytes(self) -> int | None:
        """The peak memory of the worker process that has used the most memory so far, in bytes."""
        peaks = [peak_bytes(worker.process.pid) for worker in self.executor.workers.values()]
        return max((peak for peak in peaks if peak is not None), default=None)

    def _train(self, stacks: Sequence[Stack]) -> None:
        for stack, outcome in train_stacks(self.executor, stacks, lambda steps: None):
            if isinstance(outcome, str):
                raise AblateError(f"{stack.label}: {outcome}")
            if any(outcome.divergences):
                raise AblateError(
                    f"--lr: runs of {stack.label} diverge, and runs that stop early cannot be compared; "
                    "choose a smaller rate"
                )


def run_command(experiment: Experiment, jobs: int, device: str, data_dir: Path | None) -> float:
    """Runs the command `ablate run` in a process of its own, with an empty results folder; returns the elapsed seconds.

    Raises:
        AblateError: The command failed.
    """
    with temporary_folder() as folder:
        file = Path(folder) / "experiment.toml"
        file.write_text(to_toml(experiment), encoding="utf-8")
        command = [sys.executable, "-m", "ablate", "run", str(file), "--output", f"{folder}/results"]
        command += ["--jobs", str(jobs), "--device", device]
        command += ["--data-dir", str(data_dir)] if data_dir else []
        return seconds_of(lambda: _run(command))


def _run(command: Sequence[str]) -> None:
    # The file holds all settings, including those from the user's environment variables.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ABLATE_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in _TRAINED:
        raise AblateError(f"ablate run ended with exit code {done.returncode}: {done.stderr.strip()}")
