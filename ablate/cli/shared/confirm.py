"""`ablate gate --confirm`: suspicious variants trained again with fresh seeds."""

import sys
import tempfile
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
from ablate.cli.shared.training import train
from ablate.experiment.spec import FACTORS, SHARED, Experiment, build
from ablate.report.numbers import counted


def confirmed(
    comparison: Comparison, sides: tuple[Side, Side], judging: Judging, training: Training
) -> Comparison:
    """Returns the comparison with each regression confirmed by fresh seeds, or taken back to inconclusive.

    The suspicious variants, all of them if the mean over variants is suspicious, are trained with as many fresh seeds
    as the baseline has, and compared with the baseline's runs. Nothing is stored.

    Raises:
        SpecError: The candidate's experiment cannot be trained here.
        DataError: Its dataset cannot be read.
    """
    suspicious = [finding for finding in comparison.findings if _is_suspicious(finding)]
    if not suspicious:
        return comparison
    baseline, candidate = sides
    seeds = _fresh_seeds(sides, len(comparison.baseline_seeds))
    print(
        f"Confirming {counted(len(suspicious), 'regression')} with {counted(len(seeds), 'fresh seed')}.",
        file=sys.stderr,
    )
    variants = _variants(match(baseline, candidate).candidate, {finding.variant for finding in suspicious})
    runs = scored_runs(
        [_experiment(candidate, variant, seeds) for variant in variants], candidate.target, training
    )
    names = {finding.metric for finding in suspicious}
    metrics = [metric for metric in judging.metrics if metric.name in names]
    repeated = {
        (finding.variant, finding.metric): finding.verdict
        for finding in compare(baseline, replace(candidate, runs=runs), metrics, judging.alpha).findings
    }
    findings = tuple(
        _judged_again(finding, repeated.get((finding.variant, finding.metric), Verdict.INCONCLUSIVE))
        if _is_suspicious(finding)
        else finding
        for finding in comparison.findings
    )
    return replace(comparison, findings=findings)


def _is_suspicious(finding: Finding) -> bool:
    return finding.verdict is Verdict.REGRESSED and finding.decides and finding.cause is Cause.MEASURED


def _judged_again(finding: Finding, verdict: Verdict) -> Finding:
    """Returns a suspicious finding after its variant was judged again with fresh seeds."""
    if verdict is Verdict.REGRESSED or verdict is Verdict.FAILED:
        return replace(finding, note="confirmed with fresh seeds")
    return replace(finding, verdict=Verdict.INCONCLUSIVE, note=f"not confirmed: {verdict} with fresh seeds")


def _variants(runs: pd.DataFrame, names: set[str]) -> list[dict[str, str]]:
    """Returns the dataset, model and factors of each variant of these names."""
    chosen = runs if EVERY in names else runs[runs["variant"].isin(names)]
    rows = chosen.drop_duplicates("variant")[["dataset", "model", *FACTORS]]
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _fresh_seeds(sides: Sequence[Side], count: int) -> list[int]:
    first = max(int(side.runs["seed"].max()) for side in sides) + 1
    return list(range(first, first + count))


def _experiment(candidate: Side, variant: dict[str, str], seeds: list[int]) -> Experiment:
    names = [name for name in SHARED if name in Experiment.model_fields and name in candidate.settings]
    return build({name: candidate.settings[name] for name in names} | variant | {"seeds": seeds})


def scored_runs(experiments: Sequence[Experiment], target: float, training: Training) -> pd.DataFrame:
    """Trains experiments that share their data, stores nothing, and returns their runs scored for the gate.

    Args:
        experiments: Their runs are trained together.
        target: Validation accuracy that steps are counted to.
        training: What trains them.

    Raises:
        SpecError: An experiment cannot be trained here.
        DataError: The dataset cannot be read.
    """
    simulated = training.simulates()
    runs = tuple(run for experiment in experiments for run in runs_of(experiment, simulated))
    with tempfile.TemporaryDirectory(prefix="ablate-") as path:
        grid = Grid(experiments[0], runs, Path(path), statuses={})
        train(grid, training.plan(grid), training)
        return score(grid.folder.read("runs"), grid.folder.read("curves"), target)
