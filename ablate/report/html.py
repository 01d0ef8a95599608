"""The report as one HTML page that needs nothing else: findings, curves, tables, and how to reproduce it."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

import pandas as pd

from ablate.analysis.findings import Findings
from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.analysis.summary import Summary
from ablate.report.columns import Column
from ablate.report.headings import HEADINGS
from ablate.report.numbers import STEPS, UNICODE, Unit
from ablate.report.page.curves import controls_html, curves_data
from ablate.report.page.tables import section_html, table_html
from ablate.report.tables import failures, head, legend, level_sections, variants_section
from ablate.report.words import margin_words, warnings, what_matters, winner
from ablate.store.schema import DATA, EXPERIMENT

_RUN_METRICS = ("best_val_accuracy", "val_accuracy", STEPS_TO_TARGET, "gap_accuracy", "gap_loss")


@dataclass(frozen=True)
class Origin:
    """Where results come from.

    Attributes:
        name: Of the results folder.
        experiment_toml: The experiment that was last run in it.
        metadata: What it was run with and on.
    """

    name: str
    experiment_toml: str
    metadata: Mapping[str, str]


def to_html(summary: Summary, curves: pd.DataFrame, findings: Findings, origin: Origin) -> str:
    """Returns the page; the same results give the same page, and it loads nothing, from disk or the network.

    Args:
        summary: Of the runs.
        curves: Frame with the columns of `store.schema.CURVES`.
        findings: About the metric the report is about.
        origin: Where the results come from.
    """
    (_, title), *labelled = head(summary)
    script, plotly = _file("page.js"), _plotly()
    return Template(_file("page.html")).substitute(
        policy=_policy([plotly, script]),
        title=escape(title),
        style=_file("page.css"),
        head="".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in labelled),
        findings=_findings(summary, findings),
        choices=controls_html(summary),
        tables=_tables(summary, findings),
        origin=_origin(origin),
        # Within a script element only this sign could end it.
        data=json.dumps(curves_data(summary, curves), allow_nan=False).replace("<", "\\u003c"),
        plotly=plotly,
        script=script,
    )


def _findings(summary: Summary, findings: Findings) -> str:
    words = HEADINGS[findings.metric].words
    rows = what_matters(summary, findings)
    heads = ("term", "share of variance", "finding")
    columns = [Column(name, [row[place] for row in rows]) for place, name in enumerate(heads)]
    cautions = warnings(summary, findings)
    parts = [
        f"<h3>Best by {escape(words)} (margin {escape(margin_words(findings))})</h3>",
        _list(winner(summary, findings), "winner"),
        _list(cautions, "warnings") if cautions else "",
        table_html(f"What matters for the {words}, by its share of the variance", "matters", columns)
        if rows
        else "",
    ]
    return "\n".join(parts)


def _tables(summary: Summary, findings: Findings) -> str:
    sections = level_sections(summary, findings, UNICODE, details=True)
    parts = [
        section_html(variants_section(summary, findings, UNICODE, details=True), "variants", filtered=True)
    ]
    parts += [
        section_html(section, f"level-{place}", filtered=False) for place, section in enumerate(sections)
    ]
    parts += [f'<p class="note">{escape(text)}</p>' for text in legend(summary, UNICODE)]
    failed = failures(summary.runs)
    if failed:
        parts.append(f"<h3>{escape(failed[0])}</h3>{_list(failed[1:], 'failures')}")
    runs = table_html("All runs", "runs", _run_columns(summary), 1)
    parts.append(f"<details><summary>All {len(summary.runs)} runs, one by one</summary>{runs}</details>")
    return "\n".join(parts)


def _run_columns(summary: Summary) -> list[Column]:
    runs = summary.runs
    columns = [Column(name, runs[name].astype(str).tolist()) for name in (VARIANT, "seed", "status")]
    for name in _RUN_METRICS:
        unit: Unit = HEADINGS[name].unit
        cells = [unit.text(number) for number in runs[name].astype(float)]
        columns.append(Column(HEADINGS[name].short, cells, right=True))
    steps = [STEPS.text(number) for number in runs["steps"].astype(float)]
    return [*columns, Column("steps", steps, right=True), Column("run id", runs["run_id"].tolist())]


def _origin(origin: Origin) -> str:
    command = f"ablate run experiment.toml -o results/{origin.name}"
    rows = [(name, text) for name, text in origin.metadata.items() if name not in (EXPERIMENT, DATA)]
    columns = [Column("what", [name for name, _ in rows]), Column("value", [text for _, text in rows])]
    return "\n".join(
        [
            "<p>Save this, the experiment last run in the folder, as <code>experiment.toml</code></p>",
            f'<pre tabindex="0" aria-label="experiment.toml">{escape(origin.experiment_toml)}</pre>',
            f'<p>and run</p><pre tabindex="0" aria-label="command">{escape(command)}</pre>',
            table_html("What it was run with and on", "metadata", columns) if rows else "",
        ]
    )


def _list(lines: Sequence[str], kind: str) -> str:
    return f'<ul class="{kind}">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def _policy(scripts: Sequence[str]) -> str:
    """Returns a Content Security Policy under which nothing can be loaded and only these scripts run."""
    hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _file(name: str) -> str:
    return (files("ablate.report.page") / name).read_text(encoding="utf-8")


def _plotly() -> str:
    # Its size and loading time are for this page alone.
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
