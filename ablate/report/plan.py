"""The plan of a grid as text: its numbers of levels, the stored runs, and the estimated cost of the runs to train."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ablate.experiment.grid import Run
from ablate.experiment.levels import NONE, label
from ablate.experiment.memory import PROCESS_BYTES
from ablate.experiment.plan import Plan
from ablate.experiment.spec import FACTORS, Experiment
from ablate.experiment.tuning import TUNED
from ablate.report.numbers import counted, duration
from ablate.report.simulated import marked
from ablate.store.status import DIVERGED, FAILED, FINISHED

# Settings that other lines of the plan show.
_SHOWN_ELSEWHERE = ("dataset", "model", "seeds", "shard")


def plan_text(
    experiment: Experiment,
    runs: Sequence[Run],
    statuses: Mapping[str, str],
    plan: Plan,
    jobs: int,
    folder: Path,
) -> str:
    """Returns the plan of a grid as a few lines of text.

    `runs` holds the runs of the grid or of its shard. `statuses` maps the ids of stored runs to their statuses. `plan`
    holds the runs to train. `jobs` is the number of workers wanted.
    """
    train, val, test = experiment.split_sizes
    stored = [statuses.get(run.run_id) for run in runs]
    samples = f"{train} training, {val} validation, {test} test samples"
    lines = [
        marked(f"{experiment.dataset}, {experiment.model}: {samples}", runs[0].simulated),
        product_line(experiment),
        *([] if experiment.shard.is_whole else [f"shard {experiment.shard}: {counted(len(runs), 'run')}"]),
        f"{folder}: {stored.count(FINISHED)} done, {stored.count(DIVERGED)} diverged, {stored.count(FAILED)} failed, "
        f"{stored.count(None)} missing",
    ]
    if not plan.stacks:
        return "\n".join([*lines, "nothing to train"])
    sizes = sorted(len(stack.runs) for stack in plan.stacks)
    span = counted(sizes[0], "run") if sizes[0] == sizes[-1] else f"{sizes[0]} to {sizes[-1]} runs"
    again = sum(run.run_id in statuses for stack in plan.stacks for run in stack.runs)
    to_train = counted(sum(sizes), "run") + (f" ({again} of them again)" if again else "")
    workers = counted(plan.workers, "worker") + (
        f" of {jobs}, for lack of memory" if plan.workers < jobs else ""
    )
    memory = (plan.worker_bytes + PROCESS_BYTES) / 1e9
    lines += [
        f"to train: {to_train} in {counted(len(plan.stacks), 'stack')} of {span}, "
        f"{workers}, {counted(plan.run_steps, 'run-step')}",
        f"about {duration(plan.seconds)} and {memory:.1f} GB a worker (an estimate from sizes, nothing was timed)",
    ]
    return "\n".join(lines)


def product_line(experiment: Experiment) -> str:
    """Returns the numbers of levels as a product, such as `9 activation x 2 norm x 3 dropout x 5 seeds = 270 runs`.

    The text in brackets after the product lists the factors with one level and the settings that differ from their
    defaults.
    """
    counts = {name: len(getattr(experiment, name)) for name in FACTORS}
    varied = [f"{count} {name}" for name, count in counts.items() if count > 1]
    resolved = {"channels": experiment.channels_of(experiment.channels[0])}
    resolved["hidden"] = experiment.hidden_of(experiment.hidden[0])
    levels = {name: label(resolved.get(name, getattr(experiment, name)[0])) for name in FACTORS}
    fixed = [
        f"{name}={levels[name]}"
        for name, count in counts.items()
        if count == 1 and levels[name] != NONE and not (name == TUNED and experiment.tune)
    ]
    fixed += [
        f"{name}={'on' if value is True else 'off' if value is False else label(value)}"
        for name, field in Experiment.model_fields.items()
        if name not in (*FACTORS, *_SHOWN_ELSEWHERE) and (value := getattr(experiment, name)) != field.default
    ]
    product = " x ".join([*varied, counted(len(experiment.seeds), "seed")])
    return f"{product} = {counted(experiment.size, 'run')} ({', '.join(fixed)})"
