"""The comparison of a candidate with a baseline: a verdict for each variant and metric.

The verdict `regressed` means a large and significant loss: the mean loss is at least the metric's margin, and p,
adjusted for all variants and metrics of the gate (`gate.statistics`), is at most alpha, the level of significance. The
verdict `unchanged` means that the 95 % interval of the loss lies within the margin. The verdict `inconclusive` applies
if no other verdict does. If baseline and candidate are swapped, `improved` becomes `regressed` or `failed`, `regressed`
and `failed` become `improved`, and all other verdicts stay.
"""

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ablate.analysis.completeness import incompleteness
from ablate.analysis.gate.exact import exact_findings
from ablate.analysis.gate.match import Match, match
from ablate.analysis.gate.sides import Side
from ablate.analysis.gate.statistics import answer
from ablate.analysis.gate.status import status_finding
from ablate.analysis.gate.values import Seeds, Values, unsound_values
from ablate.analysis.gate.verdict import EVERY, STATUS, Cause, Comparison, Finding, Verdict
from ablate.analysis.metrics import STEP_SECONDS, STEPS_TO_TARGET, Metric
from ablate.analysis.paired import mean_over_seeds

ALPHA = 0.05
# The entries of the environment that affect the cost of a step.
_MACHINE = ("cpu", "cores", "device")


def compare(
    baseline: Side, candidate: Side, metrics: Sequence[Metric], alpha: float, exact: bool = False
) -> Comparison:
    """Returns the verdicts on a candidate, compared with a baseline.

    `metrics` is not empty, and baseline and candidate have at least one run each. `alpha` is the largest probability
    that the gate reports a regression although nothing has changed. If `exact` is true, results are compared bit by bit
    instead of by metrics.

    Raises:
        StoreError: Two runs of the baseline or two runs of the candidate have the same variant and seed.
    """
    matched = match(baseline, candidate)
    seeds = Seeds.of(matched, alpha)
    comparison = Comparison(
        tuple(_unmatched(matched)),
        alpha,
        baseline.target,
        seeds.baseline,
        seeds.candidate,
        seeds.paired,
        notes=(*_incomplete(baseline, candidate), *_notes(matched, seeds)),
        environment=_differing(baseline, candidate),
        simulated=any(side.runs["simulated"].any() for side in (baseline, candidate)),
    )
    unmatched = comparison.findings
    if exact:
        return replace(comparison, findings=(*exact_findings(matched), *unmatched), test="bits", least_p=0.0)
    left_out = list(_left_out(baseline, candidate, metrics, comparison.environment))
    findings = [*unmatched, *left_out, *(status_finding(*sides) for sides in matched.by_variant())]
    names = {finding.metric for finding in left_out}
    judged = [metric for metric in metrics if metric.name not in names]
    if not (judged and matched.common):
        return replace(comparison, findings=tuple(findings))
    # Metrics that cannot fail the gate are tested separately, so that their results cannot hide a regression of a
    # metric that can fail the gate.
    families = [[metric for metric in judged if metric.decides is decides] for decides in (True, False)]
    for values in (Values.of(matched, family, seeds) for family in families if family):
        questions = values.questions
        findings += _measured(matched, values, alpha)
    test = "sign flips" if questions.by_flips(alpha) else "deals of seeds"
    return replace(comparison, findings=tuple(findings), test=test, least_p=questions.least_p(alpha))


