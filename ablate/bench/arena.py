"""Where contests are held: all processes started and warm, everybody timed once a round, nothing else at work."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from ablate.bench.assistant import Assistant
from ablate.bench.contest import COMMAND, ENGINE, Contest, Spread, in_rounds
from ablate.bench.engine import Command, Engine, options_for
from ablate.bench.gemm import Rates, faster, prepare_gemm
from ablate.bench.rivals import RIVALS
from ablate.bench.step_costs import Variants, by_cost, prepare_step_costs
from ablate.bench.training import Task, prepare_rival
from ablate.bench.workload import contestants, units_for
from ablate.data.arrays import Arrays
from ablate.execution.devices import Device
from ablate.execution.local import LocalExecutor
from ablate.experiment.grid import Run, expand, variant_name, varied
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import COST_FACTORS, Experiment

GEMM = "gemm"

Told = Callable[[int, str], None]


@dataclass(frozen=True)
class Terms:
    """How a contest is held.

    Attributes:
        jobs: Worker processes of the engine.
        rounds: How often everybody is timed.
        rivals: Their names.
        device: What everybody trains on.
        data_dir: For the whole command.
    """

    jobs: int
    rounds: int
    rivals: Sequence[str]
    device: Device
    data_dir: Path | None


@dataclass
class Gemm:
    """The machine's rate of products, measured in several processes at once.

    Attributes:
        assistants: The processes.
        backends: The faster one, of each time it was measured.
    """

    assistants: Sequence[Assistant[Rates]]
    backends: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        """Returns operations a second, summed over the processes."""
        for assistant in self.assistants:
            assistant.ask()
        backend, rate = faster([assistant.answer() for assistant in self.assistants])
        self.backends.append(backend)
        return rate


def hold_contest(experiment: Experiment, arrays: Arrays, terms: Terms, told: Told) -> Contest:
    """Returns the times of the whole command, the engine and its rivals on a grid.

    Args:
        experiment: The grid.
        arrays: Its data.
        terms: How.
        told: Called before each time with the round, from 0, and who is timed.

    Raises:
        AblateError: A process has died, or the command failed.
    """
    runs, sizes = expand(experiment), sizes_of(experiment, arrays.classes)
    plan = make_plan(runs, sizes, terms.jobs, terms.device.share(terms.jobs))
    with ExitStack() as running:
        executor = running.enter_context(
            LocalExecutor(min(terms.jobs, len(plan.stacks)), len(terms.device.memory))
        )
        executor.use(arrays)
        engine = Engine(executor, plan.stacks)
        engine.warm_up()
        rivals = _rivals(runs, executor.folder, experiment.evals_per_epoch, terms, running)
        gemm = Gemm(
            [
                running.enter_context(Assistant(GEMM, partial(prepare_gemm, terms.device.kind)))
                for _ in range(terms.jobs if terms.device.kind == "cpu" else 1)
            ]
        )
        command = Command(experiment, options_for(terms.jobs, terms.data_dir, terms.device.kind))
        laps: dict[str, Callable[[], float]] = {COMMAND: command, ENGINE: engine, **rivals, GEMM: gemm}
        found = in_rounds(laps, terms.rounds, told)
        peaks = {name: assistant.peak_bytes for name, assistant in rivals.items()}
        peaks |= {COMMAND: None, ENGINE: engine.peak_bytes}
    rate = found.pop(GEMM)
    backend = max(gemm.backends, key=gemm.backends.count)
    return Contest(contestants(runs, terms.rivals, sizes, terms.jobs), found, rate, backend, peaks)


def measure_step_costs(
    experiment: Experiment, runs: Sequence[Run], arrays: Arrays, rounds: int, device: Device, told: Told
) -> pd.DataFrame:
    """Returns the columns of `store.schema.STEP_COSTS` and `variant`, one row a variant whose step may cost otherwise.

    Args:
        experiment: The grid.
        runs: All its runs.
        arrays: Its data.
        rounds: How often each variant is timed.
        device: What it is trained on.
        told: Called before each round.

    Raises:
        AblateError: The process has died, or a variant diverges at once.
    """
    stacks = by_cost(runs)
    factors = tuple(factor for factor in varied(experiment) if factor in COST_FACTORS)
    with LocalExecutor(0) as nobody:  # for its fork server and its folder
        nobody.use(arrays)
        prepare = partial(prepare_step_costs, Variants(stacks, nobody.folder, device.kind))
        with Assistant[list[float]]("step costs", prepare) as assistant:
            found = in_rounds({"all variants": assistant}, rounds, told)["all variants"]
    spreads = [Spread.of(seconds) for seconds in zip(*found, strict=True)]
    return pd.DataFrame(
        [
            {"variant": variant_name(stack[0], factors)}
            | {name: value for name, value in stack[0].settings_as_stored().items() if name in COST_FACTORS}
            | {"runs": len(stack), "rounds": rounds, "step_seconds": spread.median}
            | {"step_seconds_low": spread.low, "step_seconds_high": spread.high, "device": device.kind}
            for stack, spread in zip(stacks, spreads, strict=True)
        ]
    )


def _rivals(
    runs: Sequence[Run], folder: Path, evals_per_epoch: int, terms: Terms, running: ExitStack
) -> Mapping[str, Assistant[float]]:
    """Returns the rivals by name, ready and warm."""
    found = {}
    for name in terms.rivals:
        task = Task(name, units_for(name, runs), folder, evals_per_epoch, terms.device.kind)
        assistant = Assistant(RIVALS[name].label, partial(prepare_rival, task), RIVALS[name].is_tuned)
        found[name] = running.enter_context(assistant)
    return found
