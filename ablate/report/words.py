"""Findings as sentences: what was compared, which variant is best, which factors matter, and warnings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.effects import SEED, UNEXPLAINED, Term
from ablate.analysis.findings import Findings
from ablate.analysis.interactions import Moderation
from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.analysis.paired import smallest_p
from ablate.analysis.standing import ALPHA, MOST_SEEDS, STRICT_ALPHA, Standing, exact_can_tell
from ablate.analysis.summary import Summary, ranked
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.experiment.levels import NONE, spans
from ablate.experiment.spec import FACTORS
from ablate.report.headings import HEADINGS, factor_words, level_words, levels_words
from ablate.report.numbers import PERCENT, Unit, counted, plural
from ablate.report.sections import Column
from ablate.report.simulated import EXPLANATION, marked

# One row of a table of differences or of effects: a mapping from column names to values.
Row = Mapping[Any, Any]

_LONGEST_LIST = 3
_IN_FULL = {
    Standing.TIED: "tied within the margin",
    Standing.FAILED: "failed with every seed",
    Standing.REFERENCE_FAILED: "which failed with every seed",
    Standing.NOT_REACHED: "neither reached the target",
}
# A report describes an interaction if it is significant and accounts for at least this share of the variance.
_LEAST_SHARE = 0.01


def head(summary: Summary) -> list[tuple[str, str]]:
    """Returns the head of a report: pairs of a label and a text that say what was compared.

    The first pair has an empty label, and its text is the title.
    """
    runs = summary.runs
    networks = zip(runs["dataset"], runs["model"], strict=True)
    names = ", ".join(dict.fromkeys(f"{dataset} ({model})" for dataset, model in networks))
    seeds = runs["seed"].unique().tolist()
    title = (
        f"{names}: {counted(len(runs), 'run')}, {counted(len(summary.variants), 'variant')}, "
        f"{counted(len(seeds), 'seed')} ({spans(seeds)})"
    )
    levels = {factor: ",".join(levels_of(runs, factor)) for factor in FACTORS}
    fixed = [factor for factor in FACTORS if factor not in summary.factors and levels[factor] != NONE]
    return [
        ("", marked(title, summary.simulated)),
        ("all with", name_of(levels, fixed)),
        ("reference", summary.reference),
        ("target", _target(summary)),
    ]


def _target(summary: Summary) -> str:
    accuracy = f"validation accuracy of {PERCENT.text(summary.target_accuracy)}%"
    if not summary.target.relative:
        return accuracy
    best = f"{summary.target} of the reference's best"
    if math.isnan(summary.target_accuracy):
        remedy = "give an accuracy, as --target 0.9, or another --reference"
        return f"unknown, {best}, and no run of it finished: {remedy}"
    return f"{accuracy}, {best}"


def failures(runs: pd.DataFrame) -> list[str]:
    """Returns lines about unfinished runs. The first line states the number of unfinished runs.

    Each further line is about the unfinished runs of one variant with one status, and states the seeds, the step and
    the error message.
    """
    failed = runs[~runs["finished"]]
    if failed.empty:
        return []
    lines = [f"{len(failed)} of {counted(len(runs), 'run')} did not finish"]
    for (variant, status), group in failed.groupby(["variant", "status"], sort=False):
        seeds, step = group["seed"].tolist(), group["failed_step"].min()
        when = "" if pd.isna(step) else f" at step {step}" if len(seeds) == 1 else f" from step {step} on"
        who = f"{variant}, {plural('seed', len(seeds))} {spans(seeds)}"
        lines.append(f"{who}: {status}{when}: {group['message'].iloc[0]}")
    return lines


def describe_winner(summary: Summary, findings: Findings) -> list[str]:
    """Returns lines about the best variant.

    The first line states the difference between the best variant and the reference. The other lines list the variants
    that are tied with the best variant, and the variants for which the seeds are too few for a verdict.
    """
    heading = HEADINGS[findings.metric]
    if findings.winner is None:
        if findings.metric == STEPS_TO_TARGET:
            return ["no run reached the target"]
        return [f"no run finished, so none has a {heading.words}"]
    row = {row[VARIANT]: row for row in findings.variants.to_dict("records")}[findings.winner]
    line = findings.winner
    if row["verdict"] == Standing.REFERENCE:
        line += ", the reference"
    elif row["pairs"]:
        size = f"{format_difference(row, heading.unit)}{heading.unit.of_differences}"
        line += f": {size} from the reference, {format_verdict(row)}"
    verdicts = findings.against_winner.set_index(VARIANT)["verdict"]
    best_first = ranked(summary.variants, findings.metric)[VARIANT].tolist()
    rest = {Standing.TIED: "tied with it", Standing.TOO_FEW: "too few seeds to tell from it"}
    lines = [line]
    for verdict, words in rest.items():
        if names := [name for name in best_first if verdicts[name] == verdict]:
            lines.append(f"{words}: {_join_names(names)}")
    return lines


def format_margin(findings: Findings) -> str:
    """Returns the margin of a metric, the size from which a difference matters, as text."""
    heading, margin = HEADINGS[findings.metric], findings.margin
    if margin.relative:
        return f"{margin} of the reference's {heading.words}"
    return f"{margin.size * heading.unit.scale:.6g}{heading.unit.of_differences}"


def describe_terms(summary: Summary, findings: Findings) -> list[tuple[str, str, str]]:
    """Returns, for each term of the analysis of variance, its name, its share of the variance and a sentence."""
    return [
        (name_term(row["term"]), format_share(row["share"]), _describe_term(row, summary, findings))
        for row in findings.effects.to_dict("records")
    ]


def terms_columns(summary: Summary, findings: Findings) -> list[Column]:
    """Returns the results of the function `describe_terms` as the columns of a table."""
    terms = describe_terms(summary, findings)
    headings = ("term", "share of variance", "finding")
    return [Column(heading, [term[index] for term in terms]) for index, heading in enumerate(headings)]


def collect_warnings(summary: Summary, findings: Findings) -> list[str]:
    """Returns warnings about the results, the most urgent first."""
    lines = [EXPLANATION] if summary.simulated else []
    lines += [summary.incomplete] if summary.incomplete else []
    failed = summary.runs[~summary.runs["finished"]]
    if len(failed):
        statuses = ", ".join(f"{count} {status}" for status, count in failed["status"].value_counts().items())
        lines.append(
            f"{len(failed)} of {counted(len(summary.runs), 'run')} did not finish ({statuses}), in "
            f"{counted(failed[VARIANT].nunique(), 'variant')}; they rank last and lose against their pairs, "
            "and shares of the variance need not add up"
        )
    if math.isnan(summary.target_accuracy):
        lines.append("no run of the reference finished, so the target is unknown; give one, as --target 0.9")
    return [*lines, *_seeds_warning(findings)]


def format_verdict(row: Row) -> str:
    """Returns a verdict in words.

    If the seeds are too few for a verdict, the text states the approximate number of further seeds needed.
    """
    if row["verdict"] != Standing.TOO_FEW:
        return _IN_FULL.get(row["verdict"], str(row["verdict"]))
    more = row["more_seeds"]
    needed: str = f"more than {MOST_SEEDS} in all" if pd.isna(more) else f"about {more} more"
    return "too few seeds to tell" + (f" ({needed} needed)" if row["pairs"] > 1 else "")


def abbreviate_verdict(row: Row) -> str:
    """Returns a verdict as a short text for a table, such as `better` or `too few, +7`."""
    if row["verdict"] != Standing.TOO_FEW:
        return str(row["verdict"])
    return "too few" if pd.isna(row["more_seeds"]) else f"too few, +{row['more_seeds']}"


def format_difference(row: Row, unit: Unit) -> str:
    """Returns a difference with its interval as text, such as `+1.8 [+1.4, +2.2]`.

    If there are no pairs of runs, the text is `-`.
    """
    text, low, high = (unit.signed(row[name]) for name in ("difference", "low", "high"))
    return text if math.isnan(row["low"]) else f"{text} [{low}, {high}]"


def format_share(value: float) -> str:
    """Returns a share of the variance as text, such as `55%` or `0.3%`."""
    return "-" if math.isnan(value) else f"{value:.0%}" if value >= 0.0995 else f"{value:.1%}"


def format_p(p: float) -> str:
    """Returns a p-value as text in brackets, such as ` (p=0.03)` or ` (p<0.001)`. The text is empty for NaN."""
    return "" if math.isnan(p) else " (p<0.001)" if p < 0.001 else f" (p={p:.2g})"


def name_term(term: Term) -> str:
    """Returns the name of a term of the analysis of variance, such as `activation x batch size`."""
    return " x ".join(map(factor_words, term))


def _describe_term(row: Row, summary: Summary, findings: Findings) -> str:
    term: Term = row["term"]
    if term == (SEED,):
        return "what a seed does to all variants alike"
    if term == (UNEXPLAINED,):
        return "what differs from seed to seed, and interactions of three and more"
    p = format_p(row["p_holm"])
    if not row["p_holm"] <= ALPHA:
        return f"no sign {'of an effect' if len(term) == 1 else 'that they act on each other'}{p}"
    if len(term) == 1:
        return f"{_describe_effect(term[0], summary, findings)}{p}"
    if row["share"] < _LEAST_SHARE:
        return f"they act on each other, if little{p}"
    pair = term if term in findings.moderations else term[::-1]
    return f"{describe_interaction(findings.moderations[(pair[0], pair[1])], pair)}{p}"


def _describe_effect(factor: str, summary: Summary, findings: Findings) -> str:
    heading, levels = HEADINGS[findings.metric], findings.levels[factor]
    if len(levels) == 2:
        row = levels[levels["verdict"] != Standing.REFERENCE].to_dict("records")[0]
        base = findings.reference_levels[factor]
        change = f"{format_difference(row, heading.unit)}{heading.unit.of_differences}"
        return f"{level_words(factor, row[factor])}: {change} from {base}"
    table = next(level.table for level in summary.levels if level.factor == factor)
    mean = f"{findings.metric}_mean"
    means = ranked(table, findings.metric).dropna(subset=mean)
    if len(means) < 2:
        return "an effect, but its levels share no background to be averaged over"
    best, worst = (
        f"{heading.unit.text(row[mean])}{heading.unit.of_values} ({level_words(factor, row[factor])})"
        for row in (means.iloc[0], means.iloc[-1])
    )
    return f"from {worst} to {best}"


def describe_interaction(moderations: Sequence[Moderation], pair: Sequence[str]) -> str:
    """Returns a sentence about the interaction of two factors.

    The sentence says how the second factor (the moderator) changes the differences between levels of the first factor.
    """
    certain = [moderation for moderation in moderations if moderation.high < 1 or moderation.low > 1]
    if not certain:
        return f"which of the {levels_words(pair[0])} is better depends on {factor_words(pair[1])}"
    most = max(certain, key=lambda moderation: abs(math.log(max(moderation.ratio, 1e-9))))
    subject, levels = level_words(most.moderator, most.level), levels_words(most.factor)
    if most.ratio < 1:
        removed, low, high = (f"{1 - ratio:.0%}" for ratio in (most.ratio, most.high, most.low))
        return f"{subject} removes {removed} [{low}, {high}] of the difference between {levels}"
    interval = f"[{most.low:.1f}, {most.high:.1f}]"
    return f"{subject} makes the difference between {levels} {most.ratio:.1f} times as large {interval}"


def _seeds_warning(findings: Findings) -> list[str]:
    family = max(len(findings.variants) - 1, 1)
    pairs = int((findings.variants["pairs"] + findings.variants["failed"]).max())
    if len(findings.variants) < 2 or exact_can_tell(pairs, family):
        return []
    if pairs < 2:
        return [f"{counted(pairs, 'seed')}: nothing tells a difference from chance; train more, as --seeds 5"]
    enough = np.arange(2, MOST_SEEDS)
    enough = enough[smallest_p(enough) * family <= ALPHA]
    needed = f"it takes {enough[0]} seeds" if len(enough) else "no number of seeds is enough"
    return [
        f"{pairs} seeds: the smallest p of a sign-flip test is {float(smallest_p(pairs)):.3g}, and to get to {ALPHA:g} "
        f"with Holm over {counted(family, 'comparison')} {needed}; until then better and worse rest on t-tests at "
        f"{STRICT_ALPHA:g}, which take differences to be normal"
    ]


def _join_names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LONGEST_LIST])
    more = len(names) - _LONGEST_LIST
    return f"{shown} and {counted(more, 'other')}" if more > 0 else shown
