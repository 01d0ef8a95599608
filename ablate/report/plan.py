"""The plan of a grid as text: the product of its levels, what of it is stored, and about what the rest takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ablate.experiment.grid import Run
from ablate.experiment.levels import NONE, label
from ablate.experiment.plan import Plan
from ablate.experiment.spec import FACTORS, Experiment
from ablate.experiment.tuning import TUNED
from ablate.report.numbers import counted, duration
from ablate.store.status import DIVERGED, FAILED, FINISHED

# Settings that the lines of a plan tell of in another way.
_SHOWN_ELSEWHERE = ("dataset", "model", "seeds")
# What a worker takes besides its stack: the interpreter and torch.
PROCESS_BYTES = 450e6


def plan_text(
    experiment: Experiment,
    runs: Sequence[Run],
    statuses: Mapping[str, str],
    plan: Plan,
    jobs: int,
    folder: Path,
) -> str:
    """Returns the plan in a few lines.

    Args:
        experiment: The grid.
        runs: All its runs.
        statuses: Status of each stored run, by id.
        plan: Of the runs that are to be trained.
        jobs: Number of workers.
        folder: Where results go.
    """
    train, val, test = experiment.split_sizes
    stored = [statuses.get(run.run_id) for run in runs]
    missing, to_train = stored.count(None), sum(len(stack.runs) for stack in plan.stacks)
    lines = [
        f"{experiment.dataset}, {experiment.model}: {train} training, {val} validation, {test} test samples",
        product_line(experiment, len(runs)),
        f"{folder}: {stored.count(FINISHED)} done, {stored.count(DIVERGED)} diverged, {stored.count(FAILED)} failed, "
        f"{missing} missing",
    ]
    if not plan.stacks:
        return "\n".join([*lines, "nothing to train"])
    sizes = sorted({len(stack.runs) for stack in plan.stacks})
    span = counted(sizes[0], "run") if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} runs"
    memory = (plan.worker_bytes + PROCESS_BYTES) / 1e9
    return "\n".join(
        [
            *lines,
            f"to train: {counted(to_train, 'run')} in {counted(len(plan.stacks), 'stack')} of {span}, "
            f"{counted(jobs, 'worker')}, {counted(plan.run_steps, 'run-step')}",
            f"about {duration(plan.seconds)} and {memory:.1f} GB a worker (an estimate from sizes, nothing was timed)",
        ]
    )


def product_line(experiment: Experiment, runs: int) -> str:
    """Returns the product of the levels, `9 activation x 2 norm x 3 dropout x 5 seeds = 270 runs`.

    What all runs share stands behind it: factors of one level, and other settings where they are not the defaults.
    """
    counts = {name: len(getattr(experiment, name)) for name in FACTORS}
    shown = [f"{count} {name}" for name, count in counts.items() if count > 1]
    resolved = {
        "channels": experiment.channels_of(experiment.channels[0]),
        "hidden": experiment.hidden_of(experiment.hidden[0]),
    }
    levels = {name: label(resolved.get(name, getattr(experiment, name)[0])) for name in FACTORS}
    fixed = [
        f"{name}={levels[name]}"
        for name, count in counts.items()
        if count == 1 and levels[name] != NONE and not (name == TUNED and experiment.tune)
    ]
    fixed += [
        f"{name}={_shown(value)}"
        for name, field in Experiment.model_fields.items()
        if name not in (*FACTORS, *_SHOWN_ELSEWHERE) and (value := getattr(experiment, name)) != field.default
    ]
    product = " x ".join([*shown, counted(len(experiment.seeds), "seed")])
    return f"{product} = {counted(runs, 'run')} ({', '.join(fixed)})"


def _shown(value: object) -> str:
    """Returns a setting that is no factor as text: rates to choose from separated by strokes, a switch as on or off."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "/".join(map(label, value)) if isinstance(value, tuple) else label(value)
