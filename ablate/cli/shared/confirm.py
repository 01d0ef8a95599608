"""`ablate gate --confirm`: trains variants with a regression again, with fresh seeds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ablate.analysis.gate.compare import compare
from ablate.analysis.gate.match import match
from ablate.analysis.gate.sides import Side, score
from ablate.analysis.gate.verdict import EVERY, Cause, Comparison, Finding, Verdict
from ablate.cli.shared.comparing import Judging
from ablate.cli.shared.grid import Grid, runs_of
from ablate.cli.shared.running import Training
from ablate.cli.shared.stderr import say
from ablate.cli.shared.training import train
from ablate.execution.scratch import temporary_folder
from ablate.experiment.spec import FACTORS, SHARED, Experiment, build
from ablate.report.numbers import counted


def confirmed(
    comparison: Comparison, sides: tuple[Side, Side], judging: Judging, training: Training
) -> Comparison:
    """Tests each regression of a comparison again with fresh seeds.

    If fresh seeds do not confirm a regression, its verdict becomes inconclusive. Each variant with a regression is
    trained with as many fresh seeds as the baseline has, and compared with the baseline's runs. If the mean over
    variants shows a regression, all variants are trained. Nothing is stored.

    Raises:
        SpecError: The candidate's experiment cannot be trained on this machine.
        DataError: The dataset cannot be read.
    """
    suspicious = [
        finding
        for finding in comparison.findings
        if finding.verdict is Verdict.REGRESSED and finding.decides and finding.cause is Cause.MEASURED
    ]
    if not suspicious:
        return comparison
    first = max(int(side.runs["seed"].max()) for side in sides) + 1
    seeds = list(range(first, first + len(comparison.baseline_seeds)))
    say(f"Confirming {counted(len(suspicious), 'regression')} with {counted(len(seeds), 'fresh seed')}.")
    baseline, candidate = sides
    experiments = _experiments(sides, {finding.variant for finding in suspicious}, seeds)
    runs = scored_runs(experiments, candidate.target, training)
    names = {finding.metric for finding in suspicious}
    metrics = [metric for metric in judging.metrics if metric.name in names]
    again = compare(baseline, replace(candidate, runs=runs), metrics, judging.alpha)
    verdicts = {(finding.variant, finding.metric): finding.verdict for finding in again.findings}
    findings = (
        _judged_again(finding, verdicts.get((finding.variant, finding.metric), Verdict.INCONCLUSIVE))
        if finding in suspicious
        else finding
        for finding in comparison.findings
    )
    return replace(comparison, findings=tuple(findings))


def _judged_again(finding: Finding, verdict: Verdict) -> Finding:
    """Returns the finding of a regression, updated with the verdict from fresh seeds."""
    if verdict in (Verdict.REGRESSED, Verdict.FAILED):
        return replace(finding, note="confirmed with fresh seeds")
    return replace(finding, verdict=Verdict.INCONCLUSIVE, note=f"not confirmed: {verdict} with fresh seeds")


def _experiments(sides: tuple[Side, Side], variants: set[str], seeds: list[int]) -> list[Experiment]:
    """Returns one experiment for each variant to train again, with the candidate's settings and the given seeds."""
    runs, settings = match(*sides).candidate, sides[1].settings
    chosen = runs if EVERY in variants else runs[runs["variant"].isin(variants)]
    rows = chosen.drop_duplicates("variant")[["dataset", "model", *FACTORS]].to_dict("records")
    shared = {name: settings[name] for name in SHARED if name in settings} | {"seeds": seeds}
    return [build(shared | {str(name): value for name, value in row.items()}) for row in rows]


def scored_runs(experiments: Sequence[Experiment], target: float, training: Training) -> pd.DataFrame:
    """Trains experiments, which all have the same data, and returns the runs with all columns that a gate judges.

    No results are stored. `target` is the validation accuracy that defines steps to target. The function raises the
    same errors as `train`.
    """
    simulated = training.simulates()
    runs = tuple(run for experiment in experiments for run in runs_of(experiment, simulated))
    with temporary_folder() as path:
        grid = Grid(experiments[0], runs, Path(path), {}, runs[0])
        train(grid, training.plan(grid), training)
        return score(grid.folder.read("runs"), grid.folder.read("curves"), target)
