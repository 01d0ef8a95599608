"""What `ablate bench` says around its tables: what was measured on what, and how far it is."""

import os
import sys
from collections.abc import Sequence

from ablate.execution.devices import available_cores
from ablate.experiment.cost import step_count
from ablate.experiment.grid import Run
from ablate.experiment.plan import sizes_of
from ablate.experiment.spec import Experiment
from ablate.report.bench import Setting, head
from ablate.report.console import console
from ablate.report.numbers import symbols_for
from ablate.report.plan import product_line
from ablate.report.sections import print_section
from ablate.report.tables import Section
from ablate.store.provenance import provenance

# Load a core above which others take so much of it that times are theirs too.
_BUSY = 0.3
_SHOWN = {"cpu": "cpu", "cores": "cores", "torch": "torch", "python": "Python", "system": "system"}


def setting_of(
    experiment: Experiment, runs: Sequence[Run], jobs: int, rounds: int, is_random: bool
) -> Setting:
    """Returns what a bench measures on what, and warns of what will be in its way.

    Args:
        experiment: The grid as it was asked for.
        runs: All that it has.
        jobs: Worker processes.
        rounds: How often everything is timed.
        is_random: Whether random numbers stand in for the dataset.
    """
    sizes = sizes_of(experiment)
    steps = sum(step_count(run, sizes) for run in runs)
    workload = f"{experiment.dataset}, {experiment.model}: {product_line(experiment, len(runs))}, {steps:,} run-steps"
    about = provenance()
    machine = {label: about[name] for name, label in _SHOWN.items()} | {"jobs": str(jobs)} | _load()
    note = f"{experiment.dataset} is not at hand: random data of its shape and sizes instead"
    if is_random:
        say(note)
    return Setting(workload, machine, jobs, rounds, note if is_random else "")


def _load() -> dict[str, str]:
    """Returns how many processes were at work before this one, and warns if they will be in the way."""
    if not hasattr(os, "getloadavg"):
        return {}
    load = os.getloadavg()[0]
    if load > _BUSY * available_cores():
        say(
            f"the machine is busy (load {load:.1f} on {available_cores()} cores): these times will say little, "
            "those of rivals with more than one thread least"
        )
    return {"load before": f"{load:.1f}"}


def print_bench(setting: Setting, section: Section, notes: Sequence[str]) -> None:
    """Prints what was measured on what, the table, and how to read it."""
    out = console(sys.stdout)
    for line in head(setting):
        out.print(line)
    out.print()
    print_section(section, out, symbols_for(out.encoding))
    for line in notes:
        out.print(line)


def say(text: str) -> None:
    """Tells people how far it is."""
    print(text, file=sys.stderr, flush=True)
