"""The report as one self-contained HTML page: findings, curves, tables, and how to reproduce the results."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from shlex import quote
from string import Template

import pandas as pd

from ablate.analysis.findings import Findings
from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.analysis.summary import Summary
from ablate.report import words
from ablate.report.headings import HEADINGS
from ablate.report.numbers import STEPS, UNICODE
from ablate.report.page.curves import controls_html, curves_data
from ablate.report.page.markup import escape
from ablate.report.page.tables import section_html, table_html
from ablate.report.sections import Column
from ablate.report.simulated import EXPLANATION
from ablate.report.tables import Tables
from ablate.store.schema import DATA, EXPERIMENT

_RUN_METRICS = ("best_val_accuracy", "val_accuracy", STEPS_TO_TARGET, "gap_accuracy", "gap_loss")


@dataclass(frozen=True)
class Origin:
    """The origin of results: the name of their folder, the experiment trained last in this folder, and the metadata.

    `metadata` describes the software versions and the machine.
    """

    name: str
    experiment_toml: str
    metadata: Mapping[str, str]


def to_html(summary: Summary, curves: pd.DataFrame, findings: Findings, origin: Origin) -> str:
    """Returns a report as an HTML page. The same results always give the same page.

    The page loads nothing from disk or from the network. `curves` is a data frame with the columns of
    `store.schema.CURVES`.
    """
    # Imported here because plotly is large and only this page needs it.
    from plotly.offline import get_plotlyjs

    (_, title), *labelled = words.head(summary)
    script, plotly = _file("page.js"), str(get_plotlyjs())
    return Template(_file("page.html")).substitute(
        policy=_policy([plotly, script]),
        title=escape(title),
        banner=f'<p class="simulated" role="note">{EXPLANATION}</p>' if summary.simulated else "",
        style=_file("page.css"),
        head="".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in labelled),
        findings=_findings(summary, findings),
        choices=controls_html(summary),
        tables=_tables(summary, findings),
        origin=_origin(origin),
        # Only the character `<` could end the script element that holds the data.
        data=json.dumps(curves_data(summary, curves), allow_nan=False).replace("<", "\\u003c"),
        plotly=plotly,
        script=script,
    )


def _findings(summary: Summary, findings: Findings) -> str:
    metric, warnings = HEADINGS[findings.metric].words, words.collect_warnings(summary, findings)
    terms = words.terms_columns(summary, findings)
    title = f"What matters for the {metric}, by its share of the variance"
    parts = [
        f"<h3>Best by {escape(metric)} (margin {escape(words.format_margin(findings))})</h3>",
        _list(words.describe_winner(summary, findings), "winner"),
        _list(warnings, "warnings") if warnings else "",
        table_html(title, "matters", terms) if terms[0].cells else "",
    ]
    return "\n".join(parts)


def _tables(summary: Summary, findings: Findings) -> str:
    tables = Tables(summary, findings, UNICODE)
    parts = [section_html(tables.by_variant(details=True), "variants", filtered=True)]
    for index, section in enumerate(tables.by_level(details=True)):
        parts.append(section_html(section, f"level-{index}", filtered=False))
    parts += [f'<p class="note">{escape(text)}</p>' for text in tables.legend()]
    if failed := words.failures(summary.runs):
        parts.append(f"<h3>{escape(failed[0])}</h3>{_list(failed[1:], 'failures')}")
    runs = table_html("All runs", "runs", _run_columns(summary), 1)
    parts.append(f"<details><summary>All {len(summary.runs)} runs, one by one</summary>{runs}</details>")
    return "\n".join(parts)


def _run_columns(summary: Summary) -> list[Column]:
    runs = summary.runs
    columns = [Column(name, runs[name].astype(str).tolist()) for name in (VARIANT, "seed", "status")]
    for name in _RUN_METRICS:
        cells = [HEADINGS[name].unit.text(value) for value in runs[name].astype(float)]
        columns.append(Column(HEADINGS[name].short, cells, right=True))
    steps = [STEPS.text(count) for count in runs["steps"].astype(float)]
    return [*columns, Column("steps", steps, right=True), Column("run id", runs["run_id"].tolist())]


def _origin(origin: Origin) -> str:
    command = f"ablate run experiment.toml -o {quote(f'results/{origin.name}')}"
    about = {name: text for name, text in origin.metadata.items() if name not in (EXPERIMENT, DATA)}
    columns = [Column("what", list(about)), Column("value", list(about.values()))]
    parts = [
        "<p>Save this, the experiment last run in the folder, as <code>experiment.toml</code></p>",
        f'<pre tabindex="0" aria-label="experiment.toml">{escape(origin.experiment_toml)}</pre>',
        f'<p>and run</p><pre tabindex="0" aria-label="command">{escape(command)}</pre>',
        table_html("What it was run with and on", "metadata", columns) if about else "",
    ]
    return "\n".join(parts)


def _list(lines: Sequence[str], kind: str) -> str:
    return f'<ul class="{kind}">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def _policy(scripts: Sequence[str]) -> str:
    """Returns a Content Security Policy that lets the page run only the given scripts and load nothing."""
    hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    others = "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {others}"


def _file(name: str) -> str:
    return (files("ablate.report.page") / name).read_text(encoding="utf-8")