def _measured(matched: Match, values: Values, alpha: float) -> Iterator[Finding]:
    """Yields the findings on measured values, one for each variant and metric.

    Variants without a finished run in the baseline or in the candidate are left out. The mean over all variants counts
    as a further variant.
    """
    questions = values.questions
    answers = answer(questions, alpha)
    results = (questions.baseline, questions.candidate)
    baseline, candidate = (mean_over_seeds(side) * values.signs for side in results)
    sides = (matched.baseline, matched.candidate)
    finished = [set(runs.loc[runs["finished"], "variant"]) for runs in sides]
    unsound = [unsound_values(runs, values.metrics) for runs in sides]
    for (v, m), loss in np.ndenumerate(answers.loss):
        variant, metric = values.variants[v], values.metrics[m]
        if variant != EVERY and not all(variant in variants for variants in finished):
            continue  # the finding on the variant's statuses is enough
        finding = Finding(variant, metric.name, Verdict.INCONCLUSIVE, decides=metric.decides)
        counts = [counter[variant, metric.name] for counter in unsound]
        if any(counts):
            before, after = counts
            verdict = (
                Verdict.INCOMPARABLE if before and after else Verdict.FAILED if after else Verdict.IMPROVED
            )
            note = f"NaN or infinite in {before} runs of the baseline and {after} of the candidate"
            yield replace(finding, verdict=verdict, cause=Cause.NOT_FINITE, note=note)
        elif not math.isnan(loss):
            low, high = float(answers.low[v, m]), float(answers.high[v, m])
            worse, better = float(answers.p_worse[v, m]), float(answers.p_better[v, m])
            margin, sign = float(questions.margins[v, m]), float(values.signs[m])
            verdict = _verdict(low, high, margin, worse <= alpha, better <= alpha)
            is_open = verdict is Verdict.INCONCLUSIVE
            yield replace(
                finding,
                verdict=verdict,
                baseline=float(baseline[v, m]),
                candidate=float(candidate[v, m]),
                low=_known(min(low * sign, high * sign)),
                high=_known(max(low * sign, high * sign)),
                margin=margin,
                p=min(worse, better),
                more_seeds=_more_seeds(low, high, margin, len(questions.candidate)) if is_open else None,
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
    """Returns the approximate number of further seeds that would narrow the interval enough for a verdict.

    An interval is narrow enough if its half-width is at most the margin or at most the absolute mean difference. The
    width of an interval is inversely proportional to the square root of the number of seeds.
    """
    half, wanted = (high - low) / 2, max(margin, abs(high + low) / 2)
    if math.isnan(half) or wanted == 0:
        return None
    return max(1, math.ceil(seeds * ((half / wanted) ** 2 - 1)))


def _unmatched(matched: Match) -> Iterator[Finding]:
    for variant, note in matched.apart.items():
        yield Finding(variant, STATUS, Verdict.INCOMPARABLE, Cause.SETTINGS, note=note)
    for variants, cause in ((matched.vanished, Cause.VANISHED), (matched.new, Cause.NEW)):
        for variant in variants:
            yield Finding(variant, STATUS, Verdict.INCOMPARABLE, cause, note=cause.value)


def _left_out(
    baseline: Side, candidate: Side, metrics: Sequence[Metric], environment: Container[str]
) -> Iterator[Finding]:
    """Yields a finding for each metric that cannot be compared.

    `environment` holds the names of the environment entries that differ between baseline and candidate.
    """
    for metric in metrics:
        cause, note = Cause.SETTINGS, ""
        if metric.gate_column not in candidate.runs:
            cause, note = Cause.VANISHED, Cause.VANISHED.value
        elif metric.gate_column not in baseline.runs:
            cause, note = Cause.NEW, Cause.NEW.value
        elif metric.name == STEPS_TO_TARGET and baseline.target != candidate.target:
            note = f"the target is {baseline.target:.6g} in the baseline and {candidate.target:.6g} in the candidate"
        elif metric.name == STEP_SECONDS and any(part in environment for part in _MACHINE):
            note = "the baseline comes from another machine"
        if note:
            yield Finding(EVERY, metric.name, Verdict.INCOMPARABLE, cause, metric.decides, note=note)


def _differing(baseline: Side, candidate: Side) -> dict[str, tuple[str, str]]:
    """Returns the environment entries that differ, each with its value in the baseline and in the candidate."""
    old, new = (
        {**side.environment, "device": "/".join(sorted(map(str, side.runs["device"].dropna().unique())))}
        for side in (baseline, candidate)
    )
    names = sorted(old.keys() | new.keys())
    pairs = {name: (old.get(name, "unknown"), new.get(name, "unknown")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _incomplete(baseline: Side, candidate: Side) -> Iterator[str]:
    """Yields a note for each side that lacks runs of its experiment."""
    for name, side in (("baseline", baseline), ("candidate", candidate)):
        if problem := incompleteness(side.settings, side.runs):
            yield f"the {name} is {problem}"


def _notes(matched: Match, seeds: Seeds) -> Iterator[str]:
    """Yields notes on seeds that are not compared, and on variants that lack a run of a compared seed."""
    both = (("baseline", matched.baseline, seeds.baseline), ("candidate", matched.candidate, seeds.candidate))
    for side, runs, used in both:
        common = runs[runs["variant"].isin(matched.common)]
        unused = sorted(set(common["seed"].tolist()) - set(used))
        if unused:
            yield f"{len(unused)} seeds of the {side} have no partner and are not used"
        counts = common[common["seed"].isin(used)].groupby("variant", sort=False)["seed"].nunique()
        for variant, count in counts[counts < len(used)].items():
            yield f"{variant} has runs of {count} of the {len(used)} seeds in the {side}"
