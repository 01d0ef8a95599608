"""Measurements in rounds: all processes are started and warm, and one contestant works at a time."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from ablate.bench.contest import COMMAND, ENGINE, Contest, OnLap, Spread, in_rounds
from ablate.bench.engine import Engine, run_command
from ablate.bench.gemm import GemmProbe, prepare_gemm
from ablate.bench.rivals import RIVALS
from ablate.bench.step_costs import by_cost, prepare_step_costs
from ablate.bench.training import prepare_rival
from ablate.bench.warm_process import WarmProcess
from ablate.bench.workload import contestants, units_for
from ablate.data.arrays import Arrays
from ablate.execution.devices import Device
from ablate.execution.local import LocalExecutor
from ablate.experiment.grid import Run, expand, variant_name, varied
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import COST_FACTORS, Experiment

GEMM = "gemm"


@dataclass(frozen=True)
class ContestOptions:
    """How a contest is run.

    Attributes:
        jobs: Worker processes of the engine.
        rounds: How often each contestant is timed.
        rivals: Their names.
        device: What all contestants train on.
        data_dir: Folder of torchvision's datasets, for the whole command.
    """

    jobs: int
    rounds: int
    rivals: Sequence[str]
    device: Device
    data_dir: Path | None


def hold_contest(experiment: Experiment, arrays: Arrays, options: ContestOptions, on_lap: OnLap) -> Contest:
    """Returns the times of the whole command, the engine and its rivals on a grid.

    Args:
        experiment: The grid.
        arrays: Its data.
        options: How it is run.
        on_lap: Called before each measurement with the round, counted from 0, and the name of what is timed.

    Raises:
        AblateError: A process has died, or the command failed.
    """
    jobs, device = options.jobs, options.device
    runs, sizes = expand(experiment), sizes_of(experiment, arrays.classes)
    plan = make_plan(runs, sizes, jobs, device.share(jobs))
    with ExitStack() as running:
        executor = running.enter_context(LocalExecutor(min(jobs, len(plan.stacks)), len(device.memory)))
        executor.use(arrays)
        engine = Engine(executor, plan.stacks)
        engine.warm_up()
        rivals = _rivals(runs, executor.folder, experiment.evals_per_epoch, options, running)
        probes = [
            running.enter_context(WarmProcess(GEMM, partial(prepare_gemm, device.kind)))
            for _ in range(jobs if device.kind == "cpu" else 1)
        ]
        gemm = GemmProbe(probes)
        command = partial(run_command, experiment, jobs, device.kind, options.data_dir)
        laps: dict[str, Callable[[], float]] = {COMMAND: command, ENGINE: engine, **rivals, GEMM: gemm}
        seconds = in_rounds(laps, options.rounds, on_lap)
        peaks = {name: process.peak_bytes for name, process in rivals.items()}
        peaks |= {COMMAND: None, ENGINE: engine.peak_bytes}
    rates = seconds.pop(GEMM)
    return Contest(contestants(runs, options.rivals, sizes, jobs), seconds, rates, gemm.usual_backend, peaks)


def measure_step_costs(
    experiment: Experiment, runs: Sequence[Run], arrays: Arrays, rounds: int, device: Device, on_lap: OnLap
) -> pd.DataFrame:
    """Returns the columns of `store.schema.STEP_COSTS` and `variant`, one row per variant with a cost of its own.

    Args:
        experiment: The grid.
        runs: All its runs.
        arrays: Its data.
        rounds: How often each variant is timed.
        device: What it is trained on.
        on_lap: Called before each round.

    Raises:
        AblateError: The process has died, or a variant diverges at once.
    """
    stacks = by_cost(runs)
    factors = tuple(factor for factor in varied(experiment) if factor in COST_FACTORS)
    with LocalExecutor(0) as executor:  # without workers: for its fork server and its folder
        executor.use(arrays)
        prepare = partial(prepare_step_costs, stacks, executor.folder, device.kind)
        with WarmProcess[list[float]]("step costs", prepare) as process:
            costs = in_rounds({"all variants": process}, rounds, on_lap)["all variants"]
    spreads = [Spread.of(seconds) for seconds in zip(*costs, strict=True)]
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
    runs: Sequence[Run], folder: Path, evals_per_epoch: int, options: ContestOptions, running: ExitStack
) -> Mapping[str, WarmProcess[float]]:
    """Returns the processes of the rivals by name, started and warm."""
    processes = {}
    for name in options.rivals:
        units, rival = units_for(name, runs), RIVALS[name]
        prepare = partial(prepare_rival, name, units, folder, evals_per_epoch, options.device.kind)
        process = WarmProcess(rival.label, prepare, rival.is_tuned)
        processes[name] = running.enter_context(process)
    return processes
