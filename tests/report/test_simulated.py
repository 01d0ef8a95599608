"""Every output about made-up results carries the mark, and no output about trained ones does."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find, find_all
from ablate.analysis.layers import health
from ablate.analysis.summary import summarize
from ablate.analysis.tuning import choose
from ablate.experiment.grid import expand
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.report.ci import to_annotations, to_junit, to_summary
from ablate.report.dashboards import KINDS, export
from ablate.report.export import to_csv, to_json
from ablate.report.figures.files import figures
from ablate.report.gate import print_comparison
from ablate.report.gate import to_json as gate_json
from ablate.report.html import Origin, to_html
from ablate.report.layers import layers_section
from ablate.report.markdown import to_markdown
from ablate.report.numbers import UNICODE
from ablate.report.plan import plan_text
from ablate.report.progress import Progress
from ablate.report.sections import print_section
from ablate.report.simulated import EXPLANATION, MARK
from ablate.report.terminal import print_report
from ablate.report.tuning import tuning_section
from tests.made_up import frames, made
from tests.report.comparisons import ALL, RED, comparison

LAYERS = pd.DataFrame(columns=["run_id", "step", "layer", "quantity", "value"])


def printed(write, **options):
    file = io.StringIO()
    write(Console(file=file, width=200, color_system=None, **options))
    return file.getvalue()


def stored(simulated):
    runs = [made(name, norm, simulated=simulated) for name in ("relu", "tanh") for norm in ("off", "batch")]
    return frames(*runs)


def summary_of(simulated):
    return summarize(*stored(simulated), Target.parse("0.5"), None, "val_accuracy")


def progress_of(simulated, **options):
    def train(console):
        progress = Progress(console, iter(range(100)).__next__)
        progress.start(2, 10, simulated=simulated)
        progress.stack_finished("relu", {"finished": 1}, 1.0)
        progress.finish()

    return printed(train, **options)


def compared(simulated):
    return comparison(*ALL.findings, simulated=simulated)


def plan_of(simulated):
    experiment = build({"activation": "relu", "norm": "off", "dropout": "0", "seeds": "2"})
    runs = expand(experiment, simulated=simulated)
    return plan_text(experiment, runs, {}, make_plan(runs, sizes_of(experiment), 1), 1, Path("results"))


def page_of(simulated):
    summary = summary_of(simulated)
    return to_html(summary, stored(simulated)[1], find(summary), Origin("demo", "", {}))


def section(section):
    return printed(lambda console: print_section(section, console, UNICODE))


OUTPUTS = {
    "terminal": lambda it: printed(lambda to: print_report(summary_of(it), find(summary_of(it)), to)),
    "markdown": lambda it: to_markdown(summary_of(it), find(summary_of(it))),
    "page": page_of,
    "layers": lambda it: section(layers_section(health(stored(it)[0], LAYERS), simulated=it)),
    "rates": lambda it: section(tuning_section(choose(stored(it)[0]), [0], UNICODE, simulated=it)),
    "plan": plan_of,
    "progress lines": lambda it: progress_of(it, force_terminal=False),
    "progress bar": lambda it: progress_of(it, force_terminal=True, _environ={"TERM": "xterm"}),
    "gate": lambda it: printed(lambda to: print_comparison(compared(it), RED, to)),
    "JUnit": lambda it: to_junit(compared(it)).decode(),
    "step summary": lambda it: to_summary(compared(it), RED),
} | {f"dashboard {kind}": lambda it, kind=kind: export(compared(it), kind) for kind in KINDS}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_text_about_made_up_results_is_marked_and_no_other(output):
    assert MARK in output(True)
    assert MARK not in output(False)


@pytest.mark.parametrize("name", ["terminal", "markdown", "page", "gate", "step summary"])
def test_what_the_mark_means_is_said_where_there_is_room(name):
    assert EXPLANATION in OUTPUTS[name](True).replace("\n", " ")


def test_every_line_of_progress_is_marked():
    assert all(line.startswith(f"{MARK} ") for line in progress_of(True, force_terminal=False).splitlines())


def test_title_and_banner_of_the_page_are_marked():
    page = page_of(True)
    assert f"<title>{MARK} digits" in page
    assert f'<p class="simulated" role="note">{EXPLANATION}</p>' in page
    assert f'"mark": "{MARK}"' in page


@pytest.mark.parametrize("simulated", [True, False])
def test_the_title_of_every_figure_is_marked(simulated):
    stored_curves = stored(simulated)[1]
    drawn = dict(figures(summary_of(simulated), stored_curves, layers_of(stored(simulated)[0])))
    assert {name.partition("-")[0] for name in drawn} == {
        "convergence",
        "overfitting",
        "speed",
        "interactions",
        "layers",
    }
    assert {figure.get_suptitle().startswith(f"{MARK} ") for figure in drawn.values()} == {simulated}


def layers_of(runs):
    rows = [(run_id, 0, "output", "gradient_norm", 1.0) for run_id in runs["run_id"]]
    return pd.DataFrame(rows, columns=LAYERS.columns)


@pytest.mark.parametrize("simulated", [True, False])
def test_documents_say_whether_results_are_made_up(simulated):
    summary = summary_of(simulated)
    assert json.loads(to_json(summary, find_all(summary)))["simulated"] is simulated
    assert json.loads(gate_json(compared(simulated), RED, 4))["simulated"] is simulated
    rows = list(csv.DictReader(io.StringIO(to_csv(summary, find_all(summary)))))
    assert {row["simulated"] for row in rows} == {str(simulated)}


def test_every_annotation_is_marked():
    lines = to_annotations(compared(True), RED)
    assert all(f" title={MARK} " in line for line in lines)
    many = comparison(*[ALL.findings[0]] * 20, simulated=True)
    assert all(f" title={MARK} " in line for line in to_annotations(many, RED))
    assert not any(MARK in line for line in to_annotations(compared(False), RED))
