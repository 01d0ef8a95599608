"""The steps of `ablate bench` around a measurement: preparing data, describing the machine and printing the table."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.cli.shared.output import print_table
from ablate.cli.shared.stderr import say
from ablate.execution.devices import available_cores
from ablate.execution.scratch import temporary_folder
from ablate.experiment.cost import step_count
from ablate.experiment.grid import Run
from ablate.experiment.plan import sizes_of
from ablate.experiment.spec import Experiment
from ablate.report.bench import Setting, head
from ablate.report.console import console
from ablate.report.plan import product_line
from ablate.report.sections import Section
from ablate.store.provenance import provenance
from ablate.training.backend import set_environment

if TYPE_CHECKING:
    from ablate.data.arrays import Arrays

# If the load per core is above `_BUSY`, other processes noticeably slow down the timed code.
_BUSY = 0.3
_SHOWN = {"cpu": "cpu", "cores": "cores", "torch": "torch", "python": "Python", "system": "system"}


@dataclass(frozen=True)
class Workload:
    """An experiment and its data, ready for a measurement. The data are random if the dataset is not on disk."""

    experiment: Experiment
    arrays: "Arrays"
    setting: Setting

    def on_lap(self, number: int, name: str) -> None:
        """Prints the number of the current round and the name of the contestant or variant that is measured next."""
        say(f"round {number + 1} of {self.setting.rounds}: {name}")


@contextmanager
def prepared(
    experiment: Experiment, runs: Sequence[Run], data_dir: Path | None, jobs: int, rounds: int
) -> Iterator[Workload]:
    """Prepares this process and the data of a grid for a measurement, and warns if the machine is busy."""
    with temporary_folder() as folder:
        set_environment()
        # Imported here because these modules load torch, which `--help` does not need.
        from ablate.bench.stand_in import on_data_at_hand
        from ablate.data.arrays import prepare

        usable = on_data_at_hand(experiment, data_dir, Path(folder))
        sizes, about = sizes_of(experiment), provenance()
        steps = sum(step_count(run, sizes) for run in runs)
        product = product_line(experiment)
        workload = f"{experiment.dataset}, {experiment.model}: {product}, {steps:,} run-steps"
        machine = {label: about[name] for name, label in _SHOWN.items()} | {"jobs": str(jobs)} | _load()
        note = ""
        if usable is not experiment:
            note = f"{experiment.dataset} is not on disk: random data of its shape and size instead"
            say(note)
        setting = Setting(workload, machine, jobs, rounds, note)
        yield Workload(usable, prepare(usable, data_dir), setting)


def _load() -> dict[str, str]:
    """Returns the load of the machine before the measurement. Warns if the load is high enough to distort the times."""
    if not hasattr(os, "getloadavg"):
        return {}
    load = os.getloadavg()[0]
    if load > _BUSY * available_cores():
        say(
            f"the machine is busy (load {load:.1f} on {available_cores()} cores): these times are unreliable, "
            "most of all those of rivals with more than one thread"
        )
    return {"load before": f"{load:.1f}"}


def print_bench(setting: Setting, section: Section, notes: Sequence[str] = ()) -> None:
    """Prints a benchmark: the workload and the machine, the table of times, and notes that explain the table."""
    out = console(sys.stdout)
    for line in (*head(setting), ""):
        out.print(line)
    print_table(section)
    for line in notes:
        out.print(line)
