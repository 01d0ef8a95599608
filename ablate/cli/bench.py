"""`ablate bench`: times ablate's training engine and its rivals on this machine, or a training step of each variant."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ablate.bench.rivals import RIVALS, rivals_for
from ablate.cli.shared.benching import prepared, print_bench
from ablate.cli.shared.grid import runs_of
from ablate.cli.shared.groups import option, takes_groups
from ablate.cli.shared.options import experiment_group
from ablate.cli.shared.output import AsJson
from ablate.cli.shared.places import output_path
from ablate.cli.shared.running import Machine
from ablate.cli.shared.stderr import say
from ablate.errors import NothingToShow, SpecError
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.memory import shares
from ablate.experiment.parsers import whole
from ablate.experiment.plan import sizes_of
from ablate.experiment.shards import WHOLE
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
from ablate.training.backend import PROCESS

# Ten epochs of training take much longer than the calls around the training, and the benchmark is still short.
BenchOptions = Annotated[Experiment, experiment_group(epochs=10)]


@dataclass(frozen=True)
class Measuring:
    """Options that say what is measured, how often, and where the results are stored."""

    rounds: str = option("3", help="how often everything is timed, in turn")
    rivals: str | None = option(
        None,
        metavar="NAMES",
        help=f"{','.join(RIVALS)}; vmap is for mlp, graph for CUDA [default: all that can]",
    )
    per_variant: bool = option(
        False, help="instead: the cost of a step of each variant, alone in its stack, in one process"
    )
    output: Path | None = option(
        None,
        "-o",
        "--output",
        parser=output_path,
        metavar="RESULTS",
        help="with --per-variant: results folder to store the costs in, for seconds to target in its report",
    )
    as_json: AsJson = False

    def number_of_rounds(self) -> int:
        """Returns the number of rounds. Raises SpecError if the number is not a whole number from 1 to 1000."""
        try:
            return int(whole(1, 1000)(self.rounds))
        except ValueError as error:
            raise SpecError(f"--rounds: {error}") from None


@takes_groups
def bench(experiment: BenchOptions, machine: Machine, measuring: Measuring) -> None:
    """Time the engine against plain loops, or what a step of each variant costs."""
    rounds = measuring.number_of_rounds()
    plain = experiment.model_copy(update={"tune": (), "diagnostics": False, "shard": WHOLE})
    if plain != experiment:
        say("--tune, --diagnostics and --shard are ignored: the training of the whole grid is what is timed")
    machine.check(plain)
    shares(
        runs_of(plain), sizes_of(plain), machine.workers, machine.memory_limits
    )  # refuses what does not fit
    if measuring.per_variant:
        if measuring.rivals is not None:
            raise SpecError("--rivals: there are none with --per-variant; leave one of them out")
        _bench_variants(plain, machine, measuring, rounds)
    else:
        if measuring.output is not None:
            raise SpecError(
                "-o/--output: only what --per-variant measures is stored; add it, or leave -o out and use --json"
            )
        _bench_rivals(plain, machine, measuring, rounds)


def _bench_rivals(experiment: Experiment, machine: Machine, measuring: Measuring, rounds: int) -> None:
    device, jobs = machine.trainer, machine.workers
    rivals = rivals_for(measuring.rivals, device.kind, experiment.model)
    remedy = "leave it out, or give --per-variant"
    if experiment.precision != "fp32":
        raise SpecError(f"--precision: rivals multiply only in fp32, not {experiment.precision!r}; {remedy}")
    own = [name for name in experiment.activation if name not in ACTIVATIONS]
    if own:
        raise SpecError(f"--activation: rivals know only torch's own functions, not {own[0]!r}; {remedy}")
    with prepared(experiment, runs_of(experiment), machine.data_dir, jobs, rounds) as work:
        # Imported here because this module loads torch, which `--help` does not need.
        from ablate.bench.measure import hold_contest

        say(f"{work.setting.workload}; starting and warming up the workers and {', '.join(rivals)}")
        contest = hold_contest(
            work.experiment, work.arrays, rivals, jobs, rounds, device, machine.data_dir, work.on_lap
        )
    if measuring.as_json:
        print(contest_json(contest, work.setting))
    else:
        print_bench(work.setting, contest_section(contest), contest_notes(contest, work.setting))


def _bench_variants(experiment: Experiment, machine: Machine, measuring: Measuring, rounds: int) -> None:
    runs, output = runs_of(experiment), measuring.output
    folder = None if output is None else ResultsFolder(output)
    if folder:
        if not folder.statuses():
            raise NothingToShow(f"{str(output)!r} holds no runs; train some with `ablate run -o {output}`")
        folder.ensure_same_data(runs[0].data)
    with prepared(experiment, runs, machine.data_dir, jobs=1, rounds=rounds) as work:
        from ablate.bench.measure import measure_step_costs

        costs = measure_step_costs(experiment, runs, work.arrays, rounds, machine.trainer, work.on_lap)
    if folder:
        write_step_costs(folder.path, costs, provenance() | PROCESS, runs[0].data)
    relu = costs.loc[costs["activation"] == "relu", "variant"]
    reference = str((costs["variant"] if relu.empty else relu).iloc[0])
    if measuring.as_json:
        print(step_costs_json(costs, reference, work.setting))
    else:
        print_bench(work.setting, step_costs_section(costs, reference))
