"""Measurements in rounds: all processes are started and warmed up first, then one contestant is timed after another."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pandas as pd

from ablate.bench.contest import COMMAND, ENGINE, Contest, OnLap, Spread, in_rounds
from ablate.bench.engine import Engine, run_command
from ablate.bench.gemm import GemmProbe, prepare_gemm
from ablate.bench.rivals import RIVALS
from ablate.bench.step_costs import by_cost, prepare_step_costs
from ablate.bench.training import prepare_rival
from ablate.bench.warm_process import WarmProcess, peak_bytes
from ablate.bench.workload import contestants, units_for
from ablate.data.arrays import Arrays
from ablate.execution.devices import Device
from ablate.execution.local import LocalExecutor
from ablate.experiment.grid import Run, expand, variant_name, varied
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import COST_FACTORS, Experiment

GEMM = "gemm"


def hold_contest(
    experiment: Experiment,
    arrays: Arrays,
    names: Sequence[str],
    jobs: int,
    rounds: int,
    device: Device,
    data_dir: Path | None,
    on_lap: OnLap,
) -> Contest:
    """Times `ablate run`, the engine (ablate's worker processes) and the named rivals on the same grid and data.

    `data_dir` is the folder that holds torchvision's dataset folders.

    Raises:
        AblateError: A process has died, the command failed, or a run of the engine diverged.
    """
    runs, sizes = expand(experiment), sizes_of(experiment, arrays.classes)
    plan = make_plan(runs, sizes, jobs, device.share(jobs))
    with ExitStack() as running:
        executor = running.enter_context(LocalExecutor(min(jobs, len(plan.stacks)), len(device.memory)))
        executor.use(arrays)
        engine = Engine(executor, plan.stacks)
        engine.warm_up()
        rivals, data = {}, (executor.folder, experiment.evals_per_epoch, device.kind)
        for name in names:
            prepare = partial(prepare_rival, name, units_for(name, runs), *data)
            process = WarmProcess(RIVALS[name].label, prepare, RIVALS[name].is_tuned)
            rivals[name] = running.enter_context(process)
        probes = [
            running.enter_context(WarmProcess(GEMM, partial(prepare_gemm, device.kind)))
            for _ in range(jobs if device.kind == "cpu" else 1)
        ]
        gemm = GemmProbe(probes)
        command = partial(run_command, experiment, jobs, device.kind, data_dir)
        laps: dict[str, Callable[[], float]] = {COMMAND: command, ENGINE: engine, **rivals, GEMM: gemm}
        seconds = in_rounds(laps, rounds, on_lap)
        peaks = {name: peak_bytes(rival.process.pid) for name, rival in rivals.items()}
        peaks |= {COMMAND: None, ENGINE: engine.peak_bytes}
    rates = seconds.pop(GEMM)
    return Contest(contestants(runs, names, sizes, jobs), seconds, rates, gemm.usual_backend, peaks)


def measure_step_costs(
    experiment: Experiment, runs: Sequence[Run], arrays: Arrays, rounds: int, device: Device, on_lap: OnLap
) -> pd.DataFrame:
    """Returns a table with the time of a training step, one row per group of `step_costs.by_cost`.

    The table has the column `variant` and the columns of `store.schema.STEP_COSTS`. Each group is timed once per round.

    Raises:
        AblateError: The process that measures has died, or all runs of a group diverge before the timing starts.
    """
    stacks = by_cost(runs)
    factors = tuple(factor for factor in varied(experiment) if factor in COST_FACTORS)
    with LocalExecutor(0) as executor:  # no workers; only its fork server and folder are used
        executor.use(arrays)
        prepare = partial(prepare_step_costs, stacks, executor.folder, device.kind)
        with WarmProcess[list[float]]("step costs", prepare) as process:
            costs = in_rounds({"all variants": process}, rounds, on_lap)["all variants"]
    rows = []
    for stack, seconds in zip(stacks, zip(*costs, strict=True), strict=True):
        settings, spread = stack[0].settings_as_stored(), Spread.of(seconds)
        row = {"variant": variant_name(stack[0], factors)} | {name: settings[name] for name in COST_FACTORS}
        row |= {"runs": len(stack), "rounds": rounds, "device": device.kind, "step_seconds": spread.median}
        rows.append(row | {"step_seconds_low": spread.low, "step_seconds_high": spread.high})
    return pd.DataFrame(rows)
