"""`ablate bench`: the engine against its rivals on this machine, or the cost of a step of each variant."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ablate.bench.rivals import RIVALS, rivals_for
from ablate.cli.shared.benching import print_bench, say, setting_of
from ablate.cli.shared.grid import runs_of
from ablate.cli.shared.groups import takes_groups
from ablate.cli.shared.options import experiment_group
from ablate.cli.shared.output import AsJson
from ablate.cli.shared.running import Machine
from ablate.errors import NothingToShow, SpecError
from ablate.execution.devices import Device
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.parsers import whole
from ablate.experiment.spec import Experiment
from ablate.report.bench import (
    contest_json,
    contest_notes,
    contest_section,
    step_costs_json,
    step_costs_section,
)
from ablate.store.parquet import ResultsFolder
from ablate.store.provenance import provenance
from ablate.store.step_costs import write_step_costs
from ablate.training.backend import PROCESS, set_environment

BENCH = "How it is measured"
# Ten epochs are long enough for the engine to outweigh the calls around it, short enough for a first look.
BenchOptions = Annotated[Experiment, experiment_group(epochs=10)]

Rounds = Annotated[
    str, typer.Option("--rounds", help="how often everything is timed, in turn", rich_help_panel=BENCH)
]
Rivals = Annotated[
    str | None,
    typer.Option(
        "--rivals",
        metavar="NAMES",
        help=f"{','.join(RIVALS)}; vmap is for mlp, graph for CUDA [default: all that can]",
        show_default=False,
        rich_help_panel=BENCH,
    ),
]
PerVariant = Annotated[
    bool,
    typer.Option(
        "--per-variant",
        help="instead: the cost of a step of each variant, alone in its stack, in one process",
        rich_help_panel=BENCH,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="RESULTS",
        help="with --per-variant: results folder to store the costs in, for seconds to target in its report",
        show_default=False,
        rich_help_panel=BENCH,
    ),
]


@takes_groups
def bench(
    experiment: BenchOptions,
    machine: Machine,
    rounds: Rounds = "3",
    rivals: Rivals = None,
    per_variant: PerVariant = False,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Time the engine against plain loops, or what a step of each variant costs."""
    times = _rounds(rounds)
    plain = experiment.model_copy(update={"tune": (), "diagnostics": False})
    if plain != experiment:
        say("--tune and --diagnostics are left out: what is timed is the training of the grid")
    machine.check(plain)
    if per_variant:
        if rivals is not None:
            raise SpecError("--rivals: there are none with --per-variant; leave one of them out")
        _bench_variants(plain, machine.data_dir, machine.trainer, times, output, as_json)
        return
    if output is not None:
        raise SpecError(
            "-o/--output: only what --per-variant measures is stored; add it, or leave -o out and use --json"
        )
    _bench_rivals(plain, machine, times, rivals, as_json)


def _bench_rivals(
    experiment: Experiment, machine: Machine, rounds: int, rivals: str | None, as_json: bool
) -> None:
    jobs, data_dir, device = machine.workers, machine.data_dir, machine.trainer
    names = rivals_for(rivals, device.kind, experiment.model)
    if experiment.precision != "fp32":
        raise SpecError(
            f"--precision: rivals multiply in fp32 alone, not {experiment.precision!r}; leave it out, or give "
            "--per-variant"
        )
    own = [name for name in experiment.activation if name not in ACTIVATIONS]
    if own:
        raise SpecError(
            f"--activation: rivals know torch's own functions alone, not {own[0]!r}; leave it out, or give "
            "--per-variant"
        )
    runs = runs_of(experiment)
    with tempfile.TemporaryDirectory(prefix="ablate-") as place:
        set_environment()
        # Imported here because they bring torch with them, which `--help` does without.
        from ablate.bench.arena import Terms, hold_contest
        from ablate.bench.stand_in import at_hand_or_random
        from ablate.data.arrays import prepare

        data = at_hand_or_random(experiment, data_dir, Path(place))
        setting = setting_of(experiment, runs, jobs, rounds, data.is_random)
        arrays = prepare(data.experiment, data_dir)
        say(f"{setting.workload}; starting and warming up the workers and {', '.join(names)}")
        contest = hold_contest(
            data.experiment,
            arrays,
            Terms(jobs, rounds, names, device, data_dir),
            lambda number, name: say(f"round {number + 1} of {rounds}: {name}"),
        )
    if as_json:
        print(contest_json(contest, setting))
        return
    section = contest_section(contest)
    print_bench(setting, section, contest_notes(contest, setting))


def _bench_variants(
    experiment: Experiment,
    data_dir: Path | None,
    device: Device,
    rounds: int,
    output: Path | None,
    as_json: bool,
) -> None:
    runs = runs_of(experiment)
    folder = None if output is None else ResultsFolder(output)
    if folder:
        if not folder.statuses():
            raise NothingToShow(f"{str(output)!r} holds no runs; train some with `ablate run -o {output}`")
        folder.ensure_same_data(runs[0].data)
    with tempfile.TemporaryDirectory(prefix="ablate-") as place:
        set_environment()
        from ablate.bench.arena import measure_step_costs
        from ablate.bench.stand_in import at_hand_or_random
        from ablate.data.arrays import prepare

        data = at_hand_or_random(experiment, data_dir, Path(place))
        setting = setting_of(experiment, runs, 1, rounds, data.is_random)
        arrays = prepare(data.experiment, data_dir)
        costs = measure_step_costs(
            experiment,
            runs,
            arrays,
            rounds,
            device,
            lambda number, name: say(f"round {number + 1} of {rounds}: {name}"),
        )
    if folder:
        write_step_costs(folder.path, costs, provenance() | PROCESS)
    relu = costs.loc[costs["activation"] == "relu", "variant"]
    reference = str((costs["variant"] if relu.empty else relu).iloc[0])
    if as_json:
        print(step_costs_json(costs, reference, setting))
        return
    print_bench(setting, step_costs_section(costs, reference), [])


def _rounds(given: str) -> int:
    try:
        return int(whole(1, 1000)(given))
    except ValueError as error:
        raise SpecError(f"--rounds: {error}") from None
