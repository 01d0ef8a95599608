"""`ablate gate`: judges a candidate against a baseline, for continuous integration."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from ablate.analysis.gate.faults import self_test as trials_of
from ablate.analysis.gate.sides import Side, score
from ablate.analysis.gate.verdict import Comparison, Reason, reasons
from ablate.cli.shared.comparing import BASELINE, CANDIDATE, Judging, default_target, read_sides, side_of
from ablate.cli.shared.confirm import confirmed, scored_runs
from ablate.cli.shared.groups import option, takes_groups
from ablate.cli.shared.output import AsJson, write
from ablate.cli.shared.running import Training
from ablate.cli.shared.stderr import say
from ablate.errors import NothingToShow, SpecError, StoreError
from ablate.experiment.spec import build
from ablate.output.visible import visible
from ablate.report.ci import to_annotations, to_junit, to_summary
from ablate.report.console import console
from ablate.report.dashboards import KINDS, export
from ablate.report.gate import print_comparison, to_json
from ablate.report.simulated import marked
from ablate.store.baseline import read_results, write_baseline

EXIT_CODES = {Reason.REGRESSION: 4, Reason.FAILED_RUNS: 3, Reason.NOT_COMPARABLE: 5}
SELF_TEST_FAILED = 1

# Settings of the simulated results to which the self-test adds faults if the user gives no baseline.
_SIMULATED = {"activation": "relu,tanh", "norm": "off", "dropout": "0,0.5", "seeds": "6", "epochs": "4"}
_SIMULATED_TARGET = 0.8

EPILOG = (
    "Exit codes: 0 passed; 2 wrong usage, or a file that is torn or foreign; 3 runs failed or diverged, or values are "
    "NaN or infinite; 4 a regression, whatever else holds; 5 no baseline, nothing comparable, too few seeds to show "
    "any regression, or a variant or metric of the baseline that is missing in the candidate. Improvements pass."
)


@dataclass(frozen=True)
class Passing:
    """Options of `ablate gate` that relax the conditions under which the gate fails."""

    allow_missing: bool = option(False, help="ignore variants and metrics that the candidate does not have")
    warn_only: bool = option(False, help="report all, exit 0 whatever is found")
    missing_baseline: Literal["error", "warn", "create"] = option(
        "error", help="what to do where there is no baseline yet; create makes it"
    )


@dataclass(frozen=True)
class Outputs:
    """Options of `ablate gate` that say to which files the verdicts are written."""

    junit: Path | None = option(None, metavar="FILE", help="write JUnit XML")
    summary: Path | None = option(
        None,
        metavar="FILE",
        envvar="GITHUB_STEP_SUMMARY",
        help="append Markdown [default: $GITHUB_STEP_SUMMARY, if set]",
    )
    export: list[str] | None = option(
        None,
        metavar="KIND=FILE",
        help=f"write a dashboard's JSON (repeatable): {', '.join(KINDS)}; bigger and smaller is better, or Bencher's "
        "format",
    )
    as_json: AsJson = False

    @property
    def exports(self) -> list[tuple[str, Path]]:
        """The kinds of dashboards and the file for each kind.

        Raises SpecError if a value of the option `--export` is not KIND=FILE.
        """
        pairs = [text.partition("=") for text in self.export or ()]
        for kind, _, file in pairs:
            if kind not in KINDS or not file:
                raise SpecError(f"--export: {kind!r} is not KIND=FILE with a KIND of {', '.join(KINDS)}")
        return [(kind, Path(file)) for kind, _, file in pairs]

    def show(self, comparison: Comparison, why: Sequence[Reason], code: int) -> None:
        """Prints the verdicts, in a GitHub workflow also as annotations."""
        if self.as_json:
            print(to_json(comparison, why, code))
        else:
            print_comparison(comparison, why, console(sys.stdout))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            say("\n".join(to_annotations(comparison, why)))

    def write(self, comparison: Comparison, why: Sequence[Reason]) -> int:
        """Writes all files that can be written. Returns the exit code: 0, or 2 if a file cannot be written."""
        contents: list[tuple[str, Path, str | bytes]]
        contents = [("--export", file, export(comparison, kind)) for kind, file in self.exports]
        contents += [("--junit", self.junit, to_junit(comparison))] if self.junit else []
        contents += [("--summary", self.summary, to_summary(comparison, why))] if self.summary else []
        code = 0
        for name, file, content in contents:
            try:
                write(file, content, name, append=name == "--summary")
            except StoreError as error:
                say(f"ablate: {error}")
                code = error.exit_code
        return code


@takes_groups
def gate(
    baseline: Annotated[Path | None, BASELINE] = None,
    candidate: Annotated[Path | None, CANDIDATE] = None,
    *,
    judging: Judging,
    passing: Passing,
    outputs: Outputs,
    confirm: bool = option(
        False, help="train what regressed again with fresh seeds; only what regresses again fails"
    ),
    training: Training,
    self_test: bool = option(
        False, help="plant faults into a copy of BASELINE or simulated results; they must be found"
    ),
) -> None:
    """Judge a candidate against a baseline, by exit code."""
    # Illegal options raise SpecError before anything is done.
    _ = outputs.exports, judging.metrics, training.trainer, training.workers, training.makes_up
    if self_test:
        raise typer.Exit(0 if _passes_self_test(baseline, judging) else SELF_TEST_FAILED)
    if baseline is None or candidate is None:
        raise SpecError(
            "BASELINE and CANDIDATE: give both, as `ablate gate results/baseline.parquet results/digits`"
        )
    if not os.path.exists(baseline):
        _without_baseline(baseline, candidate, passing)
        return
    sides = read_sides(baseline, candidate)
    comparison = judging.compare(*sides)
    if confirm:
        comparison = confirmed(comparison, sides, judging, training)
    why = reasons(comparison, passing.allow_missing)
    code = 0 if passing.warn_only or not why else EXIT_CODES[why[0]]
    # The verdicts are shown before files are written, because writing can fail.
    outputs.show(comparison, why, code)
    failure = outputs.write(comparison, why)
    raise typer.Exit(code or failure)


def _without_baseline(baseline: Path, candidate: Path, passing: Passing) -> None:
    missing = f"there is no baseline at {str(baseline)!r}"
    make_it = f"make it with `ablate baseline {candidate} -o {baseline}` and commit it"
    advice = f"{make_it}, or give --missing-baseline create"
    if passing.missing_baseline == "error":
        raise NothingToShow(f"{missing}; {advice}")
    if passing.missing_baseline == "warn":
        say(f"ablate: {missing}, so nothing was compared; {advice}")
        return
    stored = read_results(candidate)
    if stored.curves is None:
        raise SpecError(f"CANDIDATE: {str(candidate)!r} is a file; a baseline is made from a results folder")
    target = default_target(stored)
    write_baseline(baseline, score(stored.runs, stored.curves, target), target, stored)
    say(f"ablate: {missing}; it was made from {candidate}")


def _passes_self_test(baseline: Path | None, judging: Judging) -> bool:
    """Runs the self-test on a baseline or on simulated results, and returns whether all trials passed.

    The function prints one line per trial.
    """
    if baseline is None:
        runs = scored_runs([build(_SIMULATED)], _SIMULATED_TARGET, Training(executor="fake", device="cpu"))
        side = Side(runs, _SIMULATED_TARGET)
    else:
        side = side_of(read_results(baseline))
    simulated = bool(side.runs["simulated"].any())
    trials = list(trials_of(side, judging.metrics, judging.alpha))
    for trial in trials:
        found, expected = (", ".join(reasons) or "passed" for reasons in (trial.found, trial.expected))
        mark, wish = ("ok    ", "") if trial.passed else ("WRONG ", f", expected {expected}")
        print(visible(marked(f"{mark} {trial.fault}: {found}{wish}", simulated)))
    passed = sum(trial.passed for trial in trials)
    outcome = "passed" if passed == len(trials) else "failed"
    print(marked(f"self-test {outcome}: {passed} of {len(trials)} trials as expected", simulated))
    return passed == len(trials)
