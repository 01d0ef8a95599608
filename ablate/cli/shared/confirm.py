"""`ablate gate --confirm`: suspicious variants trained again with seeds nobody has seen."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ablate.analysis.gate import compare
from ablate.analysis.gate_match import Side, match, score
from ablate.analysis.gate_verdict import EVERY, Cause, Comparison, Finding, Verdict
from ablate.cli.shared.comparing import Judging
from ablate.cli.shared.running import DataDir, DeviceOption, ExecutorName, Jobs, plan_for, runs_of
from ablate.cli.shared.training import executor_for, train
from ablate.execution.devices import device_for
from ablate.experiment.spec import FACTORS, SHARED, Experiment, build
from ablate.report.numbers import counted
from ablate.store.parquet import ResultsFolder

Confirm = Annotated[
    bool,
    typer.Option(
        "--confirm", help="train what regressed again with fresh seeds; only what regresses again fails"
    ),
]


@dataclass(frozen=True)
class Confirming:
    """Whether and how suspicious variants are trained again."""

    confirm: Confirm = False
    executor: ExecutorName = "local"
    jobs: Jobs = "auto"
    data_dir: DataDir = None
    device: DeviceOption = "auto"


def confirmed(
    comparison: Comparison, sides: tuple[Side, Side], judging: Judging, confirming: Confirming
) -> Comparison:
    """Returns the comparison with each regression confirmed by fresh seeds, or taken back to inconclusive.

    The suspicious variants, all of them if the mean over variants is suspicious, are trained with as many fresh seeds
    as the baseline has, and compared with the baseline's runs. Nothing is stored.

    Raises:
        SpecError: The candidate's experiment cannot be trained here.
        DataError: Its dataset cannot be read.
    """
    suspicious = [each for each in comparison.findings if _is_suspicious(each)]
    if not suspicious:
        return comparison
    baseline, candidate = sides
    runs = _runs_to_repeat(match(baseline, candidate).candidate, {each.variant for each in suspicious})
    seeds = _fresh_seeds(sides, len(comparison.baseline_seeds))
    print(
        f"Confirming {counted(len(suspicious), 'regression')} with {counted(len(seeds), 'fresh seed')}.",
        file=sys.stderr,
    )
    fresh = _trained([_experiment(candidate, row, seeds) for row in runs], candidate, confirming)
    metrics = [metric for metric in judging.metrics if metric.name in {each.metric for each in suspicious}]
    again = compare(baseline, replace(candidate, runs=fresh), metrics, judging.alpha)
    found = {(each.variant, each.metric): each for each in again.findings}
    findings = tuple(
        _judged_again(each, found.get((each.variant, each.metric))) if _is_suspicious(each) else each
        for each in comparison.findings
    )
    return replace(comparison, findings=findings)


def _is_suspicious(finding: Finding) -> bool:
    return finding.verdict is Verdict.REGRESSED and finding.decides and finding.cause is Cause.MEASURED


def _judged_again(finding: Finding, again: Finding | None) -> Finding:
    verdict = again.verdict if again else Verdict.INCONCLUSIVE
    if verdict is Verdict.REGRESSED or verdict is Verdict.FAILED:
        return replace(finding, note="confirmed with fresh seeds")
    return replace(finding, verdict=Verdict.INCONCLUSIVE, note=f"not confirmed: {verdict} with fresh seeds")


def _runs_to_repeat(runs: pd.DataFrame, variants: set[str]) -> list[dict[str, str]]:
    chosen = runs if EVERY in variants else runs[runs["variant"].isin(variants)]
    rows = chosen.drop_duplicates("variant")[["dataset", "model", *FACTORS]]
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _fresh_seeds(sides: Sequence[Side], count: int) -> list[int]:
    first = max(int(side.runs["seed"].max()) for side in sides) + 1
    return list(range(first, first + count))


def _experiment(candidate: Side, row: dict[str, str], seeds: list[int]) -> Experiment:
    names = [name for name in SHARED if name in Experiment.model_fields and name in candidate.settings]
    shared = {name: candidate.settings[name] for name in names}
    return build(shared | row | {"seeds": seeds})


def _trained(experiments: Sequence[Experiment], candidate: Side, confirming: Confirming) -> pd.DataFrame:
    first, device = experiments[0], device_for(confirming.device)
    runs = [run for experiment in experiments for run in runs_of(experiment, confirming.executor)]
    plan, workers = plan_for(runs, first, confirming.jobs, device)
    with tempfile.TemporaryDirectory(prefix="ablate-") as place:
        folder = ResultsFolder(Path(place))
        with executor_for(
            confirming.executor, first, confirming.data_dir, plan, workers, device, folder
        ) as ready:
            train(first, plan, ready, folder, fail_fast=False)
        return score(folder.read("runs"), folder.read("curves"), candidate.target)
