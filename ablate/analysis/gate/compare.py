"""The gate: a candidate's results judged against a baseline's, variant by variant and metric by metric.

A regression has to be large (a mean loss of at least the metric's margin) and certain (`gate.statistics`: p at most
alpha over all questions of the gate together). Unchanged is said where the 95 % interval lies within the margin, and
never for lack of evidence: that is inconclusive. If the sides change places, improved and regressed do, and so do
`failed` and the improvement of what is well again; the other verdicts stay.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ablate.analysis.gate.exact import exact_findings
from ablate.analysis.gate.match import Match, Side, match
from ablate.analysis.gate.statistics import Answers, answer, mean_over_seeds
from ablate.analysis.gate.status import status_finding
from ablate.analysis.gate.values import Seeds, Soundness, Values
from ablate.analysis.gate.verdict import EVERY, STATUS, Cause, Comparison, Finding, Verdict
from ablate.analysis.metrics import STEP_SECONDS, STEPS_TO_TARGET, Metric

ALPHA = 0.05
# What makes the cost of a step another one.
_MACHINE = ("cpu", "cores", "device")


def compare(
    baseline: Side, candidate: Side, metrics: Sequence[Metric], alpha: float, exact: bool = False
) -> Comparison:
    """Returns the verdicts on a candidate.

    Args:
        baseline: At least one run.
        candidate: At least one run.
        metrics: What to judge, at least one.
        alpha: Largest probability of any loss being called a regression if nothing has changed.
        exact: Compare bits, and no metrics.

    Raises:
        StoreError: Two runs of a side are of the same variant and seed.
    """
    matched = match(baseline, candidate)
    environment = _differing(baseline, candidate)
    seeds = Seeds.of(matched, alpha)
    apart = [*_unmatched(matched)]
    whole = Comparison((), alpha, baseline.target, seeds.baseline, seeds.candidate, seeds.paired, "none", 1.0)
    simulated = any(side.runs["simulated"].any() for side in (baseline, candidate))
    whole = replace(whole, environment=environment, notes=tuple(_notes(matched, seeds)), simulated=simulated)
    if exact:
        return replace(whole, findings=(*exact_findings(matched), *apart), test="bits", least_p=0.0)
    left_out = dict(_left_out(baseline, candidate, metrics, environment))
    judged = [metric for metric in metrics if metric.name not in left_out]
    statuses = [status_finding(*each) for each in matched.by_variant()]
    findings = [*apart, *left_out.values(), *statuses]
    if not (judged and matched.common):
        return replace(whole, findings=tuple(findings))
    # Hints are a family of their own: what does not decide must not hide what does.
    families = [[metric for metric in judged if metric.decides is decides] for decides in (True, False)]
    for values in (Values.of(matched, family, seeds) for family in families if family):
        questions = values.questions
        findings += _measured(matched, values, answer(questions, alpha), alpha)
    test = "sign flips" if questions.by_flips(alpha) else "deals of seeds"
    return replace(whole, findings=tuple(findings), test=test, least_p=questions.least_p(alpha))


def _measured(matched: Match, values: Values, answers: Answers, alpha: float) -> Iterator[Finding]:
    old, new = mean_over_seeds(values.baseline), mean_over_seeds(values.candidate)
    margins = values.margins
    ours, theirs = (Soundness.of(runs, values.metrics) for runs in (matched.baseline, matched.candidate))
    for v, variant in enumerate(values.variants):
        for m, metric in enumerate(values.metrics):
            if variant != EVERY and not (variant in ours.finished and variant in theirs.finished):
                continue  # what there is to say, the finding on its status says
            finding = Finding(variant, metric.name, Verdict.INCONCLUSIVE, decides=metric.decides)
            place = variant, metric.gate_column
            unsound = _unsound(finding, ours.unsound.get(place, 0), theirs.unsound.get(place, 0))
            if unsound:
                yield unsound
            elif not np.isnan(answers.loss[v, m]):
                low, high = float(answers.low[v, m]), float(answers.high[v, m])
                worse, better = float(answers.p_worse[v, m]), float(answers.p_better[v, m])
                margin, sign = float(margins[v, m]), float(values.signs[m])
                verdict = _verdict(low, high, margin, worse <= alpha, better <= alpha)
                yield replace(
                    finding,
                    verdict=verdict,
                    baseline=float(old[v, m]),
                    candidate=float(new[v, m]),
                    low=_known(min(low * sign, high * sign)),
                    high=_known(max(low * sign, high * sign)),
                    margin=margin,
                    p=min(worse, better),
                    more_seeds=_more_seeds(low, high, margin, len(values.candidate))
                    if verdict is Verdict.INCONCLUSIVE
                    else None,
                )
            elif variant != EVERY:
                yield replace(finding, note="no seed has values on both sides")


def _verdict(low: float, high: float, margin: float, worse: bool, better: bool) -> Verdict:
    if worse:
        return Verdict.REGRESSED
    if better:
        return Verdict.IMPROVED
    within = -margin <= low and high <= margin  # false for NaN
    return Verdict.UNCHANGED if within else Verdict.INCONCLUSIVE


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _more_seeds(low: float, high: float, margin: float, seeds: int) -> int | None:
    """Returns about how many more seeds narrow the interval to the margin, or to a difference that is larger.

    The width of an interval falls with the root of the number of seeds.
    """
    half, wanted = (high - low) / 2, max(margin, abs(high + low) / 2)
    if math.isnan(half) or wanted == 0:
        return None
    return max(1, math.ceil(seeds * ((half / wanted) ** 2 - 1)))


def _unsound(finding: Finding, before: int, after: int) -> Finding | None:
    """Returns the finding on so many values of finished runs being NaN or infinite, None where all are sound."""
    if not (before or after):
        return None
    verdict = Verdict.INCOMPARABLE if before and after else Verdict.FAILED if after else Verdict.IMPROVED
    note = f"NaN or infinite in {before} runs of the baseline and {after} of the candidate"
    return replace(finding, verdict=verdict, cause=Cause.NOT_FINITE, note=note)


def _unmatched(matched: Match) -> Iterator[Finding]:
    for variant, note in matched.apart.items():
        yield Finding(variant, STATUS, Verdict.INCOMPARABLE, Cause.SETTINGS, note=note)
    for variants, cause in ((matched.vanished, Cause.VANISHED), (matched.new, Cause.NEW)):
        for variant in variants:
            yield Finding(variant, STATUS, Verdict.INCOMPARABLE, cause, note=cause.value)


def _left_out(
    baseline: Side, candidate: Side, metrics: Sequence[Metric], environment: dict[str, tuple[str, str]]
) -> Iterator[tuple[str, Finding]]:
    """Yields the metrics that cannot be compared at all, each with the finding that says why."""
    for metric in metrics:
        cause, note = Cause.SETTINGS, ""
        if metric.gate_column not in candidate.runs:
            cause, note = Cause.VANISHED, Cause.VANISHED.value
        elif metric.gate_column not in baseline.runs:
            cause, note = Cause.NEW, Cause.NEW.value
        elif metric.name == STEPS_TO_TARGET and baseline.target != candidate.target:
            note = f"the target is {baseline.target:.6g} in the baseline and {candidate.target:.6g} in the candidate"
        elif metric.name == STEP_SECONDS and set(_MACHINE) & set(environment):
            note = "the baseline comes from another machine"
        if note:
            finding = Finding(EVERY, metric.name, Verdict.INCOMPARABLE, cause, metric.decides, note=note)
            yield metric.name, finding


def _differing(baseline: Side, candidate: Side) -> dict[str, tuple[str, str]]:
    ours, theirs = dict(baseline.environment), dict(candidate.environment)
    for known, side in ((ours, baseline), (theirs, candidate)):
        known["device"] = "/".join(sorted(map(str, side.runs["device"].dropna().unique())))
    names = sorted(ours.keys() | theirs.keys())
    pairs = {name: (ours.get(name, "unknown"), theirs.get(name, "unknown")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _notes(matched: Match, seeds: Seeds) -> Iterator[str]:
    for which, runs, used in (
        ("baseline", matched.baseline, seeds.baseline),
        ("candidate", matched.candidate, seeds.candidate),
    ):
        here = runs[runs["variant"].isin(matched.common)]
        unused = sorted(set(here["seed"].tolist()) - set(used))
        if unused:
            yield f"{len(unused)} seeds of the {which} have no partner and are not used"
        counts = here[here["seed"].isin(used)].groupby("variant", sort=False)["seed"].nunique()
        for variant, count in counts[counts < len(used)].items():
            yield f"{variant} has runs of {count} of the {len(used)} seeds in the {which}"
