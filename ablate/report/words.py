"""Findings in words: who won, what matters, what to be careful about; one finding a line."""

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
from ablate.report.headings import HEADINGS, factor_words, level_words, levels_words
from ablate.report.numbers import Unit, counted

# A row of a table of differences or effects, by column.
Row = Mapping[Any, Any]

_NAMED = 3
_IN_FULL = {
    Standing.TIED: "tied within the margin",
    Standing.FAILED: "failed with every seed",
    Standing.REFERENCE_FAILED: "which failed with every seed",
    Standing.NOT_REACHED: "neither reached the target",
}
# An interaction is put into words if it is sure and accounts for at least this share of the variance.
_WORTH_A_WORD = 0.01


def winner(summary: Summary, findings: Findings) -> list[str]:
    """Returns which variant did best, by how much, and what is as good or cannot be told from it."""
    heading = HEADINGS[findings.metric]
    if findings.winner is None:
        is_steps = findings.metric == STEPS_TO_TARGET
        return [
            "no run reached the target" if is_steps else f"no run finished, so none has a {heading.words}"
        ]
    row = {row[VARIANT]: row for row in findings.variants.to_dict("records")}[findings.winner]
    line = findings.winner
    if row["verdict"] == Standing.REFERENCE:
        line += ", the reference"
    elif row["pairs"]:
        line += (
            f": {difference(row, heading.unit)}{heading.of_differences} from the reference, {verdict(row)}"
        )
    lines = [line]
    verdicts = findings.against_winner.set_index(VARIANT)["verdict"]
    best_first = ranked(summary.variants, findings.metric)[VARIANT].tolist()
    for found, words in (
        (Standing.TIED, "tied with it"),
        (Standing.TOO_FEW, "too few seeds to tell from it"),
    ):
        names = [name for name in best_first if verdicts[name] == found]
        if names:
            lines.append(f"{words}: {_listed(names)}")
    return lines


def margin_words(findings: Findings) -> str:
    """Returns how large a difference has to be to matter, in words."""
    heading, margin = HEADINGS[findings.metric], findings.margin
    if margin.relative:
        return f"{margin} of the reference's {heading.words}"
    return f"{margin.size * heading.unit.scale:.6g}{heading.of_differences}"


def what_matters(summary: Summary, findings: Findings) -> list[tuple[str, str, str]]:
    """Returns term, share of variance and a sentence of each term of the analysis of variance, largest first."""
    return [
        (term_words(row["term"]), share(row["share"]), _sentence(row, summary, findings))
        for row in findings.effects.to_dict("records")
    ]


def warnings(summary: Summary, findings: Findings) -> list[str]:
    """Returns what a reader has to be careful about, most urgent first."""
    lines = []
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
    lines.extend(_seeds_warning(findings))
    return lines


def verdict(row: Row) -> str:
    """Returns a verdict in words, with about how many more seeds it would take."""
    if row["verdict"] != Standing.TOO_FEW:
        return _IN_FULL.get(row["verdict"], str(row["verdict"]))
    more = row["more_seeds"]
    needed: str = f"more than {MOST_SEEDS} in all" if pd.isna(more) else f"about {more} more"
    return "too few seeds to tell" + (f" ({needed} needed)" if row["pairs"] > 1 else "")


def short_verdict(row: Row) -> str:
    """Returns a verdict for a table: `better`, `too few, +7`."""
    if row["verdict"] != Standing.TOO_FEW:
        return str(row["verdict"])
    return "too few" if pd.isna(row["more_seeds"]) else f"too few, +{row['more_seeds']}"


def difference(row: Row, unit: Unit) -> str:
    """Returns a difference with its interval, `+1.8 [+1.4, +2.2]`, `-` without pairs."""
    text = signed(row["difference"], unit)
    if math.isnan(row["low"]):
        return text
    return f"{text} [{signed(row['low'], unit)}, {signed(row['high'], unit)}]"


def signed(value: float, unit: Unit) -> str:
    """Returns a number with its sign, `-` for NaN."""
    text = unit.text(value)
    return text if math.isnan(value) or text.startswith("-") or not float(text) else f"+{text}"


def share(value: float) -> str:
    """Returns a share of the variance, `55%`, `0.3%`."""
    return "-" if math.isnan(value) else f"{value:.0%}" if value >= 0.0995 else f"{value:.1%}"


def p_words(p: float) -> str:
    """Returns a p value in brackets, ` (p=0.03)`, ` (p<0.001)`, nothing where there is none."""
    return "" if math.isnan(p) else " (p<0.001)" if p < 0.001 else f" (p={p:.2g})"


def term_words(term: Term) -> str:
    """Returns a term of the analysis of variance: `activation x batch norm`."""
    return " x ".join(map(factor_words, term))


def _sentence(row: Row, summary: Summary, findings: Findings) -> str:
    term: Term = row["term"]
    if term == (SEED,):
        return "what a seed does to all variants alike"
    if term == (UNEXPLAINED,):
        return "what differs from seed to seed, and interactions of three and more"
    p = p_words(row["p_holm"])
    if not row["p_holm"] <= ALPHA:
        return f"no sign {'of an effect' if len(term) == 1 else 'that they act on each other'}{p}"
    if len(term) == 1:
        return f"{_main_effect(term[0], summary, findings)}{p}"
    if row["share"] < _WORTH_A_WORD:
        return f"they act on each other, if little{p}"
    pair = term if term in findings.moderations else term[::-1]
    return f"{interaction_words(findings.moderations[(pair[0], pair[1])], pair)}{p}"


def _main_effect(factor: str, summary: Summary, findings: Findings) -> str:
    heading, levels = HEADINGS[findings.metric], findings.levels[factor]
    if len(levels) == 2:
        row = levels[levels["verdict"] != Standing.REFERENCE].to_dict("records")[0]
        base = findings.reference_levels[factor]
        change = f"{difference(row, heading.unit)}{heading.of_differences}"
        return f"{level_words(factor, row[factor])}: {change} from {base}"
    table = next(level.table for level in summary.levels if level.factor == factor)
    means = ranked(table, findings.metric).dropna(subset=f"{findings.metric}_mean")
    if len(means) < 2:
        return "an effect, but its levels share no background to be averaged over"
    best, worst = (
        f"{heading.unit.text(row[f'{findings.metric}_mean'])}{heading.of_values} ({level_words(factor, row[factor])})"
        for row in (means.iloc[0], means.iloc[-1])
    )
    return f"from {worst} to {best}"


def interaction_words(moderations: Sequence[Moderation], pair: Sequence[str]) -> str:
    """Returns what one factor does to the differences between the levels of another, in words.

    Args:
        moderations: One a level of the moderator.
        pair: The factor that differs and the moderator.
    """
    sure = [each for each in moderations if each.high < 1 or each.low > 1]
    if not sure:
        return f"which of the {levels_words(pair[0])} is better depends on {factor_words(pair[1])}"
    most = max(sure, key=lambda each: abs(math.log(max(each.ratio, 1e-9))))
    subject = level_words(most.moderator, most.level)
    if most.ratio < 1:
        gone, low, high = (f"{1 - ratio:.0%}" for ratio in (most.ratio, most.high, most.low))
        return (
            f"{subject} removes {gone} [{low}, {high}] of the difference between {levels_words(most.factor)}"
        )
    return (
        f"{subject} makes the difference between {levels_words(most.factor)} {most.ratio:.1f} times as large "
        f"[{most.low:.1f}, {most.high:.1f}]"
    )


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


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {counted(len(names) - _NAMED, 'other')}"
